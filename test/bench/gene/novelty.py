"""How well the distance to the nearest neighbour tells known from novel, and the accuracy of the neighbour's label. numpy only."""
import numpy as np


def auroc(inside, outside):
    """The chance that a distance of `outside` is larger than one of `inside`; equal ones count half."""
    both = np.concatenate([inside, outside])
    _, group, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[group]
    wins = ranks[len(inside):].sum() - len(outside) * (len(outside) + 1) / 2
    return float(wins / (len(inside) * len(outside)))


def accuracy(found, base_labels, labels):
    """Share of the queries whose first row found (-1: none) has their label."""
    return float(((found >= 0) & (base_labels[np.maximum(found, 0)] == labels)).mean())


def distances(base, queries, found):
    """Euclidean distance of each query to its row, infinite where none was found."""
    out = np.full(len(found), np.inf)
    there = found >= 0
    out[there] = np.linalg.norm(base[found[there]].astype(np.float64) - queries[:len(found)][there], axis=1)
    return out


def overlap(found, exact):
    """Mean share of the exact rows (n, k) among those found (n, k)."""
    return float(np.mean([len(np.intersect1d(a[a >= 0], b)) / len(b) for a, b in zip(found, exact)]))


def flagged(inside, outside, false_alarms):
    """Share of `outside` farther than all but `false_alarms` of `inside`."""
    return float((outside > np.quantile(inside, 1 - false_alarms)).mean())
