#!/usr/bin/env python3
"""The main job on real data: load SIFT descriptors, build an index, search, compare with an exact scan; `ivf`, then `ah`.

    make demo [KEEP=1]        table on the terminal; plots in build/demo/recall_speed.{png,svg}

The 20,000 rows and 1,000 queries of test/data come from different photographs. Recall is the share of the ten
nearest rows of an exact scan that the index returned (a row as near as the tenth counts, whichever of them the scan
named). Each index is asked for a recall (vectorq.target_recall), which decides by itself how many lists it reads, and then
with numbers of lists by hand (vectorq.nprobe). Queries run one after the other on one connection, prepared, vectors in
binary. The last index stays.
"""
import argparse
import gzip
import os
import re
import sys
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
from common import BUILD, ROOT, Cluster, ask, build_client, load, recall, timed_build  # noqa: E402

DIMS, K = 128, 10
PROBES = (1, 2, 4, 8, 16, 32, 64)
TARGETS = (0.8, 0.9, 0.95, 0.99)
TARGET_SETTING = "vectorq.target_recall"
# 0.9995: what a picture of a thousand queries can still tell from 1
SMALLEST_MISS = 0.0005
SQL = "SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 10"
OUT = os.path.join(BUILD, "demo")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # The same demo with another extension of the same types, to compare or to test this script.
    parser.add_argument("--extension", default="vectorq")
    parser.add_argument("--method", nargs="+", default=["ivf", "ah"])
    parser.add_argument("--setting", default="vectorq.nprobe", help="lists by hand")
    parser.add_argument("--options", default="", help="for CREATE INDEX ... WITH (...)")
    return parser.parse_args()


def unpack(name):
    """A file of test/data as an array, and as .npy for the client."""
    with gzip.open(os.path.join(ROOT, "test", "data", name + ".u8.gz")) as file:
        rows = np.frombuffer(file.read(), np.uint8).reshape(-1, DIMS)
    path = os.path.join(OUT, name + ".npy")
    np.save(path, rows)
    return rows, path


def missed(point):
    return max(1 - point["recall"], SMALLEST_MISS)


def plot(curves, exact_qps, title):
    """curves: access method -> points of search(). Recall is drawn as its distance from 1 on a log axis; less than a half is left out."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(8, 5))
    for (method, points), colour in zip(curves.items(), ("#8a8f98", "#1f6f8b", "#d08c2f")):
        for setting, style, label in ((None, "o-", method), (TARGET_SETTING, "D", f"{method}, by target")):
            part = [p for p in points if (p["setting"] == TARGET_SETTING) == (setting == TARGET_SETTING) and p["recall"] >= 0.5]
            axes.plot([missed(p) for p in part], [p["qps"] for p in part], style, color=colour, label=label if part else None)
            for p in part:
                below = setting == TARGET_SETTING
                axes.annotate(f"{p['value']:g}", (missed(p), p["qps"]), textcoords="offset points",
                              xytext=(-8, -14) if below else (6, 5), fontsize=9, weight="bold" if below else "normal")
    axes.axhline(exact_qps, linestyle="--", color="#b2555b", label="exact scan (recall 1)")
    axes.set_yscale("log")
    axes.set_xscale("log")
    axes.set_xlim(0.55, SMALLEST_MISS * 0.8)
    ticks = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
    axes.set_xticks([1 - recall for recall in ticks], [f"{recall:g}" for recall in ticks])
    axes.minorticks_off()
    axes.set_xlabel(f"recall@{K} against an exact scan (numbers: lists by hand; bold: the target)")
    axes.set_ylabel("queries a second, one connection")
    axes.set_title(title, fontsize=11)
    axes.grid(True, which="both", alpha=0.3)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.08))
    figure.tight_layout()
    for ending in ("png", "svg"):
        figure.savefig(os.path.join(OUT, "recall_speed." + ending), dpi=120)


def exact_answers(client, cluster, database, query_file, base, queries):
    """Figures of exact scans, and the squared distance of each query's K-th nearest row."""
    exact, ids = ask(client, cluster, database, query_file, SQL, ["SET max_parallel_workers_per_gather = 0"], K, warmup=20)
    kth = base[ids[:, K - 1]].astype(np.int64) - queries.astype(np.int64)
    return exact, (kth * kth).sum(axis=1)


def search(client, cluster, database, query_file, base, queries, limits, settings):
    """Queries by index at each of the settings, (name, value)."""
    points = []
    for setting, value in settings:
        figures, ids = ask(client, cluster, database, query_file, SQL,
                           [f"SET {setting} = {value}", "SET enable_seqscan = off"], K, repeats=3, warmup=100)
        points.append(dict(setting=setting, value=value, recall=recall(ids, base, queries, limits), qps=figures["qps"],
                           mean_ms=figures["mean_ms"], p99_ms=figures["p99_ms"]))
    return points


def build(cluster, database, method, options, say):
    """Puts an index of that method in the place of the last. Returns its MB."""
    cluster.sql("DROP INDEX IF EXISTS items_embedding_idx", database)
    with_options = f" WITH ({options})" if options else ""
    statement = f"CREATE INDEX items_embedding_idx ON items USING {method} (embedding vector_l2_ops){with_options}"
    built = timed_build(cluster, database, [], statement)
    table_mb, index_mb = (int(v) / 2**20 for v in cluster.sql(
        "SELECT pg_relation_size('items'), pg_relation_size('items_embedding_idx')", database)[0])
    say(f"{statement};")
    say(f"    took {built['seconds']:.2f} s; table {table_mb:.1f} MB, index {index_mb:.1f} MB")
    return index_mb


def main():
    options = parse()
    os.makedirs(OUT, exist_ok=True)
    started = time.time()

    def say(text):
        print(f"[{time.time() - started:5.1f} s] {text}", flush=True)

    client = build_client()
    cluster = Cluster("demo")
    database = "demo"
    try:
        cluster.sql(f"DROP DATABASE IF EXISTS {database}")
        cluster.sql(f"CREATE DATABASE {database}")
        cluster.sql(f"CREATE EXTENSION {options.extension}", database)
        cluster.sql(f"CREATE TABLE items (id bigint, embedding vector({DIMS}))", database)
        base, base_file = unpack("sift_base")
        queries, query_file = unpack("sift_query")
        load(client, cluster, database, "items", base_file)
        say(f"loaded {len(base):,} SIFT descriptors of {DIMS} dimensions")
        cluster.sql("VACUUM ANALYZE items", database)
        exact, limits = exact_answers(client, cluster, database, query_file, base, queries)
        say(f"answered {len(queries):,} queries by exact scan")
        vector = "[" + ",".join(map(str, queries[0])) + "]"
        curves, sizes = {}, {}
        settings = [(options.setting, probes) for probes in PROBES]
        if options.extension == "vectorq":
            settings = [(TARGET_SETTING, target) for target in TARGETS] + settings
        for method in options.method:
            sizes[method] = build(cluster, database, method, options.options, say)
            plan = [row[0].strip() for row in cluster.sql(f"EXPLAIN {SQL.replace('$1', repr(vector))}", database)]
            say("    plan of a search: " + re.sub(r"\s+", " ", next((line for line in plan if "Scan" in line), plan[0])))
            curves[method] = search(client, cluster, database, query_file, base, queries, limits, settings)
            say(f"    answered them by it at each of {len(settings)} settings")

        print(f"\n{'index':>10} {'setting':<28} {'recall@10':>10} {'queries/s':>10} {'mean ms':>8} {'p99 ms':>8} {'index MB':>9}")
        for method, points in curves.items():
            for p in points:
                setting = f"{p['setting']} = {p['value']:g}"
                print(f"{method:>10} {setting:<28} {p['recall']:>10.4f} {p['qps']:>10.0f} {p['mean_ms']:>8.3f} {p['p99_ms']:>8.3f} "
                      f"{sizes[method]:>9.1f}")
        print(f"{'':>10} {'exact scan':<28} {1:>10.4f} {exact['qps']:>10.0f} {exact['mean_ms']:>8.3f} {exact['p99_ms']:>8.3f} {'-':>9}")
        plot(curves, exact["qps"], f"{len(base):,} SIFT descriptors, one connection")
        print(f"\nplots: {OUT}/recall_speed.png and .svg")
    finally:
        keep = os.environ.get("KEEP", "") not in ("", "0")
        if not keep:
            cluster.stop()
    start = "" if keep else "scripts/cluster.sh start demo && "
    print(f'to look around:  {start}eval "$(scripts/cluster.sh env demo)" && psql {database}')
    print("to tidy up:      scripts/cluster.sh drop demo")


if __name__ == "__main__":
    main()
