"""Filters: `ah` with key columns, with a bitmap of a B-tree, with the executor's filter; beside an exact sort. Writes build/bench/filter.{md,json}.

Columns: `bucket` is random, 0 to 999; `region` is 1 for the rows nearest to one row (a cluster of a hundredth), else 0;
`tenant` is 1 for three such clusters of a thousandth together. Recall is among the rows that match, against an exact
scan."""
import argparse
import os
import tempfile

import numpy as np

import common

K = 10
FILTERS = {
    "none": ("true", lambda a: np.ones(len(a["bucket"]), bool)),
    "random 0.1 %": ("bucket = 7", lambda a: a["bucket"] == 7),
    "random 1 %": ("bucket < 10", lambda a: a["bucket"] < 10),
    "random 10 %": ("bucket < 100", lambda a: a["bucket"] < 100),
    "random 50 %": ("bucket < 500", lambda a: a["bucket"] < 500),
    "cluster 1 %": ("region = 1", lambda a: a["region"] == 1),
    "near cluster 1 %": ("region = 1", lambda a: a["region"] == 1),
    "three clusters .3 %": ("tenant = 1", lambda a: a["tenant"] == 1),
    "three conditions": ("bucket < 200 AND region = 0 AND tenant IN (0, 2)",
                         lambda a: (a["bucket"] < 200) & (a["region"] == 0) & (a["tenant"] != 1)),
}


def sq_distances(rows, queries):
    return (rows ** 2).sum(1)[None] + (queries ** 2).sum(1)[:, None] - 2 * queries @ rows.T


def make_columns(base):
    random = np.random.default_rng(3)
    columns = {"bucket": random.integers(0, 1000, len(base)), "region": np.zeros(len(base), int),
               "tenant": np.zeros(len(base), int)}
    centers = random.choice(len(base), 4, replace=False)
    near = np.argsort(sq_distances(base, base[centers]), axis=1)
    columns["region"][near[0][:len(base) // 100]] = 1
    for center in range(1, 4):
        columns["tenant"][near[center][:len(base) // 1000]] = 1
    return columns, base[centers[0]]


def exact(base, queries, mask):
    rows = np.flatnonzero(mask)
    found = []
    for part in np.array_split(queries, 20):
        distance = sq_distances(base[rows], part)
        k = min(K, len(rows))
        found.append(np.sort(np.partition(distance, k - 1, axis=1)[:, :k], axis=1)[:, -1])
    return np.concatenate(found)


def recall(ids, base, queries, mask, limits):
    wanted = min(K, int(mask.sum()))
    hits = 0
    for found, query, limit in zip(ids, queries, limits):
        found = np.unique(found[found >= 0])
        assert mask[found].all()
        hits += min(wanted, int((((base[found] - query) ** 2).sum(1) <= limit * (1 + 1e-5) + 1e-3).sum()))
    return hits / (wanted * len(queries))


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.client = common.build_client()
        self.cluster = common.Cluster("filter", VQ_CONF="shared_buffers = 2GB\nmaintenance_work_mem = 1GB\nmax_parallel_workers_per_gather = 0",
                                      VQ_AUTOVACUUM="off")
        base = np.load(os.path.join(common.DATA, "sift-photo-1000000.base.npy"), mmap_mode="r")[:arguments.rows]
        self.file = os.path.join(common.BUILD, "bench", "filter.base.npy")
        np.save(self.file, base)
        self.base = base.astype(np.float32)
        self.queries = np.load(os.path.join(common.DATA, "sift-photo-1000000.query.npy")).astype(np.float32)
        self.columns, self.center = make_columns(self.base)
        self.rows = []

    def load(self):
        sql = self.cluster.sql
        sql("DROP DATABASE IF EXISTS filter")
        sql("CREATE DATABASE filter")
        sql("CREATE EXTENSION vectorq", "filter")
        sql("CREATE TABLE vectors (id bigint, embedding vector(128))", "filter")
        common.load(self.client, self.cluster, "filter", "vectors", self.file)
        sql("CREATE TABLE columns (id bigint, bucket int, region int, tenant int)", "filter")
        with tempfile.TemporaryFile("w+") as file:
            for row in zip(range(len(self.base)), *(self.columns[c] for c in ("bucket", "region", "tenant"))):
                file.write("\t".join(map(str, row)) + "\n")
            file.seek(0)
            sql("COPY columns FROM STDIN", "filter", stdin=file)
        for table in ("keyed", "plain"):
            sql(f"CREATE TABLE {table} AS SELECT id, embedding, bucket, region, tenant FROM vectors JOIN columns USING (id) ORDER BY id", "filter")
        sql("CREATE INDEX keyed_idx ON keyed USING ah (embedding vector_l2_ops, bucket, region, tenant)", "filter")
        sql("CREATE INDEX plain_idx ON plain USING ah (embedding vector_l2_ops)", "filter")
        for column in ("bucket", "region", "tenant"):
            sql(f"CREATE INDEX ON plain ({column})", "filter")
        sql("VACUUM ANALYZE keyed", "filter")
        sql("VACUUM ANALYZE plain", "filter")
        for index in ("keyed_idx", "plain_idx"):
            print(index, sql(f"SELECT pg_relation_size('{index}')", "filter"), flush=True)

    def measure(self, name, way, table, sets, queries, file):
        condition, match = FILTERS[name]
        mask = match(self.columns)
        limits = exact(self.base, queries, mask)
        for target in self.arguments.targets:
            figures, ids = common.ask(self.client, self.cluster, "filter", file,
                                      f"SELECT id FROM {table} WHERE {condition} ORDER BY embedding <-> $1 LIMIT {K}",
                                      sets=[f"SET vectorq.target_recall = {target}", *sets], k=K, warmup=50,
                                      repeats=self.arguments.repeats)
            row = {"filter": name, "way": way, "target": target,
                   "recall": round(recall(ids, self.base, queries, mask, limits), 4), **figures}
            self.rows.append(row)
            print({k: v for k, v in row.items() if k in ("filter", "way", "target", "recall", "qps", "cpu_ms", "p50_ms", "p95_ms")}, flush=True)

    def run(self):
        self.load()
        anywhere = self.queries[:self.arguments.queries]
        nearest = self.queries[np.argsort(((self.queries - self.center) ** 2).sum(1))[:self.arguments.queries // 4]]
        files = {}
        for name, queries in (("anywhere", anywhere), ("near", nearest)):
            files[name] = os.path.join(common.BUILD, "bench", f"filter.{name}.npy")
            np.save(files[name], queries)
        ways = {"key columns": ("keyed", ["SET enable_seqscan = off"]),
                "planner": ("plain", []),
                "executor": ("plain", ["SET enable_seqscan = off", "SET enable_bitmapscan = off", "SET enable_sort = off", *self.arguments.executor_sets])}
        for name in self.arguments.filters or FILTERS:
            for way in self.arguments.ways or ways:
                near = name.startswith("near")
                self.measure(name, way, *ways[way], nearest if near else anywhere, files["near" if near else "anywhere"])


def report(rows):
    lines = ["| filter | way | target | recall@10 | queries/s | processor ms |", "|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['filter']} | {row['way']} | {row['target']} | {row['recall']:.4f} | {row['qps']:.0f} | {row['cpu_ms']:.3f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--targets", nargs="+", type=float, default=[0.9, 0.95, 0.98])
    parser.add_argument("--filters", nargs="+", choices=list(FILTERS))
    parser.add_argument("--ways", nargs="+")
    parser.add_argument("--executor-sets", nargs="*", default=[])
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    os.makedirs(os.path.join(common.BUILD, "bench"), exist_ok=True)
    bench = Bench(arguments)
    with common.running(bench.cluster):
        bench.run()
    print(common.write_result(os.path.join(common.BUILD, "bench", "filter"), report(bench.rows), bench.rows))


if __name__ == "__main__":
    main()
