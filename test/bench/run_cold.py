#!/usr/bin/env python3
"""Queries that find nothing in memory but what an eighth of the index leaves room for: vectorq beside pgvector's hnsw.

    make bench-cold [BENCH_ARGS='--rows 200000 ...']

Each index is climbed in warm caches to the first setting that reaches the target recall. Then the server is restarted with
shared_buffers of an eighth of vectorq's index, and runs queries one by one; before each, the files of index and table
are dropped from the page cache (posix_fadvise), so that what shared_buffers do not hold comes from disk. hnsw gets the
same shared_buffers. The first query of a fresh connection, which reads the centroids, is among them. Blocks are what the
server asked the operating system for, of index and table; bytes are what the disk delivered for the server's process,
read ahead by the kernel or not needed. Results: build/bench/cold.md, cold.json.
"""
import argparse
import math
import os
import time

from common import BUILD, DATA, Cluster, ask, build_client, cpu_name, recall, run, timed_build, write_result
from sift import BASE_FILE, QUERY_FILE, exact, load_sift
from tables import check_plan, fill, show_only

TABLE, K = "items", 10
SQL = f"SELECT id FROM {TABLE} ORDER BY embedding <-> $1 LIMIT {K}"
HNSW = ("hnsw", "vector", "hnsw (embedding vector_l2_ops) WITH (m = 16, ef_construction = 64)", "hnsw.ef_search", 10)
# Name, extension, index, the setting to climb and where it begins.
INDEXES = [
    ("ah", "vectorq", "ah (embedding)", "vectorq.nprobe", 4),
    ("ah_f16", "vectorq", "ah (embedding) WITH (reorder = f16)", "vectorq.nprobe", 4),
    ("ah_sq8", "vectorq", "ah (embedding) WITH (reorder = sq8)", "vectorq.nprobe", 4),
    ("ivf_sq8", "vectorq", "ivf (embedding) WITH (quantizer = sq8, reorder = off)", "vectorq.nprobe", 8),
    ("ivf_flat", "vectorq", "ivf (embedding)", "vectorq.nprobe", 8),
]


class Bench:
    def __init__(self, options):
        self.options = options
        self.base, self.queries = load_sift(options.rows, options.queries)
        # The truth of 1,000 queries is cached by the other benchmarks, too.
        self.limits = exact(options.rows, self.base, load_sift(options.rows, max(1000, options.queries))[1], K)[:options.queries]
        self.client = build_client()
        conf = "\n".join(["max_wal_size = 16GB", "checkpoint_timeout = 1h", "max_parallel_workers_per_gather = 0", "jit = off"])
        self.cluster = Cluster("cold", VQ_SHARED_BUFFERS="2GB", VQ_AUTOVACUUM="off", VQ_CONF=conf)

    def restart(self, shared_buffers):
        self.cluster.sql(f"ALTER SYSTEM SET shared_buffers = '{shared_buffers}'")
        self.cluster.stop()
        self.cluster = Cluster("cold")

    def sets(self, index, step, io):
        return [f"SET {index[3]} = {step}", "SET enable_seqscan = off", f"SET effective_io_concurrency = {io}"]

    def database(self, index):
        return "bench_" + index[1]

    def build(self, index):
        name, _, definition, _, _ = index
        made = timed_build(self.cluster, self.database(index),
                           [f"SET maintenance_work_mem = '{self.options.maintenance_work_mem}'",
                            "SET max_parallel_maintenance_workers = 1", f"DROP INDEX IF EXISTS {name}"],
                           f"CREATE INDEX {name} ON {TABLE} USING {definition}")
        size = int(self.cluster.value(f"SELECT pg_relation_size('{name}')", self.database(index)))
        print(f"{name}: built in {made['seconds']:.0f} s, {size / 2**20:.0f} MB", flush=True)
        return size

    def climb(self, index):
        """The first setting that reaches the target, in warm caches, and its recall."""
        name, step = index[0], index[4]
        show_only(self.cluster, self.database(index), TABLE, name)
        check_plan(self.cluster, self.database(index), SQL, name, self.base.shape[1])
        while True:
            figures, ids = ask(self.client, self.cluster, self.database(index), QUERY_FILE, SQL, self.sets(index, step, 0), K,
                               self.options.queries)
            found = recall(ids, self.base, self.queries, self.limits)
            print(f"  {name}: {index[3]} {step}: recall@{K} {found:.4f}, warm {figures['mean_ms']:.3f} ms", flush=True)
            if found >= self.options.target or step >= 4000:
                return dict(step=step, recall=found, warm_ms=figures["mean_ms"])
            step = max(step + 1, math.ceil(step * 1.2))

    def drop_list(self, index):
        """A file that names the files of table (with TOAST) and index."""
        out = os.path.join(BUILD, "bench", "cold-files")
        paths = [row[0] for row in self.cluster.sql(
            "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relname IN ('{0}', '{1}') "
            "OR oid = (SELECT reltoastrelid FROM pg_class WHERE relname = '{0}')".format(TABLE, index[0]), self.database(index)) if row[0]]
        with open(out, "w") as file:
            for path in paths:
                whole = os.path.join(self.cluster.env["PGDATA"], path)
                parts = [whole] + [f"{whole}.{n}" for n in range(1, 100) if os.path.exists(f"{whole}.{n}")]
                file.write("".join(part + "\n" for part in parts))
        return out

    def blocks(self, index):
        return int(self.cluster.value(
            "SELECT sum(heap_blks_read) + (SELECT sum(idx_blks_read) FROM pg_statio_all_indexes WHERE indexrelname = '{1}') "
            "FROM pg_statio_all_tables WHERE relname = '{0}'".format(TABLE, index[0]), self.database(index)))

    def cold(self, index, step, io):
        """Restarts the server, which must have the wanted shared_buffers by then, and asks."""
        self.cluster.stop()
        self.cluster = Cluster("cold")
        before = self.blocks(index)
        figures, ids = ask(self.client, self.cluster, self.database(index), QUERY_FILE, SQL, self.sets(index, step, io), K,
                           self.options.queries, drop=self.drop_list(index))
        time.sleep(1)  # the session's counters arrive when it has ended
        n = self.options.queries
        figures["blocks"] = (self.blocks(index) - before) / n
        figures["mb"] = figures["read_bytes"] / n / 2**20 if figures["read_bytes"] >= 0 else float("nan")
        figures["recall"] = recall(ids, self.base, self.queries, self.limits)
        return figures


def line(name, setting, io, f, other):
    ratio = f"{other['mean_ms'] / f['mean_ms']:.1f}" if other else ""
    return (f"| {name} | {setting} | {io} | {f['recall']:.3f} | {f['blocks']:.0f} | {f['mb']:.2f} | {f['mean_ms']:.1f} | "
            f"{f['p50_ms']:.1f} | {f['p99_ms']:.1f} | {f['qps']:.1f} | {ratio} |")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="first N of the million rows")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--target", type=float, default=0.95, help="recall@10")
    parser.add_argument("--only", nargs="+", help="names of vectorq's indexes: " + ", ".join(i[0] for i in INDEXES))
    parser.add_argument("--no-hnsw", action="store_true")
    parser.add_argument("--io", type=int, nargs="+", default=[0, 1, 64], help="values of effective_io_concurrency")
    parser.add_argument("--maintenance-work-mem", default="1GB")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    return parser.parse_args()


def main():
    options = parse()
    bench = Bench(options)
    indexes = [i for i in INDEXES if not options.only or i[0] in options.only]
    peers = indexes if options.no_hnsw else indexes + [HNSW]
    lines, result = [], dict(options=vars(options), cpu=cpu_name())
    try:
        bench.restart("2GB")
        if not options.no_hnsw:
            run(os.path.join(os.path.dirname(__file__), "../../scripts/pgvector.sh"), env={**os.environ, "BUILD": BUILD, "VQ_DATA": DATA})
        for extension in dict.fromkeys(i[1] for i in peers):
            fill(bench.cluster, bench.client, extension, "bench_" + extension, TABLE, BASE_FILE, options.rows, bench.base.shape[1])
        sizes = {i[0]: bench.build(i) for i in peers}
        settings = {i[0]: bench.climb(i) for i in peers}
        bench.cluster.sql("CHECKPOINT")
        for index in indexes:
            memory = max(sizes[index[0]] // 8, 8 * 2**20)
            bench.restart(f"{memory // 1024}kB")
            other = None
            lines += ["", f"{index[0]}: index {sizes[index[0]] / 2**20:.0f} MB, shared_buffers {memory / 2**20:.0f} MB for both", "",
                      "| index | setting | effective_io_concurrency | recall@10 | blocks | MB from disk | mean ms | p50 | p99 | q/s | times hnsw's |",
                      "|---|---|---|---|---|---|---|---|---|---|---|"]
            if not options.no_hnsw:
                show_only(bench.cluster, bench.database(HNSW), TABLE, HNSW[0])
                step = settings["hnsw"]["step"]
                other = result[f"hnsw beside {index[0]}"] = bench.cold(HNSW, step, 1)
                lines.append(line("hnsw", f"ef_search {step}", "", other, None))
            show_only(bench.cluster, bench.database(index), TABLE, index[0])
            for io in options.io:
                step = settings[index[0]]["step"]
                figures = result[f"{index[0]} {io}"] = bench.cold(index, step, io)
                lines.append(line(index[0], f"nprobe {step}", io, figures, other))
            print("\n".join(lines[-1 - len(options.io):]), flush=True)
    finally:
        bench.cluster.sql("ALTER SYSTEM RESET shared_buffers")
        if not options.keep:
            bench.cluster.stop()
    text = "\n".join([f"# Cold caches: {options.rows:,} SIFT rows, {options.queries} queries, {bench.base.shape[1]} dimensions", "",
                      f"{cpu_name()}, {time.strftime('%Y-%m-%d %H:%M')}; one connection; means a query.", *lines]) + "\n"
    result.update(sizes=sizes, settings=settings)
    print(write_result(os.path.join(BUILD, "bench", "cold"), text, result))


if __name__ == "__main__":
    main()
