#!/usr/bin/env python3
"""Rows within a radius: `WHERE embedding <<->> sphere(...)` beside FAISS's range_search, at equal recall.

    make bench-bounds [BENCH_ARGS='--rows 200000']

Each query has radii of its own, that hold 0, 1, 10, 100, ... rows. Queries are of other photographs than the rows. One thread on both sides,
one query after the other: vectorq's in a join by loops, so that the server plans once; the same join on an empty index is what SQL takes
by itself, and `net` is without it. FAISS's `IVF,Flat` probes as many lists as it takes for vectorq's recall, and its `range_search` is
called for each query. Times are of the processor, of the fastest of some rounds: the clock's hardly differ where nobody else wants the
machine. Results: build/bench/bounds-ROWS.md and .json.
"""
import argparse
import os
import time

import numpy as np

from common import BUILD, Cluster, Session, build_client, cpu_name, load, processor_seconds, running, timed_build, write_result
from sift import BASE_FILE, QUERY_FILE, load_sift

LADDER = (1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 181, 256, 362, 512, 1024)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--within", type=int, nargs="+", default=[0, 1, 10, 100, 1000, 10000])
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--index", default="ah (embedding vector_l2_ops)", help="access method, column and options")
    parser.add_argument("--set", action="append", default=[], help="a further setting of the session: 'vectorq.nprobe = 10'")
    return parser.parse_args()


def sq_radii(base, queries, counts):
    """(queries, counts): half an integer above the squared distance of the n-th row; and how many rows are within each. Sums of small
    integers are exact."""
    import faiss
    index = faiss.IndexFlatL2(base.shape[1])
    index.add(np.asarray(base, np.float32))
    near = np.rint(index.search(np.asarray(queries, np.float32), max(counts) + 200)[0]).astype(np.int64)
    radii = np.stack([near[:, n - 1] + 0.5 if n else np.maximum(near[:, 0] - 0.5, 0) for n in counts], axis=1)
    return radii, np.stack([(near < radii[:, [i]]).sum(axis=1) for i in range(len(counts))], axis=1)


class Server:
    def __init__(self, cluster, database, options):
        self.session = Session(cluster, database)
        for setting in ["enable_seqscan = off", "enable_hashjoin = off", "max_parallel_workers_per_gather = 0", "jit = off",
                        f"vectorq.target_recall = {options.recall}"] + options.set:
            self.session.run(f"SET {setting};")

    @staticmethod
    def statement(table, column):
        return f"SELECT q.id AS query, t.id FROM bounds_query q JOIN {table} t ON t.embedding <<->> sphere(q.embedding, q.radius[{column + 1}])"

    def run(self, table, column):
        before, started = processor_seconds(self.session.pid), time.time()
        self.session.run(f"SELECT count(*) FROM ({self.statement(table, column)}) s;")
        return time.time() - started, processor_seconds(self.session.pid) - before

    def found(self, column, sq_limit, base, queries):
        """Rows found, each once, and rows outside."""
        lines = self.session.run(self.statement("bounds_row", column) + ";")
        pairs = np.array([line.split("|") for line in lines], np.int64).reshape(-1, 2)
        difference = np.asarray(base)[pairs[:, 1]].astype(np.int64) - queries[pairs[:, 0]].astype(np.int64)
        inside = (difference * difference).sum(axis=1) < sq_limit[pairs[:, 0]]
        return len(np.unique(pairs[inside], axis=0)), int((~inside).sum())

    def plan(self):
        return "\n".join(self.session.run("EXPLAIN (COSTS off) " + self.statement("bounds_row", 0) + ";"))


class Faiss:
    def __init__(self, base, queries):
        import faiss
        faiss.omp_set_num_threads(2)
        self.index = faiss.index_factory(base.shape[1], f"IVF{4 * int(len(base) ** 0.5)},Flat")
        rows = np.asarray(base, np.float32)
        self.index.train(rows[:64 * self.index.nlist])
        self.index.add(rows)
        self.queries = np.asarray(queries, np.float32)
        faiss.omp_set_num_threads(1)

    def run(self, sq_limit, nprobe):
        self.index.nprobe, found = nprobe, 0
        before, started = time.process_time(), time.time()
        for i, limit in enumerate(sq_limit):
            found += int(self.index.range_search(self.queries[i:i + 1], float(limit))[0][-1])
        return found, time.time() - started, time.process_time() - before

    def climb(self, sq_limit, wanted):
        for nprobe in LADDER:
            if self.run(sq_limit, nprobe)[0] >= wanted:
                return nprobe
        return LADDER[-1]


def keep_least(figures, name, seconds, queries):
    figures[name] = min(figures[name], 1000 * seconds / queries)


def report(options, figures):
    lines = [f"# Rows within a radius: {options.queries:,} queries on {options.rows:,} SIFT rows, target {options.recall}", "",
             f"{cpu_name()}, one thread; `{options.index}`; milliseconds of the processor a query.", "",
             "| rows within | recall | outside | lists | vectorq | SQL | net | FAISS `IVF,Flat` | its recall | nprobe | net / FAISS |",
             "|" + "---|" * 11]
    for f in figures:
        lines.append(f"| {f['within']:,} | {f['recall']:.4f} | {f['outside']} | {f['lists']} | {f['ms']:.3f} | {f['sql_ms']:.3f} | {f['net_ms']:.3f} | "
                     f"{f['faiss_ms']:.3f} | {f['faiss_recall']:.4f} | {f['nprobe']} | {f['net_ms'] / f['faiss_ms']:.2f} |")
    return "\n".join(lines) + "\n"


def make_tables(cluster, database, options, queries, radii):
    client = build_client()
    cluster.sql("CREATE EXTENSION vectorq", database)
    for table, file, rows in (("bounds_row", BASE_FILE, options.rows), ("bounds_vector", QUERY_FILE, options.queries)):
        cluster.sql(f"CREATE TABLE {table} (id bigint, embedding vector({queries.shape[1]}))", database)
        load(client, cluster, database, table, file, rows)
    values = ", ".join(f"({i}, ARRAY[{', '.join(repr(float(r)) for r in row)}]::real[])" for i, row in enumerate(np.sqrt(radii)))
    cluster.sql("CREATE TABLE bounds_radius (id bigint, radius real[])", database)
    cluster.sql(f"INSERT INTO bounds_radius VALUES {values}", database)
    cluster.sql("CREATE TABLE bounds_query AS SELECT * FROM bounds_vector JOIN bounds_radius USING (id)", database)
    cluster.sql(f"CREATE TABLE bounds_empty (id bigint, embedding vector({queries.shape[1]}))", database)
    for table in ("bounds_row", "bounds_empty"):
        timed_build(cluster, database, ["SET maintenance_work_mem = '1GB'"], f"CREATE INDEX ON {table} USING {options.index}")
        cluster.sql(f"VACUUM ANALYZE {table}", database)
    cluster.sql("ANALYZE bounds_query", database)


def main():
    options = arguments()
    base, queries = load_sift(options.rows, options.queries)
    radii, within = sq_radii(base, queries, options.within)
    peer = Faiss(base, queries)
    cluster, database = Cluster("bounds", VQ_SHARED_BUFFERS="2GB", VQ_AUTOVACUUM="off"), "bounds"
    figures = []
    with running(cluster):
        cluster.sql("DROP DATABASE IF EXISTS bounds")
        cluster.sql("CREATE DATABASE bounds")
        make_tables(cluster, database, options, queries, radii)
        server = Server(cluster, database, options)
        print(server.plan(), flush=True)
        for i, count in enumerate(options.within):
            inside = int(within[:, i].sum())
            found, outside = server.found(i, radii[:, i], base, queries)
            lists = server.session.run("SELECT lists_probed FROM vectorq_stats();")[-1]
            nprobe = peer.climb(radii[:, i], found)
            f = dict(within=count, recall=found / max(inside, 1), outside=outside, lists=lists, nprobe=nprobe,
                     ms=1e9, sql_ms=1e9, faiss_ms=1e9, clock_ms=1e9, faiss_clock_ms=1e9)
            for _ in range(options.rounds):
                for name, table in (("clock_ms", "bounds_row"), ("", "bounds_empty")):
                    seconds, processor_s = server.run(table, i)
                    keep_least(f, "ms" if name else "sql_ms", processor_s, options.queries)
                    if name:
                        keep_least(f, name, seconds, options.queries)
                there, seconds, processor_s = peer.run(radii[:, i], nprobe)
                keep_least(f, "faiss_ms", processor_s, options.queries)
                keep_least(f, "faiss_clock_ms", seconds, options.queries)
                f["faiss_recall"] = there / max(inside, 1)
            f["net_ms"] = f["ms"] - f["sql_ms"]
            figures.append(f)
            print(f, flush=True)
        os.makedirs(os.path.join(BUILD, "bench"), exist_ok=True)
        print(write_result(os.path.join(BUILD, "bench", f"bounds-{options.rows}"), report(options, figures), dict(figures=figures)))


if __name__ == "__main__":
    main()
