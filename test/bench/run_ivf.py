#!/usr/bin/env python3
"""vectorq's ivf beside pgvector's ivfflat on the same SIFT rows, one server, one run: build, size, memory, recall, speed.

    make bench-ivf [BENCH_ARGS='--rows 100000 ...']

Two databases of one private cluster hold the same table. Recall is measured against an exact search (Faiss, brute
force); queries come from other photographs than the rows. For each index the probes are raised until recall passes
the last target; the two steps around each target are then timed in rounds that take turns between the indexes, and
speed at exactly the target recall is interpolated between the medians of the two steps. Results: build/bench/.
"""
import argparse
import math
import os
import statistics
import time

from common import BUILD, DATA, Cluster, ask, build_client, cpu_name, recall, run, running, timed_build, write_result
from curve import between
from sift import BASE_FILE, QUERY_FILE, exact, load_sift
from tables import check_plan, fill, show_only

TABLE = "items"
SQL = f"SELECT id FROM {TABLE} ORDER BY embedding <-> $1 LIMIT 10"
K = 10
TARGETS = (0.90, 0.95, 0.99)


class Engine:
    """An extension, its database, and how its probes are set."""

    def __init__(self, extension, database, method, probes_setting):
        self.extension, self.database, self.method, self.probes_setting = extension, database, method, probes_setting


VECTORQ = Engine("vectorq", "bench_vectorq", "ivf", "vectorq.nprobe")
PGVECTOR = Engine("vector", "bench_pgvector", "ivfflat", "ivfflat.probes")


class Config:
    """One index: `options` as in WITH (...); `name` is also the name of the index."""

    def __init__(self, name, engine, options, label):
        self.name, self.engine, self.options, self.label = name, engine, options, label
        self.result, self.ladder, self.timed = {}, [], {}

    def create(self):
        options = f" WITH ({self.options})" if self.options else ""
        return f"CREATE INDEX {self.name} ON {TABLE} USING {self.engine.method} (embedding vector_l2_ops){options}"

    def sets(self, probes):
        # Both planners leave their index at some number of probes; here the indexes are compared, not the planners.
        return [f"SET {self.engine.probes_setting} = {probes}", "SET enable_seqscan = off"]


def build(cluster, config, options, rounds):
    runs = []
    for _ in range(rounds):
        cluster.sql(f"DROP INDEX IF EXISTS {config.name}", config.engine.database)
        cluster.sql("CHECKPOINT")
        runs.append(timed_build(cluster, config.engine.database,
                                [f"SET maintenance_work_mem = '{options.maintenance_work_mem}'",
                                 f"SET max_parallel_maintenance_workers = {options.threads - 1}"], config.create()))
    config.result["build_s"] = statistics.median(r["seconds"] for r in runs)
    config.result["builds_s"] = [r["seconds"] for r in runs]
    config.result["build_peak_mb"] = max(r["peak_mb"] for r in runs)
    config.result["build_growth_mb"] = max(r["growth_mb"] for r in runs)
    config.result["notices"] = runs[-1]["notices"]
    config.result["size_mb"] = round(int(cluster.value(f"SELECT pg_relation_size('{config.name}')",
                                                       config.engine.database)) / 2**20, 1)
    print(f"{config.label}: built in {config.result['build_s']:.1f} s, {config.result['size_mb']:.0f} MB, "
          f"peak private memory {config.result['build_peak_mb']:.0f} MB", flush=True)


def climb(cluster, client, config, data):
    """Recall at growing probes, until the last target is passed: the ladder."""
    probes = 1
    while True:
        figures, ids = ask(client, cluster, config.engine.database, data["query_file"], SQL, config.sets(probes), K,
                           len(data["queries"]))
        found = recall(ids, data["base"], data["queries"], data["limits"])
        config.ladder.append((probes, found))
        print(f"  {config.label}: probes {probes:4d}  recall@{K} {found:.4f}  {figures['mean_ms']:.3f} ms", flush=True)
        if found > TARGETS[-1] or probes >= 2048:
            return
        # Small enough steps for interpolating, few enough to be quick.
        probes = max(probes + 1, math.ceil(probes * 1.25))


def steps_around(ladder, target):
    """The last step below the target and the first at or above it; None if the ladder never gets there."""
    above = [i for i, (_, found) in enumerate(ladder) if found >= target]
    if not above:
        return None
    return [ladder[max(above[0] - 1, 0)][0], ladder[above[0]][0]]


def at_target(config, target):
    """Speed at exactly this recall: linear between the two steps in recall and in the logarithm of the time."""
    steps = steps_around(config.ladder, target)
    if steps is None:
        return None
    found = dict(config.ladder)
    low, high = steps
    ms = {p: statistics.median(f["mean_ms"] for f in config.timed[p]) for p in steps}
    p99 = statistics.median(f["p99_ms"] for f in config.timed[high])
    mean = between((found[low], ms[low]), (found[high], ms[high]), target)
    return dict(probes=[low, high], recalls=[found[low], found[high]], mean_ms=round(mean, 4), qps=round(1000 / mean, 1),
                p99_ms_of_upper_step=p99)


def report(configs, reference, header):
    lines = [f"# ivf beside ivfflat: {header['rows']:,} rows × {header['dims']}, {header['date']}", "",
             f"{header['cpu']}, {header['threads']} threads for builds, one connection for queries; "
             f"maintenance_work_mem {header['maintenance_work_mem']}, shared_buffers {header['shared_buffers']}; "
             f"pgvector {header['pgvector']}; {header['queries']} queries, k = {K}, prepared and binary; "
             f"medians of {header['rounds']} rounds.", "",
             "| index | build s | size MB | peak private MB | " + " | ".join(f"q/s at {t:.2f}" for t in TARGETS) + " |",
             "|---|---|---|---|" + "---|" * len(TARGETS)]
    for config in configs:
        r = config.result
        speeds = ["" if r["speed"][str(t)] is None else
                  f"{r['speed'][str(t)]['qps']:.0f} ({r['speed'][str(t)]['mean_ms']:.2f} ms)" for t in TARGETS]
        lines.append(f"| {config.label} | {r['build_s']:.1f} | {r['size_mb']:.0f} | {r['build_peak_mb']:.0f} | " +
                     " | ".join(speeds) + " |")
    if reference is not None and len(configs) > 1:
        lines += ["", f"Times as good as {reference.label} (build: its time / ours; speed: our q/s / its):", "",
                  "| index | build | size | " + " | ".join(f"speed at {t:.2f}" for t in TARGETS) + " |",
                  "|---|---|---|" + "---|" * len(TARGETS)]
        for config in configs:
            if config is reference:
                continue
            r, base = config.result, reference.result
            ratios = [f"{base['build_s'] / r['build_s']:.2f}", f"{base['size_mb'] / r['size_mb']:.2f}"]
            for t in map(str, TARGETS):
                both = r["speed"][t] and base["speed"][t]
                ratios.append(f"{r['speed'][t]['qps'] / base['speed'][t]['qps']:.2f}" if both else "")
            lines.append(f"| {config.label} | " + " | ".join(ratios) + " |")
    return "\n".join(lines) + "\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="first N of the million rows")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--lists", type=int, nargs="+", default=[1000], help="list counts that both are built with")
    parser.add_argument("--only", choices=("both", "pgvector", "vectorq"), default="both")
    parser.add_argument("--configs", help="regular expression: only indexes whose name matches")
    parser.add_argument("--stand-in", action="store_true", help="pgvector in vectorq's place: a test of this script")
    parser.add_argument("--maintenance-work-mem", default="1GB")
    parser.add_argument("--threads", type=int, default=2, help="for builds: leader and workers together")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build-rounds", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    return parser.parse_args()


def configurations(options):
    engine = VECTORQ
    if options.stand_in:
        engine = Engine("vector", "bench_stand_in", "ivfflat", "ivfflat.probes")
    own = "vectorq ivf" if not options.stand_in else "(stand-in for vectorq)"
    quantizer = (lambda kind: "") if options.stand_in else (lambda kind: f", quantizer = '{kind}'")
    configs = []
    for lists in options.lists:
        configs += [Config(f"pgvector_{lists}", PGVECTOR, f"lists = {lists}", f"pgvector ivfflat, lists {lists}"),
                    Config(f"flat_{lists}", engine, f"lists = {lists}{quantizer('flat')}", f"{own} flat, lists {lists}"),
                    Config(f"sq8_{lists}", engine, f"lists = {lists}{quantizer('sq8')}", f"{own} sq8, lists {lists}")]
    if not options.stand_in:
        configs += [Config("flat_auto", engine, "quantizer = 'flat'", "vectorq ivf flat, lists automatic"),
                    Config("sq8_auto", engine, "quantizer = 'sq8'", "vectorq ivf sq8, lists automatic")]
    if options.only != "both":
        configs = [c for c in configs if (c.engine is PGVECTOR) == (options.only == "pgvector")]
    if options.configs:
        import re
        configs = [c for c in configs if re.search(options.configs, c.name)]
    return configs


def main():
    options = parse()
    base, queries = load_sift(options.rows, options.queries)
    data = dict(base=base, queries=queries, query_file=QUERY_FILE, limits=exact(options.rows, base, queries, K))
    dims = base.shape[1]
    client = build_client()
    configs = configurations(options)
    shared_buffers = "4GB"
    conf = "\n".join(["max_wal_size = 16GB", "checkpoint_timeout = 1h", "max_parallel_workers_per_gather = 0", "jit = off"])
    cluster = Cluster("bench", VQ_SHARED_BUFFERS=shared_buffers, VQ_AUTOVACUUM="off", VQ_CONF=conf)
    with running(cluster, options.keep):
        if any(c.engine is PGVECTOR for c in configs) or options.stand_in:
            run(os.path.join(os.path.dirname(__file__), "../../scripts/pgvector.sh"), env={**os.environ, "BUILD": BUILD, "VQ_DATA": DATA})
        for engine in dict.fromkeys(c.engine for c in configs):
            fill(cluster, client, engine.extension, engine.database, TABLE, BASE_FILE, options.rows, dims)
        for config in configs:
            build(cluster, config, options, options.build_rounds)
        for config in configs:
            show_only(cluster, config.engine.database, TABLE, config.name)
            check_plan(cluster, config.engine.database, SQL, config.name, dims)
            climb(cluster, client, config, data)
        for number in range(options.rounds):
            for config in configs:
                show_only(cluster, config.engine.database, TABLE, config.name)
                steps = sorted({p for t in TARGETS for p in steps_around(config.ladder, t) or []})
                for probes in steps:
                    figures, _ = ask(client, cluster, config.engine.database, data["query_file"], SQL, config.sets(probes),
                                     K, options.queries, warmup=50)
                    config.timed.setdefault(probes, []).append(figures)
            print(f"round {number + 1} of {options.rounds} timed", flush=True)
        for config in configs:
            config.result["speed"] = {str(t): at_target(config, t) for t in TARGETS}
            config.result["ladder"] = config.ladder
            config.result["timed"] = {str(p): f for p, f in config.timed.items()}
        versions = cluster.sql("SELECT installed_version FROM pg_available_extensions WHERE name = 'vector'", PGVECTOR.database) \
            if any(c.engine is PGVECTOR for c in configs) else [[""]]
        header = dict(rows=options.rows, dims=dims, queries=options.queries, rounds=options.rounds, threads=options.threads,
                      maintenance_work_mem=options.maintenance_work_mem, shared_buffers=shared_buffers, cpu=cpu_name(),
                      date=time.strftime("%Y-%m-%d %H:%M"), pgvector=versions[0][0], stand_in=options.stand_in)
        reference = next((c for c in configs if c.engine is PGVECTOR), None)
        text = report(configs, reference, header)
        name = os.path.join(BUILD, "bench", f"ivf-{options.rows}" + ("-stand-in" if options.stand_in else ""))
        print(write_result(name, text, dict(header=header, indexes={c.name: dict(label=c.label, options=c.options, **c.result)
                                                                    for c in configs})))


if __name__ == "__main__":
    main()
