"""Filtered queries: key columns, the bitmap of a B-tree inside the scan, the exact sort of its rows, the executor's filter, and
which of them the planner takes; beside pgvector and FAISS. Writes build/bench/filter-SET.{md,json}.

Filters are those of filter_data.py. Recall is among the rows that match, against an exact scan. Each way is asked with
rising targets until the recall is reached that --recall names. The planner's choice is shown as the time of the way that it
takes, over the time of the quickest one.

The database is made once and kept: --prepare makes it and measures nothing, so that the measuring can be done in a quiet hour."""
import argparse
import os
import time

import numpy as np

import common
from datasets import load_set
from filter_data import COLUMNS, K, filters, make_columns, recall, truths
from tables import database

OPERATORS = {"l2": ("vector_l2_ops", "<->"), "cosine": ("vector_cosine_ops", "<=>")}
# Way -> indexes that the planner sees, settings that leave it no other plan, or none that is as cheap. There is no setting that
# leaves the bitmap inside the scan alone: where the executor's filter is cheaper by far, that way has no figure.
WAYS = {
    "key columns": (["keyed"], ["SET enable_seqscan = off", "SET enable_sort = off"]),
    "bitmap inside": (["plain", *COLUMNS], ["SET enable_seqscan = off", "SET enable_sort = off"]),
    "exact sort": (["plain", *COLUMNS], ["SET enable_seqscan = off", "SET enable_indexscan = off"]),
    "executor": (["plain"], ["SET enable_seqscan = off", "SET enable_sort = off"]),
}
CHOICES = {"B-trees": ["plain", *COLUMNS], "B-trees and key columns": ["keyed", *COLUMNS]}
PARTIAL = (0.001, 0.01)  # shares of the random filters that get a partial hnsw index


def way_of_plan(lines):
    plan = "\n".join(lines)
    if "VectorqBitmap" in plan:
        return "bitmap inside"
    if "Sort" in plan:
        return "sequential scan" if "Seq Scan" in plan else "exact sort"
    return "key columns" if "keyed" in plan and "Index Cond" in plan else "executor"


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.data = load_set(arguments.set, 10000)
        self.operator = OPERATORS[self.data.metric]
        self.client = common.build_client()
        self.cluster = common.Cluster("filter", VQ_AUTOVACUUM="off", VQ_SHARED_BUFFERS="3GB",
                                      VQ_CONF="maintenance_work_mem = 2GB\nmax_parallel_workers_per_gather = 0")
        self.database = "filter_" + self.data.table
        self.stem = os.path.join(common.BUILD, "bench", self.database)
        self.columns, center = make_columns(self.data.base)
        queries = self.data.float_queries()
        near = np.argsort(((queries - center) ** 2).sum(1))[:arguments.queries]
        self.queries = {False: queries[:arguments.queries], True: np.ascontiguousarray(queries[near])}
        self.files = {near: f"{self.stem}.queries{int(near)}.npy" for near in (False, True)}
        for near, file in self.files.items():
            np.save(file, self.queries[near])
        self.filters = filters(self.data.rows)
        self.rows, self.choices = [], []

    def sql(self, statement, **options):
        return self.cluster.sql(statement, self.database, **options)

    # ---- the database

    def prepare(self):
        self.truth = truths(self.data, f"{self.stem}.truth{self.arguments.queries}", self.queries, self.filters, self.columns)
        database(self.cluster, self.database, "vectorq_pgvector")
        if not self.sql("SELECT 1 WHERE to_regclass('items') IS NOT NULL"):
            self.load()
        opclass = self.operator[0]
        wanted = {"plain": f"USING ah (embedding {opclass})", "keyed": f"USING ah (embedding {opclass}, {', '.join(COLUMNS)})",
                  **{column: f"({column})" for column in COLUMNS}}
        if self.arguments.peers:
            wanted["hnsw"] = f"USING hnsw (embedding {opclass})"
            for f in self.filters:
                if f.kind == "random" and f.share in PARTIAL:
                    wanted[f"hnsw_{100 * f.share:g}".replace(".", "_")] = f"USING hnsw (embedding {opclass}) WHERE {f.condition}"
        for name, what in wanted.items():
            if not self.sql(f"SELECT 1 WHERE to_regclass('{name}') IS NOT NULL"):
                started = time.time()
                self.sql(f"SET max_parallel_maintenance_workers = 1; CREATE INDEX {name} ON items {what}")
                print(f"made {name}: {time.time() - started:.0f} s", flush=True)
        self.sql("UPDATE pg_index SET indisready = true, indisvalid = true WHERE indrelid = 'items'::regclass")
        self.sql("VACUUM (ANALYZE, FREEZE) items")

    def load(self):
        self.sql(f"CREATE TABLE vectors (id bigint, embedding vector({self.data.dims}))")
        common.load(self.client, self.cluster, self.database, "vectors", self.data.base_file, self.data.rows)
        self.sql(f"CREATE TABLE columns (id bigint, {', '.join(f'{c} int' for c in COLUMNS)})")
        path = self.stem + ".columns.tsv"
        np.savetxt(path, np.stack([np.arange(self.data.rows), *(self.columns[c] for c in COLUMNS)], axis=1), "%d", "\t")
        with open(path) as file:
            self.sql("COPY columns FROM STDIN", stdin=file)
        os.unlink(path)
        self.sql(f"CREATE TABLE items AS SELECT id, {', '.join(COLUMNS)}, embedding FROM vectors JOIN columns USING (id) ORDER BY id")
        self.sql("DROP TABLE vectors, columns")
        print(f"loaded {self.data.rows} rows", flush=True)

    # ---- one figure

    def show(self, indexes):
        names = ", ".join(f"'{index}'::regclass" for index in indexes)
        self.sql(f"UPDATE pg_index SET indisvalid = indexrelid IN ({names}) WHERE indrelid = 'items'::regclass")

    def statement(self, filter):
        return f"SELECT id FROM items WHERE {filter.condition} ORDER BY embedding {self.operator[1]} $1 LIMIT {K}"

    def plan(self, filter, sets):
        prepare = f"PREPARE q(vector) AS {self.statement(filter)}"
        one = "'[" + ",".join("1" * self.data.dims) + "]'"
        lines = self.sql("; ".join([*sets, "SET plan_cache_mode = force_generic_plan", prepare, f"EXPLAIN (COSTS off) EXECUTE q({one})"]))
        return [line[0] for line in lines]

    def ask(self, filter, sets, queries):
        return common.ask(self.client, self.cluster, self.database, self.files[filter.near], self.statement(filter), sets=sets,
                          k=K, queries=queries, warmup=20 if queries > 2 else 1)

    def measure(self, filter, way, sets, setting):
        """As many queries as the seconds allow, or None where even one takes too long."""
        sets = ["SET statement_timeout = '20s'", "SET plan_cache_mode = force_generic_plan", *sets]
        try:
            figures, ids = self.ask(filter, sets, 2)
            count = 2
            if figures["mean_ms"] <= self.arguments.slow:
                count = int(max(4, min(self.arguments.queries, 1000 * self.arguments.seconds / figures["mean_ms"])))
                figures, ids = self.ask(filter, sets, count)
        except SystemExit as error:
            if "statement timeout" not in str(error):
                raise
            self.note(filter, way, setting, 0, 0, 20000.0, 20000.0)
            return None
        mask, limits = self.truth[filter.name]
        found = recall(ids, self.data.base, self.queries[filter.near], mask, limits)
        return self.note(filter, way, setting, found, count, figures["mean_ms"], figures["cpu_ms"])

    def note(self, filter, way, setting, found, queries, ms, cpu_ms):
        row = {"filter": filter.name, "way": way, "setting": setting, "recall": round(found, 4), "queries": queries, "ms": round(ms, 3),
               "cpu_ms": round(cpu_ms, 3)}
        self.rows.append(row)
        print(" ".join(f"{value}" for value in row.values()), flush=True)
        return row

    # ---- all of them

    def measure_way(self, filter, way):
        indexes, sets = WAYS[way]
        if filter.share == 1 and way != "key columns" and way != "executor":
            return
        self.show(indexes)
        taken = way_of_plan(self.plan(filter, sets))
        if taken != way and filter.share < 1:
            print(f"{filter.name}: no plan that is {way}, but {taken}", flush=True)
            return
        for target in self.arguments.targets:
            row = self.measure(filter, way, [f"SET vectorq.target_recall = {target}", *sets], f"target {target}")
            if row is None or row["recall"] >= self.arguments.recall or way == "exact sort" or row["ms"] > self.arguments.slow:
                return

    def note_choices(self, filter):
        for name, indexes in CHOICES.items():
            self.show(indexes)
            way = way_of_plan(self.plan(filter, [f"SET vectorq.target_recall = {self.arguments.targets[0]}"]))
            self.choices.append({"filter": filter.name, "tables": name, "way": way})
            print(filter.name, name, "takes", way, flush=True)

    def run(self):
        import filter_peers
        wanted = [f for f in self.filters if not self.arguments.filters or f.name in self.arguments.filters]
        faiss = filter_peers.Faiss(self.data, self.stem) if "faiss" in self.arguments.peers else None
        for f in wanted:
            for way in self.arguments.ways:
                self.measure_way(f, way)
            self.note_choices(f)
            if "hnsw" in self.arguments.peers and (f.share >= 0.001 or f.kind == "random"):
                filter_peers.measure_hnsw(self, f, False)
                if f.kind == "random" and f.share in PARTIAL:
                    filter_peers.measure_hnsw(self, f, True)
            if faiss:
                faiss.measure(self, f)


def report(bench):
    """One line a filter: of each way the first row that reaches the recall (else its last), and what the planner takes."""
    ways = list(dict.fromkeys(row["way"] for row in bench.rows))
    lines = ["| rows that match | " + " | ".join(f"{way}: recall, ms" for way in ways) + " | " + " | ".join(CHOICES) + " |",
             "|---" * (1 + len(ways) + len(CHOICES)) + "|"]
    for f in bench.filters:
        last = {row["way"]: row for row in bench.rows if row["filter"] == f.name}
        if not last:
            continue
        cells = [f"{last[way]['recall']:.3f}, {last[way]['ms']:.3g}" if way in last else "" for way in ways]
        for choice in (c for c in bench.choices if c["filter"] == f.name):
            best = {way: row["cpu_ms"] for way, row in last.items() if way in WAYS and (way != "key columns" or "key" in choice["tables"])}
            times = f" × {best[choice['way']] / min(best.values()):.2f}" if choice["way"] in best else ""
            cells.append(choice["way"] + times)
        lines.append(f"| {f.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", default="sift-photo", help="a data set of datasets.py; sift-photo:100000 are its first rows")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0, help="at most so many for one figure")
    parser.add_argument("--slow", type=float, default=100, help="milliseconds of a query from which on a higher target is not tried")
    parser.add_argument("--recall", type=float, default=0.98)
    parser.add_argument("--targets", nargs="+", type=float, default=[0.95, 0.97, 0.98, 0.99])
    parser.add_argument("--filters", nargs="+", help="names as the report has them")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--peers", nargs="*", default=[], choices=["hnsw", "faiss"])
    parser.add_argument("--prepare", action="store_true", help="make the database, measure nothing")
    arguments = parser.parse_args()
    os.makedirs(os.path.join(common.BUILD, "bench"), exist_ok=True)
    bench = Bench(arguments)
    with common.running(bench.cluster):
        bench.prepare()
        if not arguments.prepare:
            bench.run()
            print(common.write_result(os.path.join(common.BUILD, "bench", "filter-" + bench.data.table), report(bench), bench.rows + bench.choices))


if __name__ == "__main__":
    main()
