#!/usr/bin/env python3
"""vectorq.prune_epsilon against a fixed nprobe, at equal recall: pages that easy and hard queries read, mean and p99.

    make bench-prune [BENCH_ARGS='--rows 200000 --index "ivf (embedding) WITH (quantizer = sq8)"']

Queries run one by one inside the server, which notes vectorq_stats() and the time of each. A query is easy if its true tenth
neighbour is among the nearest quarter of such distances, hard if among the farthest. Curves: nprobe alone; epsilon
with nprobe fixed at some caps. Figures at a recall are interpolated between two points of a curve. Results: build/bench/prune.md.
"""
import argparse
import os
import time

import numpy as np

from common import BUILD, Cluster, build_client, cpu_name, load, recall, running, write_result
from sift import BASE_FILE, QUERY_FILE, exact, load_sift
from tables import fill

TABLE, K, DATABASE = "items", 10, "bench_vectorq"
TARGETS = (0.90, 0.95, 0.99)
ASK = f"""
CREATE OR REPLACE FUNCTION ask_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE q record; ids bigint[]; begun timestamptz; ms float; s record;
BEGIN
    FOR q IN SELECT id, embedding FROM queries ORDER BY id LOOP
        begun := clock_timestamp();
        SELECT array_agg(id) INTO ids FROM (SELECT id FROM {TABLE} ORDER BY embedding <-> q.embedding LIMIT {K}) s;
        ms := 1000 * extract(epoch FROM clock_timestamp() - begun);
        SELECT * INTO s FROM vectorq_stats();
        RETURN NEXT concat_ws(' ', ms, s.pages_read, s.lists_probed, s.entries_scored, array_to_string(ids, ' '));
    END LOOP;
END $$"""


def measure(cluster, data, nprobe, epsilon):
    rows = cluster.sql(f"SET enable_seqscan = off; SET jit = off; SET vectorq.nprobe = {nprobe}; SET vectorq.prune_epsilon = {epsilon}; "
                       "SELECT ask_all()", DATABASE)
    table = [row[0].split() for row in rows]
    ids = np.full((len(table), K), -1, np.int64)
    for i, row in enumerate(table):
        ids[i, :len(row) - 4] = [int(x) for x in row[4:]]
    ms, pages, lists, scored = (np.array([float(row[c]) for row in table]) for c in range(4))
    found = recall(ids, data["base"], data["queries"], data["limits"])
    point = dict(nprobe=nprobe, epsilon=epsilon, recall=found, lists=lists.mean(), pages=pages.mean(), rows=scored.mean(),
                 easy=pages[data["easy"]].mean(), hard=pages[data["hard"]].mean(), p99=float(np.quantile(pages, 0.99)),
                 ms=ms.mean(), ms_p99=float(np.quantile(ms, 0.99)),
                 recall_easy=recall(ids[data["easy"]], data["base"], data["queries"][data["easy"]], data["limits"][data["easy"]]),
                 recall_hard=recall(ids[data["hard"]], data["base"], data["queries"][data["hard"]], data["limits"][data["hard"]]))
    print("  " + ", ".join(f"{k} {v:.4g}" for k, v in point.items()), flush=True)
    return point


def at(points, target):
    """All figures at this recall, between the last point below it and the first above; None if there is none."""
    points = sorted(points, key=lambda p: p["recall"])
    above = next((i for i, p in enumerate(points) if p["recall"] >= target), None)
    if above is None:
        return None
    low, high = points[max(above - 1, 0)], points[above]
    span = high["recall"] - low["recall"]
    share = min(1.0, max(0.0, (target - low["recall"]) / span)) if span > 0 else 1.0
    return {k: (1 - share) * low[k] + share * high[k] for k in high}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="first N of the million rows")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--index", default="ivf (embedding)")
    parser.add_argument("--nprobe", type=int, nargs="+", default=[20, 28, 40, 56, 80, 112, 160, 224])
    parser.add_argument("--cap", type=int, nargs="+", default=[80, 160, 512], help="nprobe where epsilon prunes, a curve for each")
    parser.add_argument("--epsilon", type=float, nargs="+", default=[0.1, 0.14, 0.18, 0.22, 0.26, 0.3, 0.36, 0.44])
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    return parser.parse_args()


def report(options, info, curves):
    names = ["lists", "pages", "easy", "hard", "p99", "ms", "ms_p99", "recall_easy", "recall_hard"]
    lines = [f"# prune_epsilon: {options.rows:,} SIFT rows, {options.index}, {info} lists", "",
             f"{cpu_name()}, {time.strftime('%Y-%m-%d %H:%M')}, {options.queries} queries.", "",
             "| recall@10 | rule | lists | pages | pages, easy | pages, hard | pages, p99 | ms | ms, p99 | recall, easy | recall, hard |",
             "|---|" + "---|" * (len(names) + 1)]
    for target in TARGETS:
        for rule, points in curves.items():
            point = at(points, target)
            if point is not None:
                lines.append(f"| {target} | {rule} | " + " | ".join(f"{point[n]:.3g}" if n != "pages" else f"{point[n]:.1f}" for n in names) + " |")
    return "\n".join(lines) + "\n"


def main():
    options = parse()
    base, queries = load_sift(options.rows, options.queries)
    limits = exact(options.rows, base, load_sift(options.rows, max(1000, options.queries))[1], K)[:options.queries]
    order = np.argsort(limits, kind="stable")
    quarter = len(order) // 4
    data = dict(base=base, queries=queries, limits=limits, easy=order[:quarter], hard=order[-quarter:])
    client = build_client()
    cluster = Cluster("prune", VQ_SHARED_BUFFERS="2GB", VQ_AUTOVACUUM="off", VQ_CONF="max_wal_size = 16GB\njit = off")
    with running(cluster, options.keep):
        fill(cluster, client, "vectorq", DATABASE, TABLE, BASE_FILE, options.rows, base.shape[1])
        cluster.sql("DROP TABLE IF EXISTS queries", DATABASE)
        cluster.sql(f"CREATE TABLE queries (id bigint, embedding vector({base.shape[1]}))", DATABASE)
        load(client, cluster, DATABASE, "queries", QUERY_FILE, options.queries)
        cluster.sql(ASK, DATABASE)
        cluster.sql("DROP INDEX IF EXISTS pruned", DATABASE)
        cluster.sql(f"SET maintenance_work_mem = '1GB'; CREATE INDEX pruned ON {TABLE} USING {options.index}", DATABASE)
        lists = cluster.value("SELECT lists FROM vectorq_index_info('pruned')", DATABASE)
        curves = {"nprobe": [measure(cluster, data, n, 0) for n in options.nprobe],
                  **{f"epsilon, nprobe {cap}": [measure(cluster, data, cap, e) for e in options.epsilon] for cap in options.cap}}
    text = report(options, lists, curves)
    print(write_result(os.path.join(BUILD, "bench", "prune"), text, curves))


if __name__ == "__main__":
    main()
