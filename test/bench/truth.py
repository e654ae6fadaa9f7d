"""Exact neighbours (FAISS Flat, cached) and recall against them.

A returned row counts if it is as near as the true k-th neighbour: ties are common among small integers, and which of
them an exact search names is chance. A row returned twice counts once.
"""
import os
import zlib

import numpy as np

from common import DATA

DEPTH = 100
BLOCK = 1_000_000  # rows searched at a time


def scores(data, queries, ids):
    """Distance of each row in ids (queries, n) to its query, smaller is nearer; infinite for -1. In double precision."""
    out = np.empty(ids.shape)
    for start in range(0, len(ids), 64):
        part = slice(start, start + 64)
        rows, one = data.base[np.maximum(ids[part], 0)].astype(np.float64), queries[part].astype(np.float64)
        if data.metric == "l2":
            rows -= one[:, None, :]
            out[part] = np.einsum("qnd,qnd->qn", rows, rows)
        else:
            out[part] = -np.einsum("qnd,qd->qn", rows, one)
    out[ids < 0] = np.inf
    return out


def search(data, subset):
    """Row numbers of the nearest DEPTH rows of a subset of the rows. A block of rows at a time: memory does not grow with them."""
    import faiss
    metric, queries = faiss.METRIC_L2 if data.metric == "l2" else faiss.METRIC_INNER_PRODUCT, data.float_queries()
    ids, near = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for start in range(0, len(subset), BLOCK):
        part = np.asarray(subset[start:start + BLOCK])
        index = faiss.IndexFlat(data.dims, metric)
        index.add(np.ascontiguousarray(data.base[part], np.float32))
        distances, found = index.search(queries, DEPTH)
        distances = np.where(found >= 0, distances if data.metric == "l2" else -distances, np.inf)
        ids = np.concatenate([ids, np.where(found >= 0, part[found], -1)], axis=1)
        near = np.concatenate([near, distances], axis=1)
        best = np.argsort(near, axis=1, kind="stable")[:, :DEPTH]
        ids, near = np.take_along_axis(ids, best, 1), np.take_along_axis(near, best, 1)
    return ids


def limits(data, subset=None, label="all"):
    """(queries, DEPTH): distance of each query's first, second, ... true neighbour among the subset (default: all rows)."""
    stamp = os.stat(data.base_file)
    key = zlib.crc32(f"{data.base_file} {stamp.st_size} {int(stamp.st_mtime)}".encode())
    file = os.path.join(DATA, f"truth-{data.table}-{len(data.queries)}-{label}-{key:08x}.npy")
    if not os.path.exists(file):
        if subset is None and data.neighbours is not None and data.neighbours.shape[1] >= DEPTH:
            ids = data.neighbours[:, :DEPTH]
        else:
            ids = search(data, np.arange(data.rows) if subset is None else subset)
        np.save(file, np.sort(scores(data, data.queries, ids), axis=1))
    return np.load(file)


def recall_at(r, ids, found_scores, near):
    """Mean share of the r true neighbours among the first r rows returned, of those that exist."""
    ids, found_scores = ids[:, :r], found_scores[:, :r]
    order = np.argsort(ids, axis=1, kind="stable")
    sorted_ids, sorted_scores = np.take_along_axis(ids, order, 1), np.take_along_axis(found_scores, order, 1)
    again = np.zeros(ids.shape, bool)
    again[:, 1:] = sorted_ids[:, 1:] == sorted_ids[:, :-1]
    wanted = np.minimum(np.isfinite(near).sum(axis=1), r)
    last = near[np.arange(len(near)), np.maximum(wanted - 1, 0)]
    hits = ((sorted_scores <= last[:, None]) & ~again & (sorted_ids >= 0)).sum(axis=1)
    return float((np.minimum(hits, wanted) / np.maximum(wanted, 1)).mean())


def recalls(data, ids, near):
    """recall@1, @10, @100, as many as there are columns, of ids (queries, k); fewer queries than data has are its first."""
    found = scores(data, data.queries[:len(ids)], ids)
    return {r: round(recall_at(r, ids, found, near[:len(ids)]), 5) for r in (1, 10, 100) if r <= ids.shape[1]}
