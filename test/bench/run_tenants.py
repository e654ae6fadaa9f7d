"""Tenants: 10, 1,000 and 100,000 of unequal size (Zipf), each query for one of them: a key column, a B-tree beside the index, partial
indexes, partitions. The largest tenant, the one in the middle of the rows, and a small one. Writes build/bench/tenants.{md,json}.

A key column is asked once by a condition of the query and once by a policy (row-level security). The database is made once
and kept; --prepare makes it and measures nothing."""
import argparse
import os
import time

import numpy as np

import common
from datasets import load_set
from filter_data import K, kth_distances, recall
from tables import database

COUNTS = (10, 1000, 100000)
PARTITIONED = (10, 1000)
PARTIAL = (10,)


def tenants_of_rows(rows, count, random):
    """Tenant t has a share in proportion to 1 / (t + 1)."""
    weights = 1 / np.arange(1, count + 1)
    return random.choice(count, rows, p=weights / weights.sum()).astype(np.int32)


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.data = load_set(arguments.set, 10000)
        self.client = common.build_client()
        self.cluster = common.Cluster("tenants", VQ_AUTOVACUUM="off", VQ_SHARED_BUFFERS="2GB",
                                      VQ_CONF="maintenance_work_mem = 1GB\nmax_locks_per_transaction = 1024\nmax_parallel_workers_per_gather = 0")
        self.database = "tenants_" + self.data.table
        self.stem = os.path.join(common.BUILD, "bench", self.database)
        random = np.random.default_rng(5)
        self.tenants = {count: tenants_of_rows(self.data.rows, count, random) for count in COUNTS}
        self.queries = self.data.float_queries()[:arguments.queries]
        self.file = self.stem + ".queries.npy"
        np.save(self.file, self.queries)
        self.rows = []

    def sql(self, statement, **options):
        return self.cluster.sql(statement, self.database, **options)

    def once(self, what, name, *statements):
        """Makes the relation `name`, unless an earlier run did."""
        if self.sql(f"SELECT 1 WHERE to_regclass('{name}') IS NOT NULL"):
            return
        started = time.time()
        for statement in statements:
            self.sql(statement)
        print(f"{what}: {time.time() - started:.0f} s", flush=True)

    def prepare(self):
        database(self.cluster, self.database, "vectorq_pgvector")
        self.once("rows", "items", *self.load())
        self.once("key columns", "keyed", "CREATE INDEX keyed ON items USING ah (embedding vector_l2_ops, t10, t1000, t100000)")
        self.once("plain", "plain", "CREATE INDEX plain ON items USING ah (embedding vector_l2_ops)")
        for count in COUNTS:
            self.once(f"B-tree of {count}", f"btree{count}", f"CREATE INDEX btree{count} ON items (t{count})")
        for count in PARTIAL:
            self.once(f"{count} partial indexes", f"partial{count}_0", *(
                f"CREATE INDEX partial{count}_{t} ON items USING ah (embedding vector_l2_ops) WHERE t{count} = {t}" for t in range(count)))
        for count in PARTITIONED:
            self.once(f"{count} partitions", f"parted{count}", f"CREATE TABLE parted{count} (LIKE items) PARTITION BY LIST (t{count})",
                      ";".join(f"CREATE TABLE parted{count}_{t} PARTITION OF parted{count} FOR VALUES IN ({t})" for t in range(count)),
                      f"INSERT INTO parted{count} SELECT * FROM items", f"CREATE INDEX ON parted{count} USING ah (embedding vector_l2_ops)")
            self.sql(f"ANALYZE parted{count}")
        self.sql("VACUUM (ANALYZE, FREEZE) items")

    def load(self):
        path = self.stem + ".tsv"
        if not self.sql("SELECT 1 WHERE to_regclass('items') IS NOT NULL"):
            self.sql(f"DROP TABLE IF EXISTS vectors, columns; CREATE TABLE vectors (id bigint, embedding vector({self.data.dims}))")
            common.load(self.client, self.cluster, self.database, "vectors", self.data.base_file, self.data.rows)
            np.savetxt(path, np.stack([np.arange(self.data.rows), *self.tenants.values()], axis=1), "%d", "\t")
            self.sql("CREATE TABLE columns (id bigint, t10 int, t1000 int, t100000 int)")
            with open(path) as file:
                self.sql("COPY columns FROM STDIN", stdin=file)
            os.unlink(path)
        return ("CREATE TABLE items AS SELECT id, t10, t1000, t100000, embedding FROM vectors JOIN columns USING (id) ORDER BY id",
                "DROP TABLE vectors, columns", "DROP ROLE IF EXISTS bench_tenant", "CREATE ROLE bench_tenant",
                "GRANT SELECT ON items TO bench_tenant")

    # ---- ways

    def show(self, indexes):
        names = ", ".join(f"'{index}'::regclass" for index in indexes)
        self.sql(f"UPDATE pg_index SET indisvalid = indexrelid IN ({names}) WHERE indrelid = 'items'::regclass")

    def ways(self, count, tenant):
        """Way -> indexes of `items` that are shown, table, condition, settings."""
        condition = f"t{count} = {tenant}"
        out = {"key column": (["keyed"], "items", condition, ["SET enable_seqscan = off"]),
               "key column by a policy": (["keyed"], "items", "true", [f"SET app.tenant = {tenant}", "SET ROLE bench_tenant"]),
               "key column and B-tree": (["keyed", f"btree{count}"], "items", condition, []),
               "B-tree and index": (["plain", f"btree{count}"], "items", condition, [])}
        if count in PARTIAL:
            out["partial index"] = ([f"partial{count}_{tenant}"], "items", condition, [])
        if count in PARTITIONED:
            out["partition"] = (["plain"], f"parted{count}", condition, [])
        return out

    def measure(self, count, size, tenant):
        mask = self.tenants[count] == tenant
        limits = kth_distances(self.data.base, self.queries, [mask])[0]
        self.sql(f"DROP POLICY IF EXISTS own ON items; CREATE POLICY own ON items TO bench_tenant USING (t{count} = current_setting('app.tenant')::int); "
                 "ALTER TABLE items ENABLE ROW LEVEL SECURITY")
        for way, (indexes, table, condition, sets) in self.ways(count, tenant).items():
            self.show(indexes)
            figures, ids = common.ask(self.client, self.cluster, self.database, self.file,
                                      f"SELECT id FROM {table} WHERE {condition} ORDER BY embedding <-> $1 LIMIT {K}",
                                      sets=[f"SET vectorq.target_recall = {self.arguments.target}", *sets], k=K, warmup=20)
            row = {"tenants": count, "tenant": size, "rows": int(mask.sum()), "way": way, "recall": round(recall(ids, self.data.base, self.queries, mask, limits), 4),
                   "ms": round(figures["mean_ms"], 3), "cpu_ms": round(figures["cpu_ms"], 3)}
            self.rows.append(row)
            print(" ".join(f"{value}" for value in row.values()), flush=True)

    def run(self):
        for count in COUNTS:
            sizes = np.sort(np.bincount(self.tenants[count], minlength=count))[::-1]
            order = np.argsort(-np.bincount(self.tenants[count], minlength=count), kind="stable")
            middle = int(np.searchsorted(np.cumsum(sizes), self.data.rows / 2))
            small = int(np.searchsorted(-sizes, -K)) if sizes[-1] < K else count - 1
            for size, at in (("largest", 0), ("middle", middle), ("small", min(small, count - 1))):
                self.measure(count, size, int(order[at]))


def report(rows):
    ways = list(dict.fromkeys(row["way"] for row in rows))
    lines = ["| tenants | rows of the tenant | " + " | ".join(ways) + " |", "|---" * (2 + len(ways)) + "|"]
    for key in dict.fromkeys((row["tenants"], row["tenant"], row["rows"]) for row in rows):
        cells = {row["way"]: f"{row['recall']:.3f}, {row['ms']:.3g}" for row in rows if (row["tenants"], row["tenant"], row["rows"]) == key}
        lines.append(f"| {key[0]:,} | {key[2]:,} | " + " | ".join(cells.get(way, "") for way in ways) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", default="sift-photo", help="a data set of datasets.py; sift-photo:100000 are its first rows")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--target", type=float, default=0.95)
    parser.add_argument("--prepare", action="store_true", help="make the database, measure nothing")
    arguments = parser.parse_args()
    os.makedirs(os.path.join(common.BUILD, "bench"), exist_ok=True)
    bench = Bench(arguments)
    with common.running(bench.cluster):
        bench.prepare()
        if not arguments.prepare:
            bench.run()
            print(common.write_result(os.path.join(common.BUILD, "bench", "tenants"), report(bench.rows), bench.rows))


if __name__ == "__main__":
    main()
