#!/usr/bin/env python3
"""Lists trained by FAISS and given to CREATE INDEX (WITH (centroids = …)) beside those that it trains itself: recall and work at one target.

    make bench-centroids BENCH_ARGS='--rows 200000'
"""
import argparse
import os

import faiss
import numpy as np

from common import BUILD, DATA, Cluster, ask, build_client, load, recall, running, timed_build, write_result
from run_shards import DIMS, nearest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA, help="the folder of sift-photo-1000000.{base,query}.npy")
    parser.add_argument("--rows", type=int, default=200000)
    parser.add_argument("--queries", type=int, default=1000)
    options = parser.parse_args()
    stem = os.path.join(options.data, "sift-photo-1000000.")
    base, queries = np.load(stem + "base.npy")[:options.rows], np.load(stem + "query.npy")[:options.queries]
    files = [os.path.join(BUILD, "bench", f"centroids-{name}.npy") for name in ("base", "query", "given")]
    os.makedirs(os.path.join(BUILD, "bench"), exist_ok=True)
    np.save(files[0], base)
    np.save(files[1], queries)
    limits = nearest(base, queries, 10)
    client = build_client()
    lines = ["| method | lists | trained by | build s | recall@10 at .95 | entries scored, mean | ms a query |", "|---|---|---|---|---|---|---|"]
    with running(Cluster("bench-centroids")) as cluster:
        cluster.sql("DROP DATABASE IF EXISTS centroids")
        cluster.sql("CREATE DATABASE centroids")
        cluster.sql(f"CREATE EXTENSION vectorq; CREATE TABLE items (id bigint, embedding vector({DIMS})); CREATE TABLE given (id bigint, embedding vector({DIMS}))", "centroids")
        load(client, cluster, "centroids", "items", files[0])
        cluster.sql("ANALYZE items", "centroids")
        for method in ("ah", "ivf"):
            for by, with_options in (("vectorq", ""), ("FAISS", "WITH (centroids = 'public.given')")):
                sets = ["SET maintenance_work_mem = '1GB'"]
                built = timed_build(cluster, "centroids", sets, f"CREATE INDEX items_v ON items USING {method} (embedding vector_l2_ops) {with_options}")
                lists = int(cluster.value("SELECT lists FROM vectorq_index_info('items_v')", "centroids"))
                figures, ids = ask(client, cluster, "centroids", files[1], "SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 10", ["SET enable_seqscan = off"], warmup=50)
                work = cluster.value("CREATE TEMP TABLE w (n bigint); DO $$ DECLARE q vector; BEGIN FOR q IN SELECT embedding FROM items WHERE id % 997 = 0 LOOP "
                                     "PERFORM id FROM items ORDER BY embedding <-> q LIMIT 10; INSERT INTO w SELECT entries_scored FROM vectorq_stats(); END LOOP; END $$; SELECT avg(n)::int FROM w", "centroids")
                found = recall(ids, base, queries, limits)
                lines.append(f"| `{method}` | {lists:,} | {by} | {built['seconds']:.1f} | {found:.4f} | {int(work):,} | {figures['mean_ms']:.3f} |")
                print(lines[-1], flush=True)
                if by == "vectorq":
                    kmeans = faiss.Kmeans(DIMS, lists, niter=20, seed=1)
                    kmeans.train(base.astype(np.float32))
                    np.save(files[2], kmeans.centroids)
                    cluster.sql("TRUNCATE given", "centroids")
                    load(client, cluster, "centroids", "given", files[2])
                cluster.sql("DROP INDEX items_v", "centroids")
    print(write_result(os.path.join(BUILD, "bench", "centroids"), "\n".join(lines), lines))


if __name__ == "__main__":
    main()
