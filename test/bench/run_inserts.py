#!/usr/bin/env python3
"""Rows a second that several sessions insert at once into an index, in this tree and in others.

    make bench-inserts [BENCH_ARGS='--trees /path/of/another/tree --seconds 20 ...']

A table of `--rows` vectors of 128 dimensions, random ones around 256 centers, is indexed; then pgbench inserts for
`--seconds` from `--connections` sessions, `--batch` rows a transaction. Each run begins with a table and an index made
anew. Runs of all trees are interleaved, so that a busy machine slows all of them; the best and the median of
`--repeats` runs are printed, and their ratio to those of the first tree. Other trees must have been built (`make
server-tree`). The server runs without fsync: what is measured is locks and computing, not the disk.
"""
import argparse
import os
import statistics
import time

from common import BUILD, ROOT, Cluster, run, write_result

INDEXES = {
    "ah": "CREATE INDEX ON inserted USING ah (v vector_l2_ops)",
    "ivf": "CREATE INDEX ON inserted USING ivf (v)",
    "ivf, 16 lists": "CREATE INDEX ON inserted USING ivf (v) WITH (lists = 16)",
}
SOURCE = """
DROP TABLE IF EXISTS source, centers;
SET seed = 0.5;
CREATE TABLE centers AS SELECT c, array_agg(random() + 0 * c) AS v FROM generate_series(0, 255) c, generate_series(1, 128) GROUP BY c;
CREATE TABLE source AS
    SELECT i AS id, (SELECT array_agg(x + 0.3 * random() + 0 * i) FROM unnest(c.v) x)::vector(128) AS v
    FROM generate_series(1, {rows}) i JOIN centers c ON c.c = i % 256;
ALTER TABLE source ADD PRIMARY KEY (id);
VACUUM ANALYZE source
"""
FRESH = """
DROP TABLE IF EXISTS inserted;
CREATE TABLE inserted (id bigint GENERATED ALWAYS AS IDENTITY, v vector(128));
INSERT INTO inserted (v) SELECT v FROM source;
{index};
CHECKPOINT
"""
SCRIPT = """\\set first random(1, {rows} - {batch})
INSERT INTO inserted (v) SELECT v FROM source WHERE id >= :first ORDER BY id LIMIT {batch};
"""


def start(number, tree, arguments):
    build = BUILD if tree == ROOT else os.path.join(tree, "build")
    cluster = Cluster(f"bench_inserts_{number}", root=tree, build=build, VQ_AUTOVACUUM="off", VQ_SHARED_BUFFERS="1GB")
    cluster.sql("CREATE EXTENSION IF NOT EXISTS vectorq")
    for statement in SOURCE.format(rows=arguments.rows).split(";"):
        if not statement.strip().startswith("SET"):
            cluster.sql(("SET seed = 0.5; " if "random()" in statement else "") + statement)
    return cluster


def rows_per_s(cluster, index, script, arguments):
    for statement in FRESH.format(index=index).split(";"):
        cluster.sql(statement)
    before = int(cluster.value("SELECT count(*) FROM inserted"))
    begin = time.time()
    run("pgbench", "-n", "-c", str(arguments.connections), "-j", "2", "-T", str(arguments.seconds), "-f", script, "postgres", env=cluster.env)
    took = time.time() - begin
    return (int(cluster.value("SELECT count(*) FROM inserted")) - before) / took


def report(trees, found):
    lines = ["| index | tree | best, rows/s | of the first | median, rows/s | of the first |", "|---|---|---:|---:|---:|---:|"]
    for name, runs in found.items():
        for number, tree in enumerate(trees):
            best, median = (f(runs[number]) / f(runs[0]) for f in (max, statistics.median))
            lines.append(f"| {name} | {tree} | {max(runs[number]):.0f} | {best:.3f} | {statistics.median(runs[number]):.0f} | {median:.3f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", nargs="*", default=[], help="other trees, the one to compare with first; this tree comes last")
    parser.add_argument("--indexes", nargs="*", default=list(INDEXES), choices=list(INDEXES))
    parser.add_argument("--rows", type=int, default=50000)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--batch", type=int, default=10)
    arguments = parser.parse_args()
    trees = [os.path.abspath(tree) for tree in arguments.trees] + [ROOT]
    os.makedirs(os.path.join(BUILD, "bench"), exist_ok=True)
    script = os.path.join(BUILD, "bench", "inserts.sql")
    with open(script, "w", encoding="utf-8") as file:
        file.write(SCRIPT.format(rows=arguments.rows, batch=arguments.batch))
    clusters = []
    try:
        clusters.extend(start(number, tree, arguments) for number, tree in enumerate(trees))
        found = {name: [[] for _ in trees] for name in arguments.indexes}
        for repeat in range(arguments.repeats):
            for name in arguments.indexes:
                for number, cluster in enumerate(clusters):
                    found[name][number].append(rows_per_s(cluster, INDEXES[name], script, arguments))
                    print(f"{repeat + 1}: {name}: {trees[number]}: {found[name][number][-1]:.0f} rows/s", flush=True)
    finally:
        for cluster in clusters:
            cluster.drop()
    print(write_result(os.path.join(BUILD, "bench", "inserts"), report(trees, found), dict(arguments=vars(arguments), trees=trees, rows_per_s=found)))


if __name__ == "__main__":
    main()
