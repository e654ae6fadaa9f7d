#!/usr/bin/env python3
"""Many queries at once: vectorq_knn beside single queries in a LATERAL join, and beside the batches of ScaNN and FAISS.

    make bench-batch [BENCH_ARGS='--rows 200000 --no-join']
    make bench-batch BENCH_ARGS='--set gene --no-join --rounds 3'     the gene study (make_gene.py) as one statement

Two threads everywhere but in LATERAL, which PostgreSQL runs in one process. Each library's setting is the fastest of those that reach
vectorq_knn's recall, in steps of a tenth more lists, with several numbers of rows put in order. All are timed in turn, round after round; figures are of the fastest. Then the self-join of all rows.
Queries are of other photographs or genes than the rows. Results: build/bench/batch-SET-ROWS.md and .json.
"""
import argparse
import bisect
import os
import time

import numpy as np

from common import BUILD, DATA, Cluster, build_client, cpu_name, load, processor_seconds, recall, running, timed_build, write_result, Session
from peers import geometric
from sift import BASE_FILE, QUERY_FILE, exact, load_sift

K = 10


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("sift", "gene"), default="sift")
    parser.add_argument("--rows", type=int, help="the first N (default: a million of SIFT, all of the gene study)")
    parser.add_argument("--queries", type=int, default=10000)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work-mem", default="64MB")
    parser.add_argument("--no-join", action="store_true", help="leave out the self-join")
    parser.add_argument("--no-peers", action="store_true", help="leave out ScaNN and FAISS")
    return parser.parse_args()


class SiftSet:
    title = "SIFT rows"

    def __init__(self, options):
        self.files = (BASE_FILE, QUERY_FILE)
        self.base, self.queries = load_sift(options.rows or 1000000, options.queries)
        self.near = exact(len(self.base), self.base, self.queries, K)

    def recall(self, ids):
        return recall(ids, self.base, self.queries, self.near)


class GeneSet:
    title = "fragments of genes"

    def __init__(self, options):
        import faiss
        self.files = tuple(os.path.join(DATA, f"gene-250000.{part}.npy") for part in ("base", "query"))
        self.base = np.load(self.files[0], mmap_mode="r")[:options.rows]
        self.queries = np.load(self.files[1])[:options.queries]
        self.near = faiss.knn(np.asarray(self.queries, np.float32), np.asarray(self.base, np.float32), K)[0][:, -1]

    def recall(self, ids):
        """As common.recall, for distances that are rounded."""
        hits = 0
        for found, query, limit in zip(ids, np.asarray(self.queries, np.float32), self.near):
            difference = self.base[np.unique(found[found >= 0])].astype(np.float32) - query
            hits += min(int(((difference * difference).sum(axis=1) <= limit * (1 + 1e-4)).sum()), K)
        return hits / ids.size


class Server:
    """One session; answers go into a table, so that both sides write the same."""

    def __init__(self, name, cluster, database, options, statement):
        self.name, self.session, self.statement = name, Session(cluster, database), statement
        for setting in (f"work_mem = '{options.work_mem}'", f"vectorq.batch_threads = {options.threads}",
                        f"vectorq.target_recall = {options.recall}", "enable_seqscan = off"):
            self.session.run(f"SET {setting};")

    def run(self):
        self.session.run("DROP TABLE IF EXISTS pg_temp.answer;")
        before, started = processor_seconds(self.session.pid), time.time()
        self.session.run(f"CREATE TEMP TABLE answer AS {self.statement};")
        seconds = time.time() - started
        return seconds, processor_seconds(self.session.pid) - before


PLAIN = "SELECT * FROM vectorq_knn('batch_ah', 'SELECT id, embedding FROM batch_query', 10)"
LATERAL = """SELECT q.id AS query, n.row, n.distance FROM batch_query q CROSS JOIN LATERAL
    (SELECT t.ctid AS row, t.embedding <-> q.embedding AS distance FROM batch_row t ORDER BY t.embedding <-> q.embedding LIMIT 10) n"""


def answers_of(cluster, database, server, queries):
    """ids (queries, K) of the last answer, -1 = no row."""
    server.session.run("DROP TABLE IF EXISTS batch_numbers;")
    server.session.run("CREATE UNLOGGED TABLE batch_numbers AS SELECT a.query, t.id FROM pg_temp.answer a JOIN batch_row t ON t.ctid = a.row;")
    ids = np.full((queries, K), -1, np.int64)
    taken = np.zeros(queries, int)
    for query, row in cluster.sql("SELECT query, id FROM batch_numbers", database):
        ids[int(query), taken[int(query)]] = int(row)
        taken[int(query)] += 1
    return ids


# Lists that are searched, and rows put in order as a multiple of K.
STEPS = [[(lists, factor) for lists in geometric(4, 256, 1.1)] for factor in (3, 4, 6, 10, 15)]


class Library:
    """A library's batch: `search(step)` gives ids. Of each ladder in STEPS the first step that reaches the recall is timed."""

    def __init__(self, name, search):
        self.name, self.search, self.step = name, search, None

    def climb(self, wanted, measure):
        fastest = None
        for ladder in STEPS:
            first = bisect.bisect_left(ladder, True, key=lambda step: measure(self.search(step)) >= wanted)
            if first == len(ladder):
                continue
            self.step = ladder[first]
            seconds = min(self.run()[0] for _ in range(3))
            if fastest is None or seconds < fastest[0]:
                fastest = seconds, self.step
        if fastest is None:
            raise SystemExit(f"{self.name} does not reach recall {wanted:.4f}")
        self.step = fastest[1]

    def run(self):
        started, before = time.time(), time.process_time()
        self.search(self.step)
        return time.time() - started, time.process_time() - before


def scann_batch(base, queries, threads):
    from peers.scann_tree import Scann
    from types import SimpleNamespace
    peer = Scann.__new__(Scann)
    peer.data, peer.threads = SimpleNamespace(metric="l2"), threads
    peer.build(base)

    def search(step):
        lists, factor = step
        peer.step = dict(leaves=lists, reorder=factor * K)
        return peer.search_many(queries, K, threads)
    return Library("ScaNN `search_batched_parallel`", search)


def faiss_batch(base, queries, threads):
    import faiss
    faiss.omp_set_num_threads(threads)
    lists = 2 * int(len(base) ** 0.5)
    index = faiss.index_factory(base.shape[1], f"IVF{lists},PQ{base.shape[1] // 2}x4fs,RFlat")
    index.train(base[:256 * lists])
    index.add(base)
    ivf = faiss.extract_index_ivf(index.base_index)

    def search(step):
        ivf.nprobe, index.k_factor = step
        return index.search(queries, K)[1]
    return Library("FAISS `IVF,PQx4fs,RFlat`", search)


def report(options, data, figures, join):
    lines = [f"# Many queries at once: {options.queries:,} queries on {len(data.base):,} {data.title}, recall@10 {options.recall}", "",
             f"{cpu_name()}, {options.threads} threads.", "",
             "| | recall@10 | seconds | processor seconds | queries a second |", "|---|---|---|---|---|"]
    for name, f in figures.items():
        lines.append(f"| {name} | {f['recall']:.4f} | {f['seconds']:.3f} | {f['processor_s']:.3f} | {options.queries / f['seconds']:,.0f} |")
    if join:
        lines += ["", f"Self-join of {len(data.base):,} rows, k = 10: {join['seconds']:.1f} s, {join['processor_s']:.1f} processor seconds."]
    return "\n".join(lines) + "\n"


def main():
    options = arguments()
    data = (SiftSet if options.set == "sift" else GeneSet)(options)
    cluster, database = Cluster(f"batch-{options.set}", VQ_SHARED_BUFFERS="2GB", VQ_AUTOVACUUM="off"), "batch"
    with running(cluster):
        cluster.sql("DROP DATABASE IF EXISTS batch")
        cluster.sql("CREATE DATABASE batch")
        cluster.sql("CREATE EXTENSION vectorq", database)
        client = build_client()
        for table, file, vectors in zip(("batch_row", "batch_query"), data.files, (data.base, data.queries)):
            cluster.sql(f"CREATE TABLE {table} (id bigint, embedding vector({data.base.shape[1]}))", database)
            load(client, cluster, database, table, file, len(vectors))
        timed_build(cluster, database, ["SET maintenance_work_mem = '1GB'"], "CREATE INDEX batch_ah ON batch_row USING ah (embedding vector_l2_ops)")
        for table in ("batch_row", "batch_query"):
            cluster.sql(f"VACUUM ANALYZE {table}", database)
        servers = [Server("`vectorq_knn`", cluster, database, options, PLAIN), Server("`LATERAL`", cluster, database, options, LATERAL)]
        peers = []
        if not options.no_peers:
            rows, asked = np.asarray(data.base, np.float32), np.asarray(data.queries, np.float32)
            peers = [scann_batch(rows, asked, options.threads), faiss_batch(rows, asked, options.threads)]
        figures = {}
        for server in servers:
            server.run()
            figures[server.name] = dict(recall=data.recall(answers_of(cluster, database, server, options.queries)), seconds=1e9)
        for peer in peers:
            peer.climb(figures["`vectorq_knn`"]["recall"], data.recall)
            figures[peer.name] = dict(recall=data.recall(peer.search(peer.step)), seconds=1e9, step=str(peer.step))
        for _ in range(options.rounds):
            for each in servers + peers:
                seconds, processor_s = each.run()
                if seconds < figures[each.name]["seconds"]:
                    figures[each.name].update(seconds=seconds, processor_s=processor_s)
        join = None
        if not options.no_join:
            server = Server("join", cluster, database, options,
                            "SELECT * FROM vectorq_knn('batch_ah', 'SELECT id, embedding FROM batch_row', 10)")
            join = dict(zip(("seconds", "processor_s"), server.run()))
        os.makedirs(os.path.join(BUILD, "bench"), exist_ok=True)
        print(write_result(os.path.join(BUILD, "bench", f"batch-{options.set}-{len(data.base)}"), report(options, data, figures, join), dict(figures=figures, join=join)))


if __name__ == "__main__":
    main()
