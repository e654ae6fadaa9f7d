#!/usr/bin/env python3
"""Are the options that `ah` chooses by itself near the best? Each data set: the index without options, and a sweep around it, one
option (and some pairs) changed at a time; every index calibrates itself. At each target: recall of queries that no index saw, and the
work of a query by vectorq_stats() in the nanoseconds of src/measure/measure_recall.cpp, and its time.

    make bench-options [BENCH_ARGS='--sets sift-photo:200000 gloss-minilm']

The work is compared at equal recall: between the targets its logarithm is linear in the logarithm of the missed share. Results:
build/bench/options.md and .json. `speed` is the best work of the sweep over the automatic index's.
"""
import argparse
import os

import numpy as np

from common import BUILD, Cluster, ask, build_client, cpu_name, running, write_result
from run_recall import SERVER_CONF, Bench, each_recall
from peers.postgres import OPERATORS
from tables import database
from truth import limits, scores

SETS = ["sift-photo:200000", "gloss-minilm", "gloss-minilm-ip"]
TARGETS = (0.8, 0.9, 0.95, 0.98, 0.99)
COMPARED = (0.90, 0.95, 0.99)
# src/measure/measure_recall.cpp
LIST_COST, CODE_BYTE_COST, ROW_COST = 700, 0.03, 700


def sweep(lists, m, transform, dims):
    """Options beside the automatic ones: lists, parts and transform of that index."""
    # Parts by hand mean no transform by itself.
    same = f", transform = {transform}" if transform != "none" else ""
    code_dims = int(transform.removeprefix("pcar")) if same else dims
    out = [f"lists = {int(lists * factor)}" for factor in (0.25, 0.5, 2, 4)]
    out += [f"subvectors = {m // 2}{same}", f"subvectors = {min(code_dims, m * 3 // 2)}{same}", "replicas = none", "replicas = closure",
            f"replicas = none, lists = {2 * lists}", f"subvectors = {m // 2}, lists = {2 * lists}{same}", "anisotropic_threshold = 0"]
    if same:
        out += ["transform = none"]
    if dims >= 256:
        out += [f"transform = pcar{d}" for d in (dims // 4, dims // 2) if d >= 128 and d != code_dims]
    return out


class Options(Bench):
    database = "bench_options"

    def point(self, data, table, sets):
        sql = f"SELECT id FROM {table} ORDER BY embedding {OPERATORS[data.metric]} $1 LIMIT 10"
        figures, ids = ask(self.client, self.cluster, self.database, data.query_file, sql, sets, 10, len(data.queries), repeats=2, warmup=20)
        each = each_recall(ids, scores(data, data.queries, ids), self.near, 10)
        return float(each.mean()), self.work(table, sql, sets, len(data.queries)), figures["mean_ms"]

    def measure_index(self, data, table, given):
        self.sql(f"DROP INDEX IF EXISTS {table}_index")
        self.options.index = "ah|" + given
        seconds = self.build(data, table)
        details = dict(self.sql(f"SELECT name, value FROM vectorq_index_details('{table}_index')"))
        info = dict(lists=int(details["lists"]), subvectors=int(details["subvectors"]), bytes=int(details["bytes_total"]), transform=details["transform"])
        points = []
        for target in TARGETS:
            sets = ["SET enable_seqscan = off", "SET enable_sort = off", f"SET vectorq.target_recall = {target}"]
            recall, work, ms = self.point(data, table, sets)
            points.append(dict(recall=recall, ms=ms, ns=LIST_COST * work["lists"] + CODE_BYTE_COST * info["subvectors"] / 2 * work["codes"]
                               + ROW_COST * work["reordered"]))
        return dict(given=given or "automatic", seconds=seconds, points=points, **info)

    def run(self, name):
        data = self.prepare(name)
        table = data.table
        self.near = limits(data)
        measured = [self.measure_index(data, table, "")]
        own = measured[0]
        for given in sweep(own["lists"], own["subvectors"], own["transform"], data.dims):
            measured.append(self.measure_index(data, table, given))
            print(measured[-1], flush=True)
        self.rows.append(dict(set=table, indexes=measured))


def at(points, target, what):
    """By the line between the targets in logarithms; None out of reach."""
    points = sorted(points, key=lambda p: p["recall"])
    missed = [-np.log(max(1 - p["recall"], 1e-6)) for p in points]
    if not points[0]["recall"] <= target <= points[-1]["recall"]:
        return None
    return float(np.exp(np.interp(-np.log(1 - target), missed, [np.log(p[what]) for p in points])))


def document(rows, options):
    lines = [f"Options of `ah` by itself against a sweep, {cpu_name()}, {options.queries} queries, k = 10: microseconds of counted work "
             "(milliseconds by the clock) at equal recall.", ""]
    for r in rows:
        lines += [f"| {r['set']} | lists, parts | MB | build s | " + " | ".join(map(str, COMPARED)) + " |", "|---" * (4 + len(COMPARED)) + "|"]
        for i in r["indexes"]:
            cells = [f"{at(i['points'], t, 'ns') / 1000:.0f} ({at(i['points'], t, 'ms'):.2f})" if at(i["points"], t, "ns") else "–" for t in COMPARED]
            lines.append(f"| {i['given']} | {i['lists']}, {i['subvectors']} | {i['bytes'] / 1e6:.0f} | {i['seconds']} | " + " | ".join(cells) + " |")
        speeds = []
        for t in COMPARED:
            found = [w for w in (at(i["points"], t, "ns") for i in r["indexes"]) if w]
            own = at(r["indexes"][0]["points"], t, "ns")
            speeds.append(f"{min(found) / own:.2f}" if own and found else "–")
        lines += ["| **speed of the automatic one** | | | | " + " | ".join(speeds) + " |", ""]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--queries", type=int, default=500)
    options = parser.parse_args()
    cluster = Cluster("options", VQ_SHARED_BUFFERS="4GB", VQ_AUTOVACUUM="off", VQ_CONF="\n".join(SERVER_CONF))
    bench = Options(cluster, build_client(), options)
    with running(cluster):
        database(cluster, bench.database, "vectorq")
        for name in options.sets:
            bench.run(name)
        print(write_result(os.path.join(BUILD, "bench", "options"), document(bench.rows, options), bench.rows))


if __name__ == "__main__":
    main()
