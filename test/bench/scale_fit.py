"""How a cost grows with the number of rows: exponents and the fit that a plan for more rows is made with. Standard library only."""
import math


def exponents(points):
    """Of (n, cost) in rising n: log cost / log n between each point and the one before."""
    return [math.log(cost / before) / math.log(n / fewer) for (fewer, before), (n, cost) in zip(points, points[1:])]


def n_log_n(points):
    """(fixed, per) of cost = fixed + per * n * log2(n), fixed >= 0, least squares of relative errors."""
    rows = [(1 / cost, n * math.log2(n) / cost) for n, cost in points]
    aa, ab, bb = (sum(x * y for x, y in pairs) for pairs in (
        [(a, a) for a, _ in rows], [(a, b) for a, b in rows], [(b, b) for _, b in rows]))
    a, b = sum(x for x, _ in rows), sum(y for _, y in rows)
    apart = aa * bb - ab * ab
    if len(points) > 1 and apart > 0:
        fixed, per = (a * bb - b * ab) / apart, (b * aa - a * ab) / apart
        if fixed >= 0 and per >= 0:
            return fixed, per
    return 0.0, b / bb


def at(fit, n):
    return fit[0] + fit[1] * n * math.log2(n)


def power(points, n):
    """Cost at n by the exponent between the last two points: the careful guess where it rises."""
    (fewer, before), (last, cost) = points[-2:]
    return cost * (n / last) ** (math.log(cost / before) / math.log(last / fewer))
