"""Inserts and deletes: rows a second into a built index, and recall after half of the rows came and half went."""
import json

import numpy as np

from common import load, run
from tables import create
from truth import limits, recalls


def insert(peer, table, file, start, rows, id_shift=0):
    return json.loads(run(peer.server.client, "insert", "--table", table, "--file", file, "--from", str(start), "--rows", str(rows),
                          "--id-shift", str(id_shift), env={**peer.server.cluster.env, "PGDATABASE": peer.database}))


def rate(peer, rows):
    """Rows a second into the index of all rows. The rows are the queries, which are new to the table; they go again."""
    rows = min(rows, np.load(peer.data.query_file, mmap_mode="r").shape[0])
    peer.show()
    done = insert(peer, peer.table, peer.data.query_file, 0, rows, id_shift=peer.data.rows)
    peer.sql(f"DELETE FROM {peer.table} WHERE id >= {peer.data.rows}")
    return done["rows_per_s"]


def recall_of(peer, data, table, step, near):
    ids = peer.ask(peer.statement(10, table), step, 10, len(data.queries))[1]
    return recalls(data, ids, near)[10]


def churn(peer, step, rows):
    """recall@10 at one setting of: an index of all `rows`; one built on half of them, the other half inserted; the same
    after the first half was deleted and the table vacuumed. The index is built anew each time for the table's own size."""
    data, table = peer.data, peer.table + "_churn"
    index, half = table + "_index", rows // 2
    whole, second = np.arange(rows), np.arange(half, rows)
    create(peer.server.cluster, peer.database, table, data.dims)
    load(peer.server.client, peer.server.cluster, peer.database, table, data.base_file, rows)
    peer.build_index(table, index, rows)
    near = limits(data, whole, f"first{rows}")
    out = dict(fresh=recall_of(peer, data, table, step, near))
    create(peer.server.cluster, peer.database, table, data.dims)
    load(peer.server.client, peer.server.cluster, peer.database, table, data.base_file, half)
    peer.build_index(table, index, half)
    out["rows_per_s"] = insert(peer, table, data.base_file, half, rows - half)["rows_per_s"]
    out["inserted"] = recall_of(peer, data, table, step, near)
    peer.sql(f"DELETE FROM {table} WHERE id < {half}")
    peer.sql(f"VACUUM {table}")
    out["deleted"] = recall_of(peer, data, table, step, limits(data, second, f"second{rows}"))
    peer.sql(f"DROP TABLE {table}")
    return out
