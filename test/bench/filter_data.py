"""Filters to measure: columns of a table, conditions on them, and the true neighbours among the rows that match."""
import os

import numpy as np

K = 10
SHARES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5)
# All are permutations of 0 .. rows - 1: `column < share * rows` is true for exactly that share. `rank` counts from the
# row that is nearest to some row, the center, to the farthest; the others are random.
COLUMNS = ("bucket", "rank", "price", "weight")


class Filter:
    """kind: random, cluster (the rows nearest to the center, queries anywhere), near (the same, queries near the center),
    far (the rows farthest from it, queries near it) or three (conditions on three random columns)."""

    def __init__(self, kind, share, rows):
        self.kind, self.share = kind, share
        self.name = "all" if share == 1 else f"{kind} {100 * share:g} %"
        self.near = kind in ("near", "far")
        self.bounds = []  # (column, operator, value)
        if share == 1:
            return
        count = max(1, round(share * rows))
        if kind == "random":
            self.bounds = [("bucket", "<", count)]
        elif kind in ("cluster", "near"):
            self.bounds = [("rank", "<", count)]
        elif kind == "far":
            self.bounds = [("rank", ">=", rows - count)]
        else:
            self.bounds = [(column, "<", round(share ** (1 / 3) * rows)) for column in ("bucket", "price", "weight")]

    @property
    def condition(self):
        return " AND ".join(f"{column} {operator} {value}" for column, operator, value in self.bounds) or "true"

    def mask(self, columns):
        keep = np.ones(len(columns["bucket"]), bool)
        for column, operator, value in self.bounds:
            keep &= columns[column] < value if operator == "<" else columns[column] >= value
        return keep


def filters(rows):
    """All that are measured, with at least ten matches where a row is to be found at all."""
    shares = [share for share in SHARES if share * rows >= K]
    made = [Filter("random", 1, rows)]
    for kind in ("random", "cluster", "far", "three"):
        made += [Filter(kind, share, rows) for share in shares]
    return made + [Filter("near", 0.01, rows)]


def sq_distances(rows, queries):
    return (rows ** 2).sum(1)[None] + (queries ** 2).sum(1)[:, None] - 2 * queries @ rows.T


def make_columns(base):
    random = np.random.default_rng(3)
    center = base[random.integers(len(base))].astype(np.float32)
    rank = np.empty(len(base), np.int32)
    rank[np.argsort(((base.astype(np.float32) - center) ** 2).sum(1), kind="stable")] = np.arange(len(base))
    columns = {column: random.permutation(len(base)).astype(np.int32) for column in COLUMNS}
    columns["rank"] = rank
    return columns, center


def kth_distances(base, queries, masks):
    """For each mask the squared distance of each query's k-th nearest row that matches; of its last one where there are fewer."""
    best = [np.full((len(queries), K), np.inf, np.float32) for _ in masks]
    for begin in range(0, len(base), 50000):
        distance = sq_distances(np.asarray(base[begin:begin + 50000], np.float32), queries)
        for i, mask in enumerate(masks):
            part = distance[:, mask[begin:begin + 50000]]
            if part.shape[1] > K:
                part = np.partition(part, K, axis=1)[:, :K]
            best[i] = np.sort(np.concatenate([best[i], part], axis=1), axis=1)[:, :K]
    return [np.where(np.isfinite(rows), rows, -np.inf).max(axis=1) for rows in best]


def truths(data, kept, queries, wanted, columns):
    """Filter name -> (mask, limits of the queries), `queries` by Filter.near. Kept in a file, since it takes minutes."""
    out = {}
    for near in (False, True):
        those = [f for f in wanted if f.near == near]
        path = f"{kept}.{'near' if near else 'anywhere'}.npy"
        masks = [f.mask(columns) for f in those]
        if os.path.exists(path):
            limits = np.load(path)
        else:
            limits = np.array(kth_distances(data.base, queries[near], masks))
            np.save(path, limits)
        out.update({f.name: (mask, limit) for f, mask, limit in zip(those, masks, limits)})
    return out


def recall(ids, base, queries, mask, limits):
    """A row counts that is no farther than the true k-th neighbour among the matches. A row that does not match is an error."""
    wanted = min(K, int(mask.sum()))
    hits = 0
    for found, query, limit in zip(ids, queries, limits):
        found = np.unique(found[found >= 0])
        assert mask[found].all(), "a row that does not match"
        distance = ((np.asarray(base[found], np.float32) - query) ** 2).sum(1)
        hits += min(wanted, int((distance <= limit * (1 + 1e-5) + 1e-6).sum()))
    return hits / (wanted * len(ids))
