#!/usr/bin/env python3
"""Where the time goes: `perf` of a backend while it builds an index and while it answers queries, for each access method.

    make bench-profile [BENCH_ARGS='--rows 100000 --only ah']

Shares are of samples in functions themselves (not in what they call), put in groups by perf_table.py. Needs perf (Debian package
linux-perf) and the right to use it (root). Results: build/bench/profile.{md,json}; docs/measurements/profile.md has a run and what follows from it.
"""
import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time

from common import BUILD, Cluster, Session, build_client, cpu_name, running, write_result
from datasets import load_set
from peers.postgres import Postgres, Server
from perf_table import grouped, parse as parse_report
from run_bench import SERVER_CONF, SHARED_BUFFERS
from tables import check_plan, fill, show_only

# name, DDL, settings that give a recall@10 of about 0.95 on a million rows
PATHS = [
    ("ivf flat", "USING ivf (embedding)", ["SET vectorq.nprobe = 48"]),
    ("ivf sq8", "USING ivf (embedding) WITH (quantizer = sq8)", ["SET vectorq.nprobe = 48"]),
    ("ivf pq", "USING ivf (embedding) WITH (quantizer = pq, subvectors = 16, bits = 8)", ["SET vectorq.nprobe = 48"]),
    ("pq", "USING pq (embedding) WITH (subvectors = 16, bits = 8)", []),
    ("ah", "USING ah (embedding)", ["SET vectorq.nprobe = 24"]),
]
FREQUENCY = 997
SHOWN = 0.9  # per cent: groups below are left out of the table
FUNCTIONS = 3  # named for each group


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="sift-photo")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="+", default=[""], help="paths whose name contains one of these")
    parser.add_argument("--seconds", type=float, default=10.0, help="of queries")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--maintenance-work-mem", default="1GB")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    return parser.parse_args()


class Recorder:
    """perf record of one process, its threads with it, while the body of `with` runs; afterwards `groups`."""

    def __init__(self, pid):
        self.pid, self.file = pid, tempfile.NamedTemporaryFile(suffix=".perf", delete=False).name

    def __enter__(self):
        self.perf = subprocess.Popen(["perf", "record", "-q", "-F", str(FREQUENCY), "-o", self.file, "-p", str(self.pid)],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(0.5)
        if self.perf.poll() is not None:
            raise SystemExit("perf record: " + self.perf.stderr.read().decode().strip())
        return self

    def __exit__(self, *_):
        self.perf.send_signal(subprocess.signal.SIGINT)
        self.perf.wait()
        text = subprocess.run(["perf", "report", "-i", self.file, "--stdio", "--no-children", "-F", "overhead,dso,symbol"],
                              text=True, capture_output=True, check=True).stdout
        os.unlink(self.file)
        self.groups = grouped(parse_report(text))


def profile_build(peer, options, ddl):
    session = Session(peer.server.cluster, peer.database)
    for setting in peer.server.build_set:
        session.run(setting + ";")
    with Recorder(session.pid) as recorder:
        started = time.time()
        session.run(f"DROP INDEX IF EXISTS {peer.index}; CREATE INDEX {peer.index} ON {peer.table} {ddl};")
        seconds = time.time() - started
    session.close()
    return dict(seconds=round(seconds, 1), groups=recorder.groups)


def profile_scan(peer, sets, seconds):
    """The compiled client asks; the backend with its application name is recorded."""
    show_only(peer.server.cluster, peer.database, peer.table, peer.index)
    check_plan(peer.server.cluster, peer.database, peer.statement(10), peer.index, peer.data.dims, peer.sets(sets))
    figures, _ = peer.ask(peer.statement(10), sets, 10, 200, warmup=50)
    repeats = max(1, int(1000 * (seconds + 3) / figures["mean_ms"] / len(peer.data.queries)))
    asked = {}

    def ask():
        asked["figures"], _ = peer.ask(peer.statement(10), [*sets, "SET application_name = 'profiled'"], 10, len(peer.data.queries),
                                       repeats=repeats, warmup=50)

    asker = threading.Thread(target=ask)
    asker.start()
    pid = None
    while pid is None and asker.is_alive():
        found = peer.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'profiled'")
        pid = int(found[0][0]) if found else None
    if pid is None:
        raise SystemExit("profile: the queries were over before they could be recorded")
    time.sleep(0.5)
    with Recorder(pid) as recorder:
        time.sleep(seconds)
    asker.join()
    return dict(mean_ms=asked["figures"]["mean_ms"], groups=recorder.groups)


def cells(groups):
    for title, (share, functions) in groups.items():
        if share >= SHOWN:
            named = ", ".join(f"`{name}` {own:.1f}" for own, name in functions[:FUNCTIONS] if own >= 0.5)
            yield f"| {title} | {share:.1f} % | {named} |"


def matrix(results, what):
    """Groups by rows, paths by columns."""
    parts = [r[what]["groups"] for r in results]
    titles = sorted({title for groups in parts for title in groups}, key=lambda title: -max(g.get(title, (0,))[0] for g in parts))
    lines = ["| % of samples | " + " | ".join(r["name"] for r in results) + " |", "|---|" + "---|" * len(results)]
    for title in titles:
        shares = [groups.get(title, (0.0,))[0] for groups in parts]
        if max(shares) >= SHOWN:
            lines.append(f"| {title} | " + " | ".join(f"{share:.1f}" if share >= 0.05 else "" for share in shares) + " |")
    return lines + [""]


def report(header, results):
    lines = [f"# Where the time goes, {header['date']}", "",
             f"{header['rows']:,} {header['set']} rows × {header['dims']}, L2; {header['cpu']}; {header['server']}, shared_buffers "
             f"{header['shared_buffers']}, everything in memory; {header['threads']} threads for builds; LIMIT 10, one connection. Shares of samples "
             "in functions themselves.", "", f"`{header['command']}`", "", "## Builds", "", *matrix(results, "build"), "## Scans", "",
             *matrix(results, "scan")]
    for r in results:
        for what, part in (("build", r["build"]), ("scan", r["scan"])):
            amount = f"{part['seconds']} s" if what == "build" else f"{part['mean_ms']:.2f} ms a query" + (f", {'; '.join(r['sets'])}" if r["sets"] else "")
            lines += [f"## {r['name']}: {what}, {amount}", "", "| part | share | functions, % |", "|---|---|---|", *cells(part["groups"]), ""]
    return "\n".join(lines)


def main():
    options = parse()
    data, client = load_set(f"{options.set}:{options.rows}", 1000), build_client()
    cluster = Cluster("bench", VQ_SHARED_BUFFERS=SHARED_BUFFERS, VQ_AUTOVACUUM="off", VQ_CONF="\n".join(SERVER_CONF))
    with running(cluster, options.keep):
        server, results = Server(cluster, client, options.maintenance_work_mem, options.threads), []
        arguments = shlex.join(sys.argv[1:])
        header = dict(date=time.strftime("%Y-%m-%d %H:%M"), cpu=cpu_name(), set=options.set, rows=data.rows, dims=data.dims,
                      server="PostgreSQL " + cluster.value("SHOW server_version"), shared_buffers=SHARED_BUFFERS, threads=options.threads,
                      command="make bench-profile" + (f" BENCH_ARGS={shlex.quote(arguments)}" if arguments else ""))
        for name, ddl, sets in PATHS:
            if not any(part in name for part in options.only):
                continue
            peer = Postgres(dict(name="profile", label=name, extension="vectorq", index=ddl), server, data)
            peer.prepare()
            fill(cluster, client, "vectorq", peer.database, peer.table, data.base_file, data.rows, data.dims)
            result = dict(name=name, ddl=ddl, sets=sets, build=profile_build(peer, options, ddl), scan=profile_scan(peer, sets, options.seconds))
            peer.close()
            results.append(result)
            print(f"{name}: built in {result['build']['seconds']} s, {result['scan']['mean_ms']:.2f} ms a query", flush=True)
        stem, text = os.path.join(BUILD, "bench", "profile"), report(header, results)
        print(write_result(stem, text, dict(header=header, results=results)))


if __name__ == "__main__":
    main()
