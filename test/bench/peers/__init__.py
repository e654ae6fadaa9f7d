"""What vectorq is measured beside. A peer is an object with these members; nothing else of it is known outside:

    name, label                     for choosing it (--peers) and for the tables
    in_server                       True if it answers SQL: then it has the members of postgres.Postgres, too
    build() -> dict                 build_s, peak_mb (memory while building), size_mb; raises Unavailable with the reason
    ladders(k) -> [[step, ...]]     settings to sweep, each ladder by rising recall; a step is what JSON can hold
    describe(step) -> str
    query_one(step, k, queries) -> figures, ids          one query after the other on one thread (mean_ms, p50_ms, …)
    query_many(step, k, queries, threads) -> figures     as many at once as there are threads; qps is what counts
    close()

To add a library: a subclass of in_process.Library in a file of its own here, and its name below. To add a PostgreSQL
extension: an entry in postgres.toml.
"""


class Unavailable(Exception):
    """This peer cannot be measured here; the message says why."""


def geometric(first, last, factor):
    """Whole numbers from first to last, each at least factor times the one before."""
    values, value = [], float(first)
    while round(value) <= last:
        if not values or round(value) > values[-1]:
            values.append(round(value))
        value *= factor
    return values


def library_classes():
    from peers.faiss_lists import FaissFast, FaissFlat
    from peers.hnswlib_graph import Hnswlib
    from peers.scann_tree import Scann
    return [FaissFlat, FaissFast, Hnswlib, Scann]
