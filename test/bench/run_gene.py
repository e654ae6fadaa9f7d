#!/usr/bin/env python3
"""Gene search (arXiv 2507.16978) inside PostgreSQL, beside FAISS, ScaNN and MMseqs2 on the same fragments.

    make bench-gene [BENCH_ARGS='--only vectorq --rows 50000 ...']
    make bench-gene BENCH_ARGS=--quick          10,000 fragments, 256 lists, few queries: minutes

For each configuration: time to index, size, peak memory; then species found by the nearest neighbour for fragments of held-out and of
known genes, recall@10, time of a query alone and of all at once, and how well the nearest neighbour's distance tells genes of
the reference from others (AUROC). At last gene/novel.sql flags the novel ones. Results: build/bench/gene.{md,json}, pictures.
gene/README.md says what the sets are, docs/measurements/gene.md what was found.
"""
import argparse
import os
import shlex
import sys
import time

import numpy as np

from common import BUILD, ROOT, Cluster, build_client, cpu_name, load, running, write_result
from gene import mmseqs, novelty
from gene.data import OUTSIDE, SETS, GeneData
from gene.in_server import DATABASE, ServerIndex
from gene.libraries import LibraryIndex
from gene.recipes import faiss_recipes, scann_recipes, server_recipes
from gene.report import document, plot_novelty, plot_speed
from peers import Unavailable
from peers.postgres import Server

K = 10
SHARED_BUFFERS = "4GB"
SERVER_CONF = ["max_wal_size = 16GB", "checkpoint_timeout = 1h", "max_parallel_workers_per_gather = 0", "jit = off"]
# The first makes a table of all words of 15 bases in each search: 9 GB of memory, which a quick look does not take.
ALIGNERS = (("MMseqs2", ()), ("MMseqs2 -k 11 -e 10", ("-k", "11", "-e", "10")))
QUICK = dict(rows=10_000, queries=200, lists=256, leaves=64, seconds=2.0)
FULL = dict(rows=0, queries=1000, lists=4096, leaves=1000, seconds=30.0)
FEWEST = 100  # queries, however slow


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--made", type=int, default=250_000, help="rows of the set that make_gene.py made")
    parser.add_argument("--rows", type=int, help="first N reference fragments (0: all)")
    parser.add_argument("--queries", type=int, help="of each set")
    parser.add_argument("--lists", type=int)
    parser.add_argument("--leaves", type=int, help="lists of ScaNN's tree")
    parser.add_argument("--seconds", type=float, help="most that a slow configuration spends on a set, in about")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one index")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--maintenance-work-mem", default="2GB")
    parser.add_argument("--only", nargs="+", default=[""], help="only configurations whose `where: label` contains one of these")
    parser.add_argument("--leave-out", nargs="+", default=[], help="not those whose `where: label` contains one of these")
    parser.add_argument("--list", action="store_true", help="print the configurations and stop")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    options = parser.parse_args()
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def chosen(options, where, label):
    title = f"{where}: {label}"
    return any(part in title for part in options.only) and not any(part in title for part in options.leave_out)


def indexes(options, server, data):
    inside = [ServerIndex(recipe, server, data, options) for recipe in server_recipes(options.lists, options.leaves)]
    libraries = [LibraryIndex(recipe, data, options) for recipe in faiss_recipes(options.lists) + scann_recipes(options.leaves)]
    return [index for index in inside + libraries if chosen(options, index.where, index.label)]


class Judge:
    """The right answers."""

    def __init__(self, data):
        import faiss
        self.data, self.base, self.base_labels = data, data.base(), data.labels("base")
        started = time.time()
        self.exact = faiss.knn(np.ascontiguousarray(data.vectors("query")), data.float_base(), K)[1]
        print(f"exact neighbours: {time.time() - started:.0f} s", flush=True)

    def figures(self, found):
        """`found`: set -> row numbers (n, K)."""
        nearest = {name: novelty.distances(self.base, self.data.vectors(name), rows[:, 0]) for name, rows in found.items()}
        right = {name: novelty.accuracy(found[name][:, 0], self.base_labels, self.data.labels(name)[:len(found[name])])
                 for name in ("query", "control")}
        return dict(accuracy=right["query"], accuracy_known=right["control"],
                    recall10=novelty.overlap(found["query"], self.exact),
                    auroc={name: novelty.auroc(nearest["control"], nearest[name]) for name in OUTSIDE},
                    auroc_held_out={name: novelty.auroc(nearest["query"], nearest[name]) for name in OUTSIDE},
                    asked={name: len(rows) for name, rows in found.items()}), nearest


def measure(index, judge, options):
    """One configuration: a result for each of its settings."""
    built, results = index.build(), []
    print(f"{index.where}: {index.label}: {built['build_s']:.1f} s, {built['size_mb']:.0f} MB, peak {built['peak_mb']:.0f} MB", flush=True)
    for step in index.steps:
        first = index.one_ms(step, "query", K, 5)
        fits = max(FEWEST, int(1000 * options.seconds / first))
        one_ms = index.one_ms(step, "query", K, min(fits, judge.data.counts["query"]))
        found, qps = {}, None
        for name in SETS:
            # Libraries answer a batch of all so much faster than one by one that none need be left out.
            count = judge.data.counts[name] if index.where == "library" else min(fits, judge.data.counts[name])
            seconds, found[name] = index.find(step, name, K, count)
            qps = count / seconds if name == "query" else qps
        figures, nearest = judge.figures(found)
        results.append(dict(where=index.where, label=index.label, name=index.name, step=step, one_ms=one_ms, qps=qps, **built, **figures))
        print(f"  {step}: accuracy {figures['accuracy']:.3f}, known {figures['accuracy_known']:.3f}, recall {figures['recall10']:.3f}, "
              f"{one_ms:.2f} ms, AUROC {figures['auroc']}", flush=True)
    return results, nearest


def align(aligner, judge):
    built, found = aligner.build(), aligner.measure()
    rows = {name: best for name, (_, best, _) in found.items()}
    far = {name: -bits for name, (_, _, bits) in found.items()}
    count, seconds = judge.data.counts["query"], found["query"][0]
    labels = judge.base_labels
    built["peak_mb"] = round(aligner.peak_kb / 1024, 1)
    return dict(where=aligner.where, label=aligner.label, step={}, qps=count / seconds, **built,
                accuracy=novelty.accuracy(rows["query"], labels, judge.data.labels("query")),
                accuracy_known=novelty.accuracy(rows["control"], labels, judge.data.labels("control")),
                auroc={name: novelty.auroc(far["control"], far[name]) for name in OUTSIDE},
                auroc_held_out={name: novelty.auroc(far["query"], far[name]) for name in OUTSIDE},
                with_a_hit={name: float((best >= 0).mean()) for name, best in rows.items()})


def run_novel_sql(index):
    """novel.sql as a user runs it, by the index that is there: how many of each set it flags."""
    server, data, sql = index.server, index.data, index.sql
    sql("DROP VIEW IF EXISTS reference, fragments")
    parts = []
    for number, name in enumerate(SETS):
        table = f"gene_{name}"
        sql(f"DROP TABLE IF EXISTS {table}")
        sql(f"CREATE TABLE {table} (id bigint, embedding vector({data.dims}))")
        load(server.client, server.cluster, DATABASE, table, data.file(name), data.counts[name])
        parts.append(f"SELECT {number} * 1000000 + id AS id, {'true' if name == 'control' else 'false'} AS known, embedding FROM {table}")
    sql(f"CREATE VIEW reference AS SELECT id, embedding FROM {data.table}")
    sql("CREATE VIEW fragments AS " + " UNION ALL ".join(parts))
    with open(os.path.join(ROOT, "test", "bench", "gene", "novel.sql"), encoding="utf-8") as file:
        query = file.read()
    # Indexes are looked at here, not planners, which hold a scan of so small a table for cheaper: its vectors lie out of line.
    use_index = "SET enable_seqscan = off; "
    plan = "\n".join(row[0] for row in sql(use_index + "EXPLAIN " + query))
    if f"using {index.index}" not in plan.lower():
        raise SystemExit(f"novel.sql does not use the index:\n{plan}")
    started = time.time()
    ids = np.array([int(row[0]) for row in sql(use_index + query)], np.int64)
    seconds = time.time() - started
    flagged = {name: float((ids // 1_000_000 == number).sum() / data.counts[name]) for number, name in enumerate(SETS) if name != "control"}
    return dict(index=index.label, ddl=index.recipe.using, seconds=seconds, fragments=sum(data.counts.values()), flagged=flagged)


def header_of(options, cluster, data):
    from importlib.metadata import version
    found = {name: version(name) for name in ("faiss-cpu", "scann")}
    arguments = shlex.join(sys.argv[1:])
    return dict(date=time.strftime("%Y-%m-%d %H:%M"), cpu=cpu_name(), cpus=os.cpu_count(), rows=data.rows, dims=data.dims,
                species=len(data.header["species"]), queries=options.queries, threads=options.threads,
                server="PostgreSQL " + cluster.value("SHOW server_version"), shared_buffers=SHARED_BUFFERS,
                maintenance_work_mem=options.maintenance_work_mem, versions=", ".join(f"{n} {v}" for n, v in found.items()),
                command="make bench-gene" + (f" BENCH_ARGS={shlex.quote(arguments)}" if arguments else ""))


def write(stem, header, results, missing, novel):
    text = document(header, results, missing, novel)
    return write_result(stem, text, dict(header=header, results=results, missing=missing, novel=novel))


def measure_all(options, server, data, stem, header):
    judge, results, missing, nearest, novel = Judge(data), [], [], {}, None
    for index in indexes(options, server, data):
        try:
            found, distances = measure(index, judge, options)
            results += found
            if index.name in ("Flat", "ah records"):
                nearest[f"{index.where}: {index.label}"] = distances
            if index.name == "ah records":
                novel = run_novel_sql(index)
        except (Unavailable, SystemExit) as reason:
            missing.append((f"{index.where}: {index.label}", str(reason).strip().splitlines()[-1]))
            print(f"{index.where}: {index.label}: not measured: {reason}", flush=True)
        finally:
            index.close()
        write(stem, header, results, missing, novel)
    for label, arguments in ALIGNERS[1:] if options.quick else ALIGNERS:
        if not chosen(options, "MMseqs2", label):
            continue
        if not mmseqs.Aligner.there():
            missing.append((label, "no mmseqs in PATH"))
            continue
        aligner = mmseqs.Aligner(label, arguments, data, options.threads)
        results.append(align(aligner, judge))
        aligner.close()
        print(f"{label}: accuracy {results[-1]['accuracy']:.3f}, known {results[-1]['accuracy_known']:.3f}", flush=True)
        write(stem, header, results, missing, novel)
    plots(results, nearest, stem)
    return write(stem, header, results, missing, novel)


def plots(results, nearest, stem):
    aurocs = {f"{one['where']}: {one['label']}": one["auroc"] for one in results}
    wanted = [label for label in nearest if label in ("vectorq: ah, records", "library: FAISS Flat")]
    if nearest:
        np.savez(stem + "-nearest.npz", **{f"{label}/{name}": far for label, found in nearest.items() for name, far in found.items()})
    if wanted:
        plot_novelty({label: nearest[label] for label in wanted}, aurocs, stem + "-novelty")
    plot_speed(results, stem + "-speed")


def main():
    options = parse()
    if options.list:
        for index in server_recipes(options.lists, options.leaves) + faiss_recipes(options.lists) + scann_recipes(options.leaves):
            print(("vectorq: " if hasattr(index, "using") else "library: ") + index.label)
        return
    data = GeneData(options.made, options.rows, options.queries)
    started, client = time.time(), build_client()
    cluster = Cluster("bench", VQ_SHARED_BUFFERS=SHARED_BUFFERS, VQ_AUTOVACUUM="off", VQ_CONF="\n".join(SERVER_CONF))
    with running(cluster, options.keep):
        server = Server(cluster, client, options.maintenance_work_mem, options.threads)
        stem = os.path.join(BUILD, "bench", "gene-quick" if options.quick else "gene")
        written = measure_all(options, server, data, stem, header_of(options, cluster, data))
        print(f"{written} and pictures; {time.time() - started:.0f} s in all")


if __name__ == "__main__":
    main()
