#!/usr/bin/env python3
"""Does vectorq.target_recall keep its word? For each data set, target and k: the recall found with queries that the index never
saw, lists probed, and the share of queries below 0.8 of the target; right after the build, after the rows were doubled by
inserts, and with filters. Where queries are unlike the rows also after vectorq_calibrate with other queries of their kind.

    make bench-recall [BENCH_ARGS='--sets sift-photo:100000 gloss-minilm --targets 0.9 0.95 --index "ah|replicas = none"']

Results: build/bench/recall.md and .json. The only setting is the target: everything else is automatic.
"""
import argparse
import os
import time

import numpy as np

from common import BUILD, Cluster, ask, build_client, cpu_name, load, running, timed_build, write_result
from datasets import MADE, UNLIKE, load_set
from filters import SHARES, kept
from peers.postgres import OPERATORS
from tables import check_plan, create, database, fill
from truth import limits, scores

DATABASE = "bench_recall"
SERVER_CONF = ["max_wal_size = 16GB", "checkpoint_timeout = 1h", "max_parallel_workers_per_gather = 0"]
SETS = ["sift-photo:100000", "sift-photo", "gloss-minilm", "gloss-minilm-ip"]
OWN_QUERIES = 300  # the last of a set, for vectorq_calibrate
COUNTERS = ("lists", "codes", "reordered", "pages", "rounds")
# Means of the last scan's counters over the first n queries.
WORK = """CREATE OR REPLACE FUNCTION work(sql text, queries regclass, n int, OUT lists float8, OUT codes float8, OUT reordered float8,
    OUT pages float8, OUT rounds float8) LANGUAGE plpgsql AS $$
DECLARE q record; s record; total float8[] := '{0,0,0,0,0}';
BEGIN
    FOR q IN EXECUTE format('SELECT embedding FROM %s ORDER BY id LIMIT %s', queries, n) LOOP
        EXECUTE sql USING q.embedding;
        SELECT * INTO s FROM vectorq_stats();
        total := ARRAY[total[1] + s.lists_probed, total[2] + s.entries_scored, total[3] + s.rows_reordered, total[4] + s.pages_read,
                       total[5] + s.rounds];
    END LOOP;
    lists := total[1] / n; codes := total[2] / n; reordered := total[3] / n; pages := total[4] / n; rounds := total[5] / n;
END $$"""


def each_recall(ids, found, near, k):
    """Recall of each query: rows as near as the true k-th neighbour, counted once."""
    last = near[:len(ids), k - 1]
    wanted = np.minimum(np.isfinite(near[:len(ids)]).sum(axis=1), k)
    hits = np.array([len({i for i, s in zip(row, one) if i >= 0 and s <= limit * (1 + 1e-6 * np.sign(limit))})
                     for row, one, limit in zip(ids[:, :k], found[:, :k], last)])
    return np.minimum(hits, wanted) / np.maximum(wanted, 1)


class Bench:
    database = DATABASE

    def __init__(self, cluster, client, options):
        self.cluster, self.client, self.options, self.rows = cluster, client, options, []

    def sql(self, statement):
        return self.cluster.sql(statement, self.database)

    def build(self, data, table):
        method, _, given = self.options.index.partition("|")
        self.sql(f"DROP INDEX IF EXISTS {table}_index")
        made = timed_build(self.cluster, self.database, ["SET maintenance_work_mem = '2GB'", "SET max_parallel_maintenance_workers = 1"],
                           f"CREATE INDEX {table}_index ON {table} USING {method} (embedding vector_{data.metric}_ops)"
                           + (f" WITH ({given})" if given else ""))
        return made["seconds"]

    def prepare(self, name, queries=0):
        """Table and queries (so many, 0: all) of a data set in the database, and the function work()."""
        data = load_set(name, self.options.queries)
        fill(self.cluster, self.client, "vectorq", self.database, data.table, data.base_file, data.rows, data.dims)
        create(self.cluster, self.database, f"{data.table}_queries", data.dims)
        load(self.client, self.cluster, self.database, f"{data.table}_queries", data.query_file, queries or len(data.queries))
        self.sql(WORK)
        return data

    def work(self, table, sql, sets, queries):
        row = self.sql("; ".join(sets + [f"SELECT * FROM work($q${sql}$q$, '{table}_queries', {queries})"]))[-1]
        return dict(zip(COUNTERS, map(float, row)))

    def measure(self, data, table, case, near, where=""):
        queries = min(self.options.queries, len(data.queries))
        for k in self.options.ks:
            sql = f"SELECT id FROM {table}{where} ORDER BY embedding {OPERATORS[data.metric]} $1 LIMIT {k}"
            sets = ["SET enable_seqscan = off", "SET enable_sort = off"]
            check_plan(self.cluster, DATABASE, sql, f"{table}_index", data.dims, sets)
            for target in self.options.targets:
                with_target = sets + [f"SET vectorq.target_recall = {target}"]
                figures, ids = ask(self.client, self.cluster, DATABASE, data.query_file, sql, with_target, k, queries, warmup=5)
                each = each_recall(ids, scores(data, data.queries[:queries], ids), near, k)
                work = self.work(table, sql, with_target, 50)
                self.rows.append(dict(set=data.table, case=case, k=k, target=target, recall=round(float(each.mean()), 4),
                                      error=round(float(each.std() / len(each) ** 0.5), 4), low=round(float((each < 0.8 * target).mean()), 4),
                                      lists=round(work["lists"], 1), codes=round(work["codes"]), reordered=round(work["reordered"]),
                                      rounds=round(work["rounds"], 2), ms=round(figures["mean_ms"], 3)))
                print(self.rows[-1], flush=True)

    def run(self, name):
        data = self.prepare(name, queries=100)
        print(f"{data.table}: built in {self.build(data, data.table)} s", flush=True)
        self.measure(data, data.table, "after the build", limits(data))
        if data.name in UNLIKE:
            self.calibrate(data)
        if self.options.filters:
            for share in SHARES:
                self.measure(data, data.table, f"filter {share} %", limits(data, kept(data.rows, share), f"filter{share}"),
                             f" WHERE bucket < {10 * share}")
        if self.options.doubled:
            self.double(data)
        self.sql(f"DROP INDEX {data.table}_index")

    def calibrate(self, data):
        """The same index, measured with queries that are neither rows nor asked below."""
        table, file = data.table + "_own", os.path.join(BUILD, "bench", "own_queries.npy")
        own = np.load(data.query_file)[self.options.queries:][-OWN_QUERIES:]
        if len(own) == 0:
            raise SystemExit(f"{data.name}: --queries {self.options.queries} leaves none to calibrate with")
        np.save(file, own)
        create(self.cluster, DATABASE, table, data.dims)
        load(self.client, self.cluster, DATABASE, table, file, len(own))
        self.sql(f"SELECT vectorq_calibrate('{data.table}_index', (SELECT array_agg(embedding) FROM {table}))")
        self.measure(data, data.table, f"calibrated by {len(own)} queries", limits(data))
        self.sql(f"DROP TABLE {table}")

    def double(self, data):
        """An index of the first half, into which the second half is inserted."""
        table = data.table + "_doubled"
        create(self.cluster, DATABASE, table, data.dims)
        load(self.client, self.cluster, DATABASE, table, data.base_file, data.rows // 2)
        self.build(data, table)
        self.sql(f"INSERT INTO {table} (id, embedding) SELECT id, embedding FROM {data.table} WHERE id >= {data.rows // 2}")
        self.sql(f"CREATE TABLE IF NOT EXISTS {table}_queries AS SELECT * FROM {data.table}_queries")
        self.measure(data, table, "rows doubled by inserts", limits(data))
        self.sql(f"DROP TABLE {table}, {table}_queries")


def document(rows, options):
    lines = [f"`vectorq.target_recall` on queries that the index never saw, {options.index}, {cpu_name()}, "
             f"{options.queries} queries; recall ± standard error; below: share of queries under 0.8 of the target.", "",
             "| set | case | k | target | recall | below | lists | codes | reordered | ms |", "|---|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        lines.append(f"| {r['set']} | {r['case']} | {r['k']} | {r['target']} | {r['recall']:.4f} ± {r['error']:.4f} | {r['low']:.3f} | "
                     f"{r['lists']:.0f} | {r['codes']:.0f} | {r['reordered']:.0f} | {r['ms']:.2f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--shapes", action="store_true", help="the sets of make_shapes.py instead")
    parser.add_argument("--targets", nargs="+", type=float, default=[0.8, 0.9, 0.95, 0.98, 0.99])
    parser.add_argument("--ks", nargs="+", type=int, default=[1, 10, 100])
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--index", default="ah", help="access method, or METHOD|OPTIONS")
    parser.add_argument("--no-filters", dest="filters", action="store_false")
    parser.add_argument("--no-doubled", dest="doubled", action="store_false")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    options = parser.parse_args()
    if options.shapes:
        options.sets = [name for name in MADE if name.startswith("shape-")]
    cluster = Cluster("bench", VQ_SHARED_BUFFERS="4GB", VQ_AUTOVACUUM="off", VQ_CONF="\n".join(SERVER_CONF))
    bench = Bench(cluster, build_client(), options)
    with running(cluster, options.keep):
        database(cluster, DATABASE, "vectorq")
        started = time.time()
        for name in options.sets:
            bench.run(name)
        text = document(bench.rows, options)
        print(write_result(os.path.join(BUILD, "bench", "recall"), text, bench.rows) + f"; {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
