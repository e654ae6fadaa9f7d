"""Filtered queries: WHERE keeps 1 %, 10 % or 50 % of the rows. Rows returned, recall among the rows kept, time."""
import numpy as np

from truth import limits, recalls

SHARES = (1, 10, 50)  # per cent


def kept(rows, share):
    """Row numbers that pass `bucket < 10 * share` (tables.create)."""
    ids = np.arange(rows, dtype=np.int64)
    return ids[ids * 7919 % 1000 < 10 * share]


def filtered(peer, step, queries, k=10):
    peer.show()
    out = {}
    for share in SHARES:
        near = limits(peer.data, kept(peer.data.rows, share), f"filter{share}")
        figures, ids = peer.ask(peer.statement(k, where=f" WHERE bucket < {10 * share}"), step + peer.entry.get("filter_set", []), k,
                                queries, warmup=10)
        out[share] = dict(rows=round(float((ids >= 0).sum(axis=1).mean()), 2), recall=recalls(peer.data, ids, near)[k], **figures)
    return out
