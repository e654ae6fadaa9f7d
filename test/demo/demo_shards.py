#!/usr/bin/env python3
"""Four servers, each with a part of the rows, asked through postgres_fdw of a fifth: time and recall beside one index and an exact scan.

    make demo-shards

The 20,000 rows and 500 of the queries of test/data, on this one machine: so times tell what asking costs, not what four machines save.
Recall is the share of the ten nearest rows of an exact scan that came back. Queries run one after the other on one connection.
"""
import contextlib
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import BUILD, Cluster, ask, build_client, load, recall  # noqa: E402
from demo import DIMS, K, OUT, exact_answers, unpack  # noqa: E402

SHARDS, QUERIES = 4, 500
PLAIN = f"SELECT id FROM parted ORDER BY embedding <-> $1 LIMIT {K}"
# The order by d + 0 makes the coordinator sort k rows of each shard: a Merge Append would ask the shards one after the other.
AT_ONCE = ("SELECT id FROM (" + " UNION ALL ".join(
    f"(SELECT id, embedding <-> $1 AS d FROM items_{i} ORDER BY 2 LIMIT {K})" for i in range(SHARDS)) + f") s ORDER BY d + 0 LIMIT {K}")
NOTHING = "SELECT id FROM (" + " UNION ALL ".join(f"(SELECT id, $1::vector FROM nothing_{i})" for i in range(SHARDS)) + ") s"


def make_shard(cluster, number):
    cluster.sql("DROP TABLE IF EXISTS items; CREATE EXTENSION IF NOT EXISTS vectorq; "
                f"CREATE TABLE items (shard int NOT NULL DEFAULT {number}, id bigint, embedding vector({DIMS})); "
                "CREATE OR REPLACE VIEW nothing AS SELECT 1::bigint AS id")


def make_coordinator(cluster, shards):
    """The table `items` with all rows is there; `parted` is the same rows in the shards."""
    cluster.sql("CREATE EXTENSION IF NOT EXISTS postgres_fdw; DROP TABLE IF EXISTS parted; "
                f"CREATE TABLE parted (shard int, id bigint, embedding vector({DIMS})) PARTITION BY LIST (shard)")
    for i, shard in enumerate(shards):
        cluster.sql(f"DROP SERVER IF EXISTS shard_{i} CASCADE; CREATE SERVER shard_{i} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ("
                    f"host '{shard.env['PGHOST']}', port '{shard.env.get('PGPORT', '5432')}', dbname 'postgres', extensions 'vectorq', "
                    "fetch_size '100', batch_size '500', async_capable 'true', parallel_commit 'true', connect_timeout '3'); "
                    f"CREATE USER MAPPING FOR CURRENT_USER SERVER shard_{i}; "
                    f"CREATE FOREIGN TABLE items_{i} PARTITION OF parted FOR VALUES IN ({i}) SERVER shard_{i} OPTIONS (table_name 'items'); "
                    f"CREATE FOREIGN TABLE nothing_{i} (id bigint) SERVER shard_{i} OPTIONS (table_name 'nothing')")
    cluster.sql(f"INSERT INTO parted SELECT id % {SHARDS}, id, embedding FROM items")


def build_indexes(coordinator, shards):
    coordinator.sql("CREATE INDEX ON items USING ah (embedding vector_l2_ops); ANALYZE items")
    for shard in shards:
        shard.sql("CREATE INDEX items_v ON items USING ah (embedding vector_l2_ops)")
        shard.sql("VACUUM ANALYZE items")
    coordinator.sql("; ".join(f"ANALYZE items_{i}" for i in range(SHARDS)))


def for_servers(coordinator, option):
    coordinator.sql("; ".join(f"ALTER SERVER shard_{i} OPTIONS (SET {option})" for i in range(SHARDS)))


def measure(client, coordinator, query_file, base, queries, limits, sql, sets=()):
    figures, ids = ask(client, coordinator, "postgres", query_file, sql, sets, K, queries=QUERIES, repeats=2, warmup=50)
    return figures["mean_ms"], recall(ids, base, queries[:QUERIES], limits[:QUERIES])


def error_of(coordinator, sql):
    """What the coordinator says to a query that fails, and after what time."""
    started = time.time()
    done = subprocess.run(["psql", "-XqAt", "-d", "postgres", "-c", sql], env=coordinator.env, text=True, capture_output=True)
    if done.returncode == 0:
        raise SystemExit("a query was answered though a shard was down:\n" + done.stdout)
    return re.sub(r"\s+", " ", done.stderr.strip())[:160], time.time() - started


def compare(client, coordinator, shards, query_file, base, queries, limits):
    def line(name, sql, sets=()):
        ms, found = measure(client, coordinator, query_file, base, queries, limits, sql, sets)
        rows.append((name, ms, found))

    rows = []
    line("one table, exact scan", PLAIN.replace("parted", "items"), ["SET enable_indexscan = off", "SET max_parallel_workers_per_gather = 0"])
    line("one table, one index", PLAIN.replace("parted", "items"), ["SET enable_seqscan = off"])
    figures, _ = ask(client, coordinator, "postgres", query_file, NOTHING, [], K, queries=QUERIES, repeats=2, warmup=50)
    rows.append((f"{SHARDS} shards, nothing asked: the round trips", figures["mean_ms"], None))
    line(f"{SHARDS} shards, fetch_size 100 (the default)", PLAIN)
    for_servers(coordinator, f"fetch_size '{K}'")
    line(f"{SHARDS} shards, fetch_size {K}", PLAIN)
    line(f"{SHARDS} shards at once, UNION ALL", AT_ONCE)
    target = coordinator.value(f"SELECT vectorq_shard_target(0.95, {SHARDS}, {K})")
    for shard in shards:
        shard.sql(f"ALTER INDEX items_v SET (target_recall = {target})")
    line(f"the same, each shard aims at {target}", AT_ONCE)
    return rows


def main():
    os.makedirs(OUT, exist_ok=True)
    started = time.time()

    def say(text):
        print(f"[{time.time() - started:5.1f} s] {text}", flush=True)

    client = build_client()
    with contextlib.ExitStack() as stack:
        coordinator, *shards = [Cluster(name) for name in ["demo-coordinator"] + [f"demo-shard{i}" for i in range(SHARDS)]]
        for cluster in [coordinator] + shards:
            stack.callback(cluster.stop)
        say(f"{SHARDS + 1} servers run")
        base, base_file = unpack("sift_base")
        queries, query_file = unpack("sift_query")
        coordinator.sql(f"DROP TABLE IF EXISTS items CASCADE; CREATE EXTENSION IF NOT EXISTS vectorq; CREATE TABLE items (id bigint, embedding vector({DIMS}))")
        load(client, coordinator, "postgres", "items", base_file)
        for i, shard in enumerate(shards):
            make_shard(shard, i)
        make_coordinator(coordinator, shards)
        say(f"{len(base):,} rows are in one table and, a quarter each, in {SHARDS} shards")
        _, limits = exact_answers(client, coordinator, "postgres", query_file, base, queries)
        build_indexes(coordinator, shards)
        say("the exact answers are known, indexes are built")
        rows = compare(client, coordinator, shards, query_file, base, queries, limits)
        say(f"{QUERIES} queries were asked in each way\n")
        print(f"{'':44} {'ms':>8} {'recall@10':>10}")
        for name, ms, found in rows:
            print(f"{name:44} {ms:8.3f} {'' if found is None else f'{found:10.4f}'}")
        vector = "[" + ",".join(map(str, queries[0])) + "]"
        sql = PLAIN.replace("$1", f"'{vector}'")
        shards[-1].stop()
        text, seconds = error_of(coordinator, sql)
        print()
        say(f"a shard is stopped; a query ends after {seconds:.1f} s: {text}")
        Cluster(f"demo-shard{SHARDS - 1}")
        say(f"it is started again; the query has {len(coordinator.sql(sql))} rows")


if __name__ == "__main__":
    main()
