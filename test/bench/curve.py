"""Speed at a wanted recall, and ratios of speeds, from measured points. Standard library only (curve_test.py).

A point is (recall, ms). A curve is a list of points; a round is one pass of measurements over a curve's points.
"""
import math
import statistics


def frontier(points):
    """The points that no other beats in both recall and time, by rising recall (and so by rising time)."""
    kept = []
    for recall, ms in sorted(points, key=lambda point: (-point[0], point[1])):
        if not kept or ms < kept[-1][1]:
            kept.append((recall, ms))
    return kept[::-1]


def around(points, target):
    """The last point of the frontier below the target and the first at or above it: two points, the same one twice
    if all are above, None if none is."""
    line = frontier(points)
    above = [i for i, (recall, _) in enumerate(line) if recall >= target]
    if not above:
        return None
    return line[max(above[0] - 1, 0)], line[above[0]]


def between(low, high, target):
    """Time at the target recall: linear in recall and in the logarithm of the time, never outside the two points."""
    if high[0] == low[0]:
        return high[1]
    share = min(1.0, max(0.0, (target - low[0]) / (high[0] - low[0])))
    return math.exp((1 - share) * math.log(low[1]) + share * math.log(high[1]))


def ms_at(points, target):
    """Time at the target recall, None if the curve does not get there."""
    pair = around(points, target)
    return None if pair is None else between(*pair, target)


def spread(values):
    """Median, least and greatest of the values that are there; None without any."""
    values = [value for value in values if value is not None]
    return dict(median=statistics.median(values), min=min(values), max=max(values)) if values else None


def times_as_fast(mine, other, target):
    """How many times as fast as `other` we are at the target recall: the ratio of each round of interleaved rounds,
    so that a slow minute of the machine hits both; then median and spread."""
    ratios = []
    for my_points, other_points in zip(mine, other):
        my_ms, other_ms = ms_at(my_points, target), ms_at(other_points, target)
        ratios.append(None if my_ms is None or other_ms is None else other_ms / my_ms)
    return spread(ratios)
