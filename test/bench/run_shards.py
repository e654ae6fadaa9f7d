#!/usr/bin/env python3
"""Recall of rows merged from shards, hashed and clustered by content, and what Merge Append over local partitions takes.

    make bench-shards BENCH_ARGS='--data FOLDER --rows 200000'

A shard is a partition here: each is asked by itself for its k nearest rows, as a server of its own would be, and the answers are merged.
"""
import argparse
import json
import os

import numpy as np

from common import BUILD, DATA, Cluster, ask, build_client, load, recall, running, write_result

DIMS = 128


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA, help="the folder of sift-photo-1000000.{base,query}.npy")
    parser.add_argument("--rows", type=int, default=200000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--shards", type=int, nargs="+", default=[2, 4, 16])
    parser.add_argument("--partitions", type=int, nargs="*", default=[2, 16, 128])
    parser.add_argument("--targets", type=float, nargs="+", default=[0.8, 0.9, 0.95])
    parser.add_argument("--only", choices=["hash", "content", "partitions"])
    return parser.parse_args()


def squares(rows):
    rows = rows.astype(np.float32)
    return (rows * rows).sum(axis=1)


def nearest(base, queries, k):
    """Squared distance of each query's k-th nearest row."""
    norms, out = squares(base), []
    for begin in range(0, len(queries), 100):
        part = queries[begin:begin + 100].astype(np.float32)
        d = squares(part)[:, None] + norms - 2 * part @ base.astype(np.float32).T
        out.append(np.partition(d, k - 1, axis=1)[:, k - 1])
    return np.rint(np.concatenate(out)).astype(np.int64)


def merged(base, queries, answers, k):
    """The k nearest of all shards' rows."""
    out = np.full((len(queries), k), -1, np.int64)
    for i, query in enumerate(queries):
        ids = np.concatenate([a[i] for a in answers])
        ids = ids[ids >= 0]
        difference = base[ids].astype(np.int64) - query.astype(np.int64)
        best = ids[np.argsort((difference * difference).sum(axis=1), kind="stable")[:k]]
        out[i, :len(best)] = best
    return out


class Bench:
    def __init__(self, options, client, cluster):
        self.options, self.client, self.cluster = options, client, cluster
        stem = os.path.join(options.data, "sift-photo-1000000.")
        self.base = np.load(stem + "base.npy", mmap_mode="r")[:options.rows]
        self.queries = np.load(stem + "query.npy")[:options.queries]
        os.makedirs(os.path.join(BUILD, "bench"), exist_ok=True)
        self.base_file, self.query_file = (os.path.join(BUILD, "bench", f"shards-{name}.npy") for name in ("base", "query"))
        np.save(self.base_file, np.ascontiguousarray(self.base))
        np.save(self.query_file, np.ascontiguousarray(self.queries))
        cluster.sql("DROP DATABASE IF EXISTS shards")
        cluster.sql("CREATE DATABASE shards")
        self.sql(f"CREATE EXTENSION vectorq; CREATE TABLE items (id bigint, embedding vector({DIMS}))")
        load(client, cluster, "shards", "items", self.base_file)
        self.sql("ALTER TABLE items RENAME embedding TO v")
        self.limits = {k: nearest(self.base, self.queries, k) for k in (1, 10, 100)}

    def sql(self, text):
        return self.cluster.sql(text, "shards")

    def ask(self, sql, k, sets=()):
        return ask(self.client, self.cluster, "shards", self.query_file, sql, sets, k, repeats=1, warmup=20)

    def recall(self, ids, k):
        return recall(ids, self.base, self.queries, self.limits[k])

    def make(self, shards, by):
        """Table parted of so many partitions p0 …, each with its index; by: SQL for the number of a row's partition."""
        self.sql(f"DROP TABLE IF EXISTS parted; CREATE TABLE parted (id bigint, v vector({DIMS}), shard int) PARTITION BY LIST (shard)")
        self.sql("; ".join(f"CREATE TABLE p{i} PARTITION OF parted FOR VALUES IN ({i})" for i in range(shards)))
        self.sql(f"INSERT INTO parted SELECT id, v, {by} FROM items")
        self.sql("CREATE INDEX ON parted USING ah (v vector_l2_ops)")
        self.sql("ANALYZE parted")

    def make_content(self, shards):
        """The shards' centers are the lists of an index of so many lists."""
        self.sql(f"DROP TABLE IF EXISTS centers; DROP INDEX IF EXISTS coarse; CREATE INDEX coarse ON items USING ivf (v vector_l2_ops) WITH (lists = {shards}); "
                 "CREATE TABLE centers AS SELECT row_number() OVER (ORDER BY list) - 1 AS shard, centroid::vector AS center FROM vectorq_centroids('coarse'); DROP INDEX coarse")
        self.make(shards, "(SELECT shard FROM centers ORDER BY center <-> v LIMIT 1)")

    def of_shards(self, shards, target, k):
        """Each shard's k rows for each query, and the entries that each query scored in it."""
        sets = ["SET enable_seqscan = off", f"SET vectorq.target_recall = {target}"]
        return [self.ask(f"SELECT id FROM p{i} ORDER BY v <-> $1 LIMIT {k}", k, sets)[1] for i in range(shards)]

    def order_of_shards(self, shards):
        """The shards of each query, nearest center first."""
        centers = np.array([json.loads(row[0]) for row in self.sql("SELECT center FROM centers ORDER BY shard")])
        d = squares(centers)[None] - 2 * self.queries.astype(np.float32) @ centers.T.astype(np.float32)
        return np.argsort(d, axis=1)


def hashed(bench, say):
    lines = ["| shards | k | target of each | recall of one | of the whole | miss of the whole / miss of one | vectorq_shard_target says |", "|---|---|---|---|---|---|---|"]
    for shards in bench.options.shards:
        bench.make(shards, f"id % {shards}")
        for target in bench.options.targets:
            for k in (1, 10, 100):
                answers = bench.of_shards(shards, target, k)
                whole = bench.recall(merged(bench.base, bench.queries, answers, k), k)
                own = np.mean([recall(answers[0][:, :k], bench.base, bench.queries, nearest(bench.base[0::shards], bench.queries, k))])
                said = bench.sql(f"SELECT round(vectorq_shard_target({whole}, {shards}, {k})::numeric, 3)")[0][0]
                lines.append(f"| {shards} | {k} | {target} | {own:.4f} | {whole:.4f} | {(1 - whole) / max(1 - own, 1e-9):.2f} | {said} for that |")
                say(lines[-1])
    return lines


def by_content(bench, say):
    k = 10
    lines = ["| shards | rows, least and most | target of each | shards asked | recall@10 | share of rows in shards asked |", "|---|---|---|---|---|---|"]
    for shards in bench.options.shards:
        bench.make_content(shards)
        sizes = np.array([int(row[0]) for row in bench.sql("SELECT count(*) FROM parted GROUP BY shard ORDER BY shard")])
        order = bench.order_of_shards(shards)
        for target in (0.95, 0.99):
            answers = bench.of_shards(shards, target, k)
            for asked in sorted({1, 2, 3, 4, 6, 8, shards} & set(range(1, shards + 1))):
                kept = [np.where((order[:, :asked] == i).any(axis=1)[:, None], a, -1) for i, a in enumerate(answers)]
                found = bench.recall(merged(bench.base, bench.queries, kept, k), k)
                share = sizes[order[:, :asked]].sum(axis=1).mean() / sizes.sum()
                lines.append(f"| {shards} | {sizes.min():,} {sizes.max():,} | {target} | {asked} | {found:.4f} | {share:.2f} |")
                say(lines[-1])
    return lines


def partitions(bench, say):
    k = 10
    lines = ["| partitions | ms a query | recall@10 | plan |", "|---|---|---|---|"]
    for count in [1] + bench.options.partitions:
        bench.make(count, f"id % {count}")
        sql = f"SELECT id FROM parted ORDER BY v <-> $1 LIMIT {k}"
        figures, ids = bench.ask(sql, k, ["SET enable_seqscan = off"])
        literal = "'[" + ",".join(map(str, bench.queries[0])) + "]'"
        plan = [row[0] for row in bench.sql("EXPLAIN (COSTS off) " + sql.replace("$1", literal))]
        kind = "Merge Append" if any("Merge Append" in line for line in plan) else plan[1].strip(" ->").split(" on ")[0].split(" using ")[0]
        lines.append(f"| {count} | {figures['mean_ms']:.3f} | {bench.recall(ids, k):.4f} | {kind} |")
        say(lines[-1])
    return lines


def main():
    options = parse()
    client = build_client()
    with running(Cluster("bench-shards")) as cluster:
        bench = Bench(options, client, cluster)
        parts = {"hash": hashed, "content": by_content, "partitions": partitions}
        result = {name: part(bench, lambda line: print(line, flush=True)) for name, part in parts.items() if options.only in (None, name)}
    text = "\n\n".join(f"## {name}\n\n" + "\n".join(lines) for name, lines in result.items())
    print(write_result(os.path.join(BUILD, "bench", "shards"), text, result))


if __name__ == "__main__":
    main()
