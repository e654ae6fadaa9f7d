#!/usr/bin/env python3
"""Do lists that differ from query to query (src/core/calibrate/effort.h) beat the same number for all, at equal mean recall?
Queries that the index never saw: first by the target, then by the fewest vectorq.nprobe that finds as much, with the
target's rows to reorder. Times: rounds in turn, the ratio of the least.

    make bench-effort [BENCH_ARGS='--sets sift-photo:200000 gloss-minilm gene']

Results: build/bench/effort.md and .json. Figures of the fixed number lie between the two integers around the equal recall.
"""
import argparse
import os

import numpy as np

from common import BUILD, Cluster, ask, build_client, cpu_name, running, write_result
from peers.postgres import OPERATORS
from run_recall import SERVER_CONF, Bench, each_recall
from tables import check_plan, database
from truth import limits, scores

DATABASE = "bench_effort"
SETS = ["sift-photo:20000", "sift-photo:200000", "gloss-minilm", "gloss-minilm-ip", "gene"]


class Effort(Bench):
    database = DATABASE

    def ask(self, data, table, k, sets, repeats=1):
        sql = f"SELECT id FROM {table} ORDER BY embedding {OPERATORS[data.metric]} $1 LIMIT {k}"
        return ask(self.client, self.cluster, DATABASE, data.query_file, sql, sets, k, len(data.queries), repeats=repeats, warmup=20)

    def point(self, data, table, k, near, target, sets):
        """Recall and work at these settings."""
        _, ids = self.ask(data, table, k, sets)
        each = each_recall(ids, scores(data, data.queries, ids), near, k)
        sql = f"SELECT id FROM {table} ORDER BY embedding {OPERATORS[data.metric]} $1 LIMIT {k}"
        return dict(recall=float(each.mean()), low=float((each < 0.8 * target).mean()), **self.work(table, sql, sets, len(data.queries)))

    def fewest(self, measure, lists, wanted):
        """The least number of lists with this recall and the one before it."""
        low, high, points = 0, 1, {}
        while high < lists and points.setdefault(high, measure(high))["recall"] < wanted:
            low, high = high, min(lists, 2 * high)
        points.setdefault(high, measure(high))
        while high - low > 1:
            middle = (low + high) // 2
            points[middle] = measure(middle)
            low, high = (middle, high) if points[middle]["recall"] < wanted else (low, middle)
        return high, points[high], points.get(low, points[high])

    def compare(self, data, table, k, target, near, lists):
        sets = ["SET enable_seqscan = off", "SET enable_sort = off"]
        by_target = sets + [f"SET vectorq.target_recall = {target}"]
        own = self.point(data, table, k, near, target, by_target)
        rows = self.sql(f"SELECT reorder_rows FROM vectorq_recall_curve('{table}_index') WHERE k = {k} AND target = {target}::real")[0][0]
        fixed = lambda n: sets + [f"SET vectorq.nprobe = {n}", f"SET vectorq.reorder_rows = {rows}"]
        n, above, below = self.fewest(lambda n: self.point(data, table, k, near, target, fixed(n)), lists, own["recall"])
        part = 1.0 if above["recall"] == below["recall"] else (own["recall"] - below["recall"]) / (above["recall"] - below["recall"])
        other = {key: below[key] + min(part, 1) * (above[key] - below[key]) for key in above}
        times = {"own": [], "fixed": []}
        for _ in range(self.options.rounds):
            times["own"].append(self.ask(data, table, k, by_target)[0]["mean_ms"])
            times["fixed"].append(self.ask(data, table, k, fixed(n))[0]["mean_ms"])
        row = dict(set=data.table, k=k, target=target, own=own, fixed=other, nprobe=n, ms=min(times["own"]), fixed_ms=min(times["fixed"]))
        self.rows.append(row)
        print(line(row), flush=True)

    def run(self, name):
        data = self.prepare(name)
        table = data.table
        print(f"{table}: built in {self.build(data, table)} s", flush=True)
        lists = int(self.sql(f"SELECT lists FROM vectorq_index_info('{table}_index')")[0][0])
        near = limits(data)
        sets = ["SET enable_seqscan = off", "SET enable_sort = off"]
        check_plan(self.cluster, DATABASE, f"SELECT id FROM {table} ORDER BY embedding {OPERATORS[data.metric]} $1 LIMIT 10",
                   f"{table}_index", data.dims, sets)
        for k in self.options.ks:
            for target in self.options.targets:
                self.compare(data, table, k, target, near, lists)
        self.sql(f"DROP INDEX {table}_index")


def line(r):
    own, fixed = r["own"], r["fixed"]
    return (f"| {r['set']} | {r['k']} | {r['target']} | {own['recall']:.4f} | {fixed['lists']:.1f} / {own['lists']:.1f} | "
            f"{own['codes'] / max(fixed['codes'], 1):.3f} | {own['pages'] / max(fixed['pages'], 1):.3f} | {fixed['low']:.3f} / {own['low']:.3f} | "
            f"{r['ms'] / r['fixed_ms']:.3f} |")


def document(rows, options):
    mean = np.exp(np.mean([np.log(r["own"]["codes"] / r["fixed"]["codes"]) for r in rows]))
    return "\n".join([f"Lists by each query's effort against the same number for all at equal recall, {cpu_name()}, {options.queries} queries.",
                      "", "| set | k | target | recall | lists fixed / own | codes own : fixed | pages | below 0.8 of the target, fixed / own | time |",
                      "|---|---|---|---|---|---|---|---|---|", *map(line, rows), "", f"Geometric mean of the codes' ratio: {mean:.3f}"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--targets", nargs="+", type=float, default=[0.9, 0.95, 0.99])
    parser.add_argument("--ks", nargs="+", type=int, default=[1, 10, 100])
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--index", default="ah", help="access method, or METHOD|OPTIONS")
    options = parser.parse_args()
    cluster = Cluster("bench", VQ_SHARED_BUFFERS="4GB", VQ_AUTOVACUUM="off", VQ_CONF="\n".join(SERVER_CONF))
    bench = Effort(cluster, build_client(), options)
    with running(cluster):
        database(cluster, DATABASE, "vectorq")
        for name in options.sets:
            bench.run(name)
        print(write_result(os.path.join(BUILD, "bench", "effort"), document(bench.rows, options), bench.rows))


if __name__ == "__main__":
    main()
