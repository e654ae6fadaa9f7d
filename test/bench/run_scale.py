#!/usr/bin/env python3
"""How vectorq's `ah` grows: time to build, memory, bytes and time of a query at recall@10 = 0.95, for 10,000 … 10,000,000 SIFT rows.

    make bench-scale                                     10^4 … 10^7 rows; the 10^7 are made first (make_sift.py), hours in all
    make bench-scale BENCH_ARGS='--sizes 10000 100000 1000000'     by the million of `make bench`: ten minutes

All sizes are first rows of one set, in random order. Results: build/bench/scale.{md,json}, scale.{png,svg}. docs/scale.md
draws the conclusions, to 10^9 rows.
"""
import argparse
import json
import math
import os
import shlex
import statistics
import sys
import time

from common import BUILD, Cluster, Session, build_client, cpu_name, running, write_result
from curve import ms_at
from datasets import load_set
from peers.postgres import Postgres, Server, entries
from run_bench import SERVER_CONF, SHARED_BUFFERS
from scale_fit import at, exponents, n_log_n, power
from speed import SIDE_TARGET, Measured, climb, time_rounds
from truth import limits

LARGEST_USUAL = 1_000_000
PLANNED = 10**9


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--set", help="data set (default: sift-photo up to a million rows, else sift-photo-10m)")
    parser.add_argument("--peer", default="vectorq-ah", help="entry of peers/postgres.toml")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--maintenance-work-mem", default="1GB")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    options = parser.parse_args()
    options.sizes.sort()
    options.set = options.set or ("sift-photo" if options.sizes[-1] <= LARGEST_USUAL else "sift-photo-10m")
    return options


def work(peer, step, queries=20):
    """Means of vectorq_stats over some queries: what a query reads and scores."""
    values = ["[" + ",".join(f"{x:g}" for x in query) + "]" for query in peer.data.float_queries()[:queries]]
    session, found = Session(peer.server.cluster, peer.database), []
    for setting in peer.sets(step):
        session.run(setting + ";")
    for value in values:
        session.run(peer.statement(10).replace("$1", f"'{value}'") + ";")
        found.append([float(x) for x in session.run(
            "SELECT lists_probed || ',' || pages_read || ',' || entries_scored || ',' || rows_reordered FROM vectorq_stats();")[-1].split(",")])
    session.close()
    return dict(zip(("lists_probed", "pages_read", "entries_scored", "rows_reordered"), (round(statistics.mean(c), 1) for c in zip(*found))))


def measure(server, options, rows):
    data = load_set(f"{options.set}:{rows}", options.queries)
    near = limits(data)
    entry = next(entry for entry in entries() if entry["name"] == options.peer)
    peer, started = Postgres(entry, server, data), time.time()
    try:
        measured = Measured(peer, peer.build())
        loaded = time.time() - started - measured.built["build_s"]
        climb(measured, data, near, 10, options.queries)
        time_rounds([measured], [10], [1], options.rounds, options.queries, 10.0)
        point = measured.points[10][measured.step_for(10, SIDE_TARGET)]
        ms = [ms_at(curve, SIDE_TARGET) for curve in measured.curves(10, 1)]
        info = dict(peer.sql(f"SELECT name, value FROM vectorq_index_details('{peer.index}')"))
        info["lists"] = int(info["lists"])
        result = dict(rows=rows, load_s=round(loaded, 1), **{key: measured.built[key] for key in ("build_s", "processor_s", "peak_mb", "size_mb")},
                      ms=None if None in ms else round(statistics.median(ms), 4), step=peer.describe(point["step"]),
                      recall=point["recalls"][10], points=measured.points[10], info=info, **work(peer, point["step"]))
    finally:
        peer.close()
    print(json.dumps({key: value for key, value in result.items() if key not in ("points", "info")}), flush=True)
    return result


def report(header, results):
    lines = [f"# {header['peer']} at rising numbers of rows, {header['date']}", "",
             f"{header['set']} × {header['dims']}, L2; {header['cpu']}, {header['cpus']} processors; {header['server']}, shared_buffers "
             f"{header['shared_buffers']}, maintenance_work_mem {header['maintenance_work_mem']}; {header['threads']} threads for builds, "
             f"one connection for {header['queries']} queries, warm, prepared and binary; time at recall@10 = {SIDE_TARGET}.", "",
             f"`{header['command']}`", "",
             "| rows | build s | processor s | ns of it a row and log2(rows) | peak private MB | index MB | bytes a row | lists | setting | lists probed | pages | "
             "entries scored | rows reordered | ms a query |", "|" + "---|" * 14]
    for r in results:
        lines.append(f"| {r['rows']:,} | {r['build_s']:.1f} | {r['processor_s']:.1f} | "
                     f"{1e9 * r['processor_s'] / r['rows'] / math.log2(r['rows']):.0f} | {r['peak_mb']:.0f} | {r['size_mb']:.1f} | {r['size_mb'] * 2**20 / r['rows']:.0f} | {r['info']['lists']:,} | {r['step']} | "
                     f"{r['lists_probed']:.0f} | {r['pages_read']:.0f} | {r['entries_scored']:,.0f} | {r['rows_reordered']:.0f} | "
                     + ("" if r["ms"] is None else f"{r['ms']:.3f}") + " |")
    if len(results) > 1:
        build, ms = [(r["rows"], r["processor_s"]) for r in results], [(r["rows"], r["ms"]) for r in results if r["ms"]]
        fit = n_log_n(build)
        lines += ["", "Build: processor seconds grow as rows to the power of " + ", ".join(f"{e:.2f}" for e in exponents(build)) +
                  f" from size to size; {fit[0]:.2f} s + {1e9 * fit[1]:.1f} ns × rows × log2(rows) fits best. For {PLANNED:,} rows that is "
                  f"{at(fit, PLANNED) / 3600:.1f} processor hours, by the last exponent {power(build, PLANNED) / 3600:.1f}.",
                  "Query: as rows to the power of " + ", ".join(f"{e:.2f}" for e in exponents(ms)) + "."]
    return "\n".join(lines) + "\n"


def plot(results, stem):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.2))
    rows = [r["rows"] for r in results]
    for place, key, title in zip(axes, ("processor_s", "size_mb", "ms"), ("build, processor s", "index, MB", f"ms a query at recall@10 {SIDE_TARGET}")):
        there = [(r["rows"], r[key]) for r in results if r[key]]
        place.plot(*zip(*there), marker="o", label="measured")
        if key == "processor_s":
            fit = n_log_n(there)
            place.plot(rows, [at(fit, n) for n in rows], "--", label="a + b n log n")
            place.legend()
        place.set_xscale("log")
        place.set_yscale("log")
        place.set_xlabel("rows")
        place.set_title(title)
        place.grid(True, which="both", alpha=0.3)
    figure.tight_layout()
    for ending in ("png", "svg"):
        figure.savefig(f"{stem}.{ending}", dpi=110)
    plt.close(figure)


def main():
    options = parse()
    dims = load_set(options.set, 1).dims
    client = build_client()
    cluster = Cluster("bench", VQ_SHARED_BUFFERS=SHARED_BUFFERS, VQ_AUTOVACUUM="off", VQ_CONF="\n".join(SERVER_CONF))
    with running(cluster, options.keep):
        server = Server(cluster, client, options.maintenance_work_mem, options.threads)
        arguments = shlex.join(sys.argv[1:])
        header = dict(date=time.strftime("%Y-%m-%d %H:%M"), cpu=cpu_name(), cpus=os.cpu_count(), set=options.set, dims=dims, peer=options.peer,
                      server="PostgreSQL " + cluster.value("SHOW server_version"), shared_buffers=SHARED_BUFFERS, threads=options.threads,
                      maintenance_work_mem=options.maintenance_work_mem, queries=options.queries,
                      command="make bench-scale" + (f" BENCH_ARGS={shlex.quote(arguments)}" if arguments else ""))
        results, stem = [], os.path.join(BUILD, "bench", "scale")
        for rows in options.sizes:
            results.append(measure(server, options, rows))
            written = write_result(stem, report(header, results), dict(header=header, results=results))
        plot(results, stem)
        print(f"{written} and pictures")


if __name__ == "__main__":
    main()
