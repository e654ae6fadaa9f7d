#!/usr/bin/env python3
"""vectorq beside every peer: pgvector in the same server; FAISS, ScaNN and hnswlib in process. One command, one machine.

    make bench [BENCH_ARGS='--peers ah hnsw --sets sift-photo:100000 /path/to/set.hdf5 --rows N ...']
    make bench-quick             100,000 SIFT rows and 25,000 gloss embeddings, under ten minutes

For each data set: all indexes are built, each one's settings are climbed for recall, then timed in rounds that take
turns between the peers; then inserts, filters and fixed costs of the indexes in PostgreSQL. Results: build/bench/.
README.md beside this file says how to add a peer or a data set, and why the comparison is fair.
"""
import argparse
import os
import shlex
import sys
import time

from common import BUILD, Cluster, build_client, cpu_name, running, write_result
from datasets import MADE, USUAL, load_set
from filters import filtered
from fixed import first_query, overhead_ms
from inserts import churn, rate
from peers import Unavailable, library_classes
from peers.in_process import InProcess
from peers.postgres import Postgres, Server, entries
from plot import plot
from report import document, section
from speed import SIDE_TARGET, Measured, climb, time_rounds
from truth import limits

SHARED_BUFFERS = "4GB"
SERVER_CONF = ["max_wal_size = 16GB", "checkpoint_timeout = 1h", "max_parallel_workers_per_gather = 0", "jit = off"]
QUICK = dict(sets=["sift-photo:100000", "gloss-minilm:25000"], queries=300, seconds=0.5, churn_rows=10_000, insert_rows=1000)
FULL = dict(sets=list(USUAL), queries=1000, seconds=5.0, churn_rows=100_000, insert_rows=5000)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sets, fewer queries")
    parser.add_argument("--peers", nargs="+", default=[""], help="only peers whose name contains one of these (--list names them)")
    parser.add_argument("--list", action="store_true", help="print the names of the peers and stop")
    parser.add_argument("--sets", nargs="+", help=f"{', '.join(MADE)}, each with :ROWS if wanted, or paths of HDF5 files")
    parser.add_argument("--rows", type=int, default=0, help="of each set (0: all)")
    parser.add_argument("--queries", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, help="most that one setting takes in a round")
    parser.add_argument("--ks", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--threads-at-once", type=int, nargs="+", default=[1, 2], help="connections, threads of a batch")
    parser.add_argument("--threads", type=int, default=2, help="for builds: leader and workers together")
    parser.add_argument("--maintenance-work-mem", default="4GB")
    parser.add_argument("--insert-rows", type=int, help="into each built index")
    parser.add_argument("--churn-rows", type=int, help="of the table of which half is inserted, then half deleted; 0: leave out")
    parser.add_argument("--reference", default="pgvector-hnsw", help="peer that the ratios are of")
    parser.add_argument("--library-reference", default="scann", help="second peer that the ratios are of")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    options = parser.parse_args()
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if 10 not in options.ks or 1 not in options.threads_at_once or set(options.ks) - {10, 100}:
        parser.error("--ks is 10 or 10 and 100; --threads-at-once contains 1")
    return options


def chosen_peers(options, server, data):
    inside = [Postgres(entry, server, data) for entry in entries()]
    libraries = [InProcess(kind, data, options.threads) for kind in library_classes()]
    return [peer for peer in inside + libraries if any(part in peer.name for part in options.peers)]


def build_all(peers):
    """Measured peers, and (label, reason) of those that could not be built. A peer's failure is not the end of the run."""
    built, missing = [], []
    for peer in peers:
        try:
            made = peer.build()
        except (Unavailable, SystemExit) as reason:
            missing.append((peer.label, str(reason).strip().splitlines()[-1]))
            print(f"{peer.label}: not measured: {reason}", flush=True)
            continue
        built.append(Measured(peer, made))
        print(f"{peer.label}: built in {made['build_s']:.1f} s, {made['size_mb']:.0f} MB, peak {made['peak_mb']:.0f} MB", flush=True)
    return built, missing


def measure_extras(measured, options):
    """What only an index in PostgreSQL has. Inserts come last: they change the index."""
    peer, step = measured.peer, measured.points[10][measured.step_for(10, SIDE_TARGET)]["step"]
    extras = measured.extras
    extras["step"] = peer.describe(step)
    extras["overhead_ms"] = overhead_ms(peer, 300)
    extras["first"] = first_query(peer, step)
    extras["filters"] = filtered(peer, step, min(200, options.queries))
    if options.churn_rows:
        extras["churn"] = churn(peer, step, min(options.churn_rows, peer.data.rows))
    extras["insert_per_s"] = rate(peer, options.insert_rows)
    print(f"  {peer.label}: {extras['insert_per_s']:.0f} inserts a second; SQL overhead {extras['overhead_ms']} ms; "
          f"churn {extras.get('churn')}", flush=True)


class Clock:
    """Says what each part of the run took."""

    def __init__(self, name):
        self.name, self.started = name, time.time()

    def lap(self, what):
        print(f"{self.name}: {what}: {time.time() - self.started:.0f} s", flush=True)
        self.started = time.time()


def measure_set(data, server, options):
    print(f"== {data.name}: {data.rows} rows x {data.dims}, {data.metric}", flush=True)
    clock = Clock(data.name)
    near = limits(data)
    clock.lap("exact neighbours")
    peers = chosen_peers(options, server, data)
    try:
        all_measured, missing = build_all(peers)
        clock.lap("loading and building")
        for measured in all_measured:
            for k in options.ks:
                climb(measured, data, near, k, options.queries)
        clock.lap("recall at all settings")
        time_rounds(all_measured, options.ks, options.threads_at_once, options.rounds, options.queries, options.seconds)
        clock.lap("timed rounds")
        for measured in all_measured:
            if measured.peer.in_server:
                measure_extras(measured, options)
        clock.lap("inserts, filters, fixed costs")
    finally:
        for peer in peers:
            peer.close()
    return all_measured, missing


def as_json(data, all_measured, missing):
    indexes = {m.peer.name: dict(label=m.peer.label, built=m.built, points=m.points, extras=m.extras,
                                 rounds={f"k={k} threads={n}": rounds for (k, n), rounds in m.rounds.items()})
               for m in all_measured}
    return dict(name=data.name, rows=data.rows, dims=data.dims, metric=data.metric, indexes=indexes, missing=missing)


def header_of(options, cluster):
    return dict(date=time.strftime("%Y-%m-%d %H:%M"), cpu=cpu_name(), cpus=os.cpu_count(), command=command_line(),
                server="PostgreSQL " + cluster.value("SHOW server_version"), shared_buffers=SHARED_BUFFERS,
                maintenance_work_mem=options.maintenance_work_mem, threads=options.threads, queries=options.queries,
                rounds=options.rounds)


def command_line():
    arguments = [argument for argument in sys.argv[1:] if argument != "--quick"]
    extra = f" BENCH_ARGS={shlex.quote(shlex.join(arguments))}" if arguments else ""
    return ("make bench-quick" if "--quick" in sys.argv else "make bench") + extra


def versions(all_measured):
    """Of extensions (as built) and libraries."""
    from importlib.metadata import version
    found = {m.peer.entry["extension"]: m.built["version"] for m in all_measured if m.peer.in_server}
    found.update({name: version(name) for name in ("faiss-cpu", "scann", "hnswlib")
                  if any(not m.peer.in_server and m.peer.name.split("-")[0] == name.split("-")[0] for m in all_measured)})
    return {"pgvector" if name == "vector" else name: number for name, number in found.items()}


def write(stem, header, done, options):
    sections = [section(data, measured, missing, options) for data, measured, missing in done]
    text = document(dict(header, versions=", ".join(f"{n} {v}" for n, v in header["versions"].items())), sections)
    return write_result(stem, text, dict(header=header, sets=[as_json(*one) for one in done]))


def main():
    options = parse()
    if options.list:
        print("\n".join([entry["name"] for entry in entries()] + [kind.name for kind in library_classes()]))
        return
    # All sets are opened first: a missing one must not show after an hour.
    sets = [load_set(spec, options.queries, options.rows) for spec in options.sets]
    started, client = time.time(), build_client()
    cluster = Cluster("bench", VQ_SHARED_BUFFERS=SHARED_BUFFERS, VQ_AUTOVACUUM="off", VQ_CONF="\n".join(SERVER_CONF))
    with running(cluster, options.keep):
        server = Server(cluster, client, options.maintenance_work_mem, options.threads)
        header, done = dict(header_of(options, cluster), versions={}), []
        stem = os.path.join(BUILD, "bench", "quick" if options.quick else "peers")
        for data in sets:
            measured, missing = measure_set(data, server, options)
            done.append((data, measured, missing))
            header["versions"].update(versions(measured))
            for k in options.ks:
                plot(data, measured, k, f"{stem}-{data.table}-k{k}")
            # After each set, so that what is done is kept.
            written = write(stem, header, done, options)
        print(f"{written} and pictures; {time.time() - started:.0f} s in all")


if __name__ == "__main__":
    main()
