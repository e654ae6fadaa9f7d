"""What a query costs before any vector is compared: SQL itself, and the first query of a fresh connection."""
import json
import statistics

from common import run
from tables import create


def overhead_ms(peer, queries):
    """The same query by the same access method on an empty table: protocol, planner, executor. Median of three."""
    table = peer.table + "_empty"
    create(peer.server.cluster, peer.database, table, peer.data.dims)
    peer.sql(peer.create_index(table, table + "_index", 1))
    times = [peer.ask(peer.statement(10, table), [], 10, queries, warmup=100)[0]["mean_ms"] for _ in range(3)]
    peer.sql(f"DROP TABLE {table}")
    return statistics.median(times)


def first_query(peer, step, connections=20):
    peer.show()
    arguments = [part for text in peer.sets(step) for part in ("--set", text)]
    return json.loads(run(peer.server.client, "first", "--file", peer.data.query_file, "--queries", str(connections),
                          "--sql", peer.statement(10), *arguments, env={**peer.server.cluster.env, "PGDATABASE": peer.database}))
