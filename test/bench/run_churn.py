#!/usr/bin/env python3
"""What becomes of an index when its rows are replaced by others of another distribution: recall at equal pages read.

    make bench-churn [BENCH_ARGS='--rows 100000 ...']

The rows are cut into 32 clusters, of which half are "old" and half "new". The index is built on old rows; then half of
them are deleted, as many new ones inserted, and the table is vacuumed: once with rebalance = off, once with rebalance = on.
Recall@10 (an exact search tells the neighbours) and pages read a query are taken at a ladder of probes, for both and
after REINDEX, whose index is what a fresh build is. Printed: recall of all three at the pages that the fresh index reads for
0.90, 0.95 and 0.99, and the sizes of the lists.
"""
import argparse
import os
import time

import numpy as np

from common import BUILD, DATA, Cluster, build_client, load, recall, running, write_result
from tables import create, database

TABLE, INDEX, NAME, K = "churned", "churned_index", "bench_churn", 10
TARGETS = (0.90, 0.95, 0.99)
LADDER = (2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
# Neighbours and pages of one query; the counters are of the session's last scan.
PROBE = f"""
DROP FUNCTION IF EXISTS probe(vector);
CREATE FUNCTION probe(q vector, OUT ids bigint[], OUT pages bigint) LANGUAGE plpgsql AS $$
BEGIN
    SELECT array_agg(id) INTO ids FROM (SELECT id FROM {TABLE} ORDER BY embedding <-> q LIMIT {K}) s;
    SELECT pages_read INTO pages FROM vectorq_stats();
END $$;
"""


def split(base, rows, seed):
    """Numbers of old and of new rows among the first ones: by cluster, half of the clusters each."""
    import faiss
    sample = np.ascontiguousarray(base, np.float32)
    kmeans = faiss.Kmeans(sample.shape[1], 32, niter=10, seed=seed, max_points_per_centroid=512)
    kmeans.train(sample)
    cluster = kmeans.index.search(sample, 1)[1][:, 0]
    chosen = np.random.default_rng(seed).permutation(32)[:16]
    is_old = np.isin(cluster, chosen)
    old, new = np.flatnonzero(is_old), np.flatnonzero(~is_old)
    count = min(len(old), 2 * len(new), rows)
    return old[:count], new[:count // 2]


def limits(base, kept, queries):
    import faiss
    index = faiss.IndexFlatL2(base.shape[1])
    index.add(np.ascontiguousarray(base[kept], np.float32))
    return np.rint(index.search(np.ascontiguousarray(queries, np.float32), K)[0][:, -1]).astype(np.int64)


def climb(cluster, base, queries, kth):
    """[(pages a query, recall)] for the ladder of probes."""
    points = []
    for nprobe in LADDER:
        rows = cluster.sql(f"SET enable_seqscan = off; SET vectorq.nprobe = {nprobe}; "
                           "SELECT p.ids, p.pages FROM queries q, LATERAL probe(q.embedding) p ORDER BY q.id", NAME)
        ids = np.full((len(rows), K), -1, np.int64)
        for i, (text, _) in enumerate(rows):
            found = [int(x) for x in text.strip("{}").split(",") if x]
            ids[i, :len(found)] = found
        points.append((float(np.mean([int(pages) for _, pages in rows])), recall(ids, base, queries, kth)))
    return points


def at(points, x, from_column=0):
    """The other column where this one is x: linear between the points."""
    points = sorted(points, key=lambda p: p[from_column])
    return float(np.interp(x, [p[from_column] for p in points], [p[1 - from_column] for p in points]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="at most so many in the table")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--memory", default="512MB", help="maintenance_work_mem")
    parser.add_argument("--method", default="ivf")
    parser.add_argument("--options", default="quantizer = sq8", help="as in WITH (...)")
    parser.add_argument("--vacuums", type=int, default=2, help="one replaces three quarters of the lists at most")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    stem = os.path.join(DATA, "sift-photo-1000000")
    base = np.load(stem + ".base.npy", mmap_mode="r")[:2 * options.rows]
    queries = np.load(stem + ".query.npy")[:options.queries]
    old, new = split(base, options.rows, options.seed)
    files = {}
    for name, numbers in (("old", old), ("new", new)):
        files[name] = os.path.join(BUILD, "bench", f"churn-{name}.npy")
        os.makedirs(os.path.dirname(files[name]), exist_ok=True)
        np.save(files[name], base[numbers])
    # In the table a row's id is its place in old + new.
    base = np.concatenate([base[old], base[new]])
    kept = np.concatenate([np.arange(len(old) // 2, len(old)), np.arange(len(old), len(base))])
    kth = limits(base, kept, queries)
    client = build_client()
    cluster = Cluster("bench", VQ_SHARED_BUFFERS="2GB", VQ_AUTOVACUUM="off", VQ_CONF="jit = off")
    sizes, points, problems = {}, {}, []
    info = ("SELECT " + ", ".join(f"max(value) FILTER (WHERE name = '{name}')" for name in ("lists", "list_entries_min", "list_entries_median", "list_entries_max")) +
            f", round(max(value) FILTER (WHERE name = 'imbalance')::numeric, 2) FROM vectorq_index_details('{INDEX}')")
    with running(cluster):
        for name in ("off", "on"):
            database(cluster, NAME, "vectorq")
            cluster.sql(f"ALTER DATABASE {NAME} SET maintenance_work_mem = '{options.memory}'")
            churn(cluster, client, base, old, files, stem, options, name)
            sizes[name] = cluster.sql(info, NAME)[0]
            points[name] = climb(cluster, base, queries, kth)
            problems += cluster.sql(f"SELECT * FROM vectorq_check('{INDEX}')", NAME)
        cluster.sql(f"REINDEX INDEX {INDEX}", NAME)
        sizes["fresh"] = cluster.sql(info, NAME)[0]
        points["fresh"] = climb(cluster, base, queries, kth)
    report(kept, new, options, sizes, points, problems)


def churn(cluster, client, base, old, files, stem, options, rebalance):
    create(cluster, NAME, TABLE, base.shape[1])
    load(client, cluster, NAME, TABLE, files["old"])
    create(cluster, NAME, "queries", base.shape[1])
    load(client, cluster, NAME, "queries", stem + ".query.npy", options.queries)
    cluster.sql(PROBE, NAME)
    cluster.sql(f"CREATE INDEX {INDEX} ON {TABLE} USING {options.method} "
                f"(embedding vector_l2_ops) WITH ({options.options}, rebalance = {rebalance})", NAME)
    create(cluster, NAME, "fresh_rows", base.shape[1])
    load(client, cluster, NAME, "fresh_rows", files["new"])
    cluster.sql(f"DELETE FROM {TABLE} WHERE id < {len(old) // 2}", NAME)
    cluster.sql(f"INSERT INTO {TABLE} (id, embedding) SELECT id + {len(old)}, embedding FROM fresh_rows", NAME)
    for _ in range(options.vacuums):
        cluster.sql("SELECT txid_current()", NAME)
        start = time.monotonic()
        cluster.sql(f"VACUUM {TABLE}", NAME)
        print(f"  rebalance = {rebalance}: vacuum {time.monotonic() - start:.1f} s", flush=True)


def report(kept, new, options, sizes, points, problems):
    lines = [f"{len(kept)} rows, {len(kept) - len(new)} old and {len(new)} new; {options.method} ({options.options}); vectorq_check: {problems or 'sound'}"]
    for name, (lists, least, median, most, imbalance) in sizes.items():
        lines.append(f"  {name:6s} {lists} lists of {least} / {median} / {most} rows (least, median, most), imbalance {imbalance}")
    result = []
    for target in TARGETS:
        pages = at(points["fresh"], target, from_column=1)
        row = dict(pages=round(pages, 1), **{name: round(at(curve, pages), 4) for name, curve in points.items()})
        result.append(row)
        lines.append(f"  {pages:6.1f} pages a query: recall@{K} fresh {row['fresh']:.4f}, rebalance = on {row['on']:.4f} (lost {row['fresh'] - row['on']:+.4f}), "
                     f"off {row['off']:.4f} (lost {row['fresh'] - row['off']:+.4f})")
    print(write_result(os.path.join(BUILD, "bench", "churn"), "\n".join(lines) + "\n",
                       dict(arguments=vars(options), sizes=sizes, at_equal_pages=result, points=points)))


if __name__ == "__main__":
    main()
