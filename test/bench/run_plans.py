#!/usr/bin/env python3
"""Does the planner take the quicker of index and sequential scan? Tables of 300 to 100,000 rows and 128 to 3,072 dimensions, at the
server's stock settings, `ORDER BY embedding <-> query LIMIT 10`.

    make bench-plans [BENCH_ARGS='--rows 300 2000 --dims 768']

Vectors are SIFT rows through a random layer of so many dimensions; queries are of other photographs. From 512 dimensions on they lie out of
line. Milliseconds are the server's own (EXPLAIN ANALYZE without timing of nodes), the median of the queries, each asked once before.
Results: build/bench/plans.md and .json.
"""
import argparse
import os
import re
import statistics

import numpy as np

from common import BUILD, Cluster, Session, build_client, cpu_name, load, running, write_result
from life import layer, save
from sift import load_sift
from tables import create, database

NAME, TABLE, INDEX = "bench_plans", "plans", "plans_index"
WITHIN = 1.5  # times the better plan
CHOICES = {"planner": [], "index": ["enable_seqscan = off"], "sequential": ["enable_indexscan = off"]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1000, 2000, 5000, 20000, 100000])
    parser.add_argument("--dims", type=int, nargs="+", default=[128, 384, 768, 1536, 3072])
    parser.add_argument("--most-mb", type=int, default=700, help="leaves out tables of more")
    parser.add_argument("--queries", type=int, default=21)
    parser.add_argument("--type", default="vector", choices=["vector", "halfvec"])
    return parser.parse_args()


def explain(session, query):
    """Milliseconds, the plan's estimated cost and its scan."""
    text = "\n".join(session.run(f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON) SELECT id FROM {TABLE} ORDER BY embedding <-> '{query}' LIMIT 10;"))
    scan = "index" if f"using {INDEX}" in text else "sequential" if "Seq Scan" in text else "other"
    return float(re.search(r"Execution Time: ([\d.]+)", text).group(1)), float(re.search(r"\.\.([\d.]+) rows", text).group(1)), scan


def measure(cluster, queries):
    result = {}
    for name, settings in CHOICES.items():
        session = Session(cluster, NAME)
        for setting in settings:
            session.run(f"SET {setting};")
        for query in queries[:5]:
            explain(session, query)
        seen = [explain(session, query) for query in queries]
        session.close()
        result[name] = dict(ms=round(statistics.median(s[0] for s in seen), 3), cost=seen[0][1], scan=seen[0][2])
    result["ratio"] = round(result["planner"]["ms"] / min(result["index"]["ms"], result["sequential"]["ms"]), 2)
    return result


def case(cluster, client, options, sift, rows, dims):
    vectors = layer(sift[0][:rows], dims, dims)
    database(cluster, NAME, "vectorq")
    create(cluster, NAME, TABLE, dims)
    load(client, cluster, NAME, TABLE, save("plans", vectors))
    if options.type != "vector":
        cluster.sql(f"ALTER TABLE {TABLE} ALTER embedding TYPE {options.type}({dims})", NAME)
    cluster.sql(f"CREATE INDEX {INDEX} ON {TABLE} USING ah (embedding {options.type}_l2_ops)", NAME)
    cluster.sql(f"VACUUM ANALYZE {TABLE}", NAME)
    asked = layer(sift[1][:options.queries], dims, dims)
    found = measure(cluster, ["[" + ",".join(f"{x:.6g}" for x in query) + "]" for query in asked])
    return dict(rows=rows, dims=dims, **found)


def report(options, cases):
    lines = [f"`{options.type}`, `ah` without options, {cpu_name()}", "",
             "| rows | dimensions | index: ms | cost | sequential: ms | cost | the planner's choice | ms | times the better |", "|---|---|---|---|---|---|---|---|---|"]
    for c in cases:
        lines.append(f"| {c['rows']:,} | {c['dims']:,} | {c['index']['ms']} | {c['index']['cost']:.0f} | {c['sequential']['ms']} | {c['sequential']['cost']:.0f} "
                     f"| {c['planner']['scan']} | {c['planner']['ms']} | {'**' if c['ratio'] > WITHIN else ''}{c['ratio']}{'**' if c['ratio'] > WITHIN else ''} |")
    return "\n".join(lines) + "\n"


def main():
    options = arguments()
    client, sift, cases = build_client(), load_sift(max(options.rows), options.queries), []
    cluster = Cluster("plans")
    with running(cluster):
        for dims in options.dims:
            for rows in options.rows:
                if rows * dims * 4 <= options.most_mb << 20:
                    cases.append(case(cluster, client, options, sift, rows, dims))
                    print(cases[-1], flush=True)
    print(write_result(os.path.join(BUILD, "bench", "plans"), report(options, cases), cases))


if __name__ == "__main__":
    main()
