"""What the demo and the benchmarks share: the private cluster, the client, recall. Standard library and numpy."""
import contextlib
import json
import os
import platform
import re
import subprocess
import threading
import time

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD") or "build")
DATA = os.environ.get("VQ_DATA") or os.path.join(BUILD, "data")


def run(*command, **options):
    """Runs a command; stops the script with the command's own words if it fails."""
    done = subprocess.run(command, text=True, capture_output=True, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


class Cluster:
    """A throw-away server below `build` (scripts/cluster.sh); `root` is another tree, to compare with."""

    def __init__(self, name, root=ROOT, build=BUILD, **settings):
        self.name, self.script_env = name, {**os.environ, "BUILD": build, **settings}
        self.env = dict(self.script_env)
        self.script = os.path.join(root, "scripts", "cluster.sh")
        run(self.script, "start", name, env=self.script_env)
        self.exports = run(self.script, "env", name, env=self.script_env)
        for key, value in re.findall(r"(PG\w+)='?([^' ]*)'?", self.exports):
            self.env[key] = value
        self.env["PATH"] = re.search(r"PATH='([^']*)'", self.exports).group(1) + ":" + os.environ["PATH"]
        # Settings of the caller's shell must not reach the measured sessions.
        self.env.pop("PGOPTIONS", None)

    def stop(self):
        run(self.script, "stop", self.name, env=self.script_env)

    def drop(self):
        run(self.script, "drop", self.name, env=self.script_env)

    def sql(self, statement, database="postgres", stdin=None):
        """Runs SQL and returns its rows as lists of strings."""
        done = subprocess.run(["psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement],
                              env=self.env, stdin=stdin, text=True, capture_output=True)
        if done.returncode:
            raise SystemExit(f"{statement}\n{done.stderr}".rstrip())
        return [line.split("\t") for line in done.stdout.splitlines()]

    def value(self, statement, database="postgres"):
        return self.sql(statement, database)[0][0]


@contextlib.contextmanager
def running(cluster, keep=False):
    """Stops the server at the end, also after an error; `keep` leaves it running."""
    try:
        yield cluster
    finally:
        if not keep:
            cluster.stop()


def write_result(stem, text, result):
    """The report and what it was made of, beside each other; returns what to say about them."""
    for path, content in ((stem + ".md", text), (stem + ".json", json.dumps(result, indent=1))):
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    return f"\n{text}\nwritten: {stem}.md, .json"


def build_client():
    """Compiles test/bench/client.cpp if it is newer than the program, and returns the program's path."""
    source, program = os.path.join(ROOT, "test", "bench", "client.cpp"), os.path.join(BUILD, "bench", "client")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(program), exist_ok=True)
        include = run(os.environ.get("PG_CONFIG") or "pg_config", "--includedir").strip()
        run("g++", "-std=c++20", "-O2", "-I" + include, source, "-o", program, "-lpq")
    return program


def load(client, cluster, database, table, file, rows=0, type="vector"):
    arguments = ["--type", type] + (["--rows", str(rows)] if rows else [])
    run(client, "load", "--table", table, "--file", file, *arguments, env={**cluster.env, "PGDATABASE": database})


def ask(client, cluster, database, file, sql, sets=(), k=10, queries=0, repeats=1, warmup=0, connections=1, drop=None,
        type="vector"):
    """Runs queries by the client. Returns its figures (mean_ms, qps, ...) and the ids, (queries, k), -1 = no row."""
    out = os.path.join(BUILD, "bench", f"ids-{os.getpid()}.bin")
    command = [client, "query", "--file", file, "--sql", sql, "--k", str(k), "--repeats", str(repeats),
               "--warmup", str(warmup), "--connections", str(connections), "--type", type, "--out", out]
    for text in sets:
        command += ["--set", text]
    if drop:
        command += ["--drop", drop]
    if queries:
        command += ["--queries", str(queries)]
    figures = json.loads(run(*command, env={**cluster.env, "PGDATABASE": database}))
    ids = np.fromfile(out, np.int64).reshape(-1, k)
    os.unlink(out)
    return figures, ids


def recall(ids, base, queries, kth_sq_distance):
    """Mean share of the k true neighbours that were found. A returned row counts if it is no farther than the true
    k-th neighbour: SIFT values are small integers, so ties are common, and which of them an exact scan names is chance.
    A row returned twice counts once."""
    hits = 0
    for found, query, limit in zip(ids, queries, kth_sq_distance):
        found = np.unique(found[found >= 0])
        difference = base[found].astype(np.int64) - query.astype(np.int64)
        hits += min(int(((difference * difference).sum(axis=1) <= limit).sum()), ids.shape[1])
    return hits / ids.size


def shared_kb(pid):
    """Memory of a process in dynamic shared segments, where a parallel build keeps what its workers share."""
    total, ours = 0, False
    try:
        with open(f"/proc/{pid}/smaps") as file:
            for line in file:
                if "-" in line.split(" ", 1)[0]:
                    ours = "/dev/shm/PostgreSQL." in line
                elif ours and line.startswith("Rss:"):
                    total += int(line.split()[1])
    except OSError:
        pass
    return total


def cpu_name():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


class MemoryWatch:
    """Samples the memory of a process while the body of `with` runs: its own (RssAnon), that of its parallel workers if
    it is a backend, and what these share."""

    def __init__(self, leader_pid, period=0.02):
        self.leader_pid, self.period, self.peak_kb, self.start_kb = leader_pid, period, 0, None
        self.stopped = threading.Event()

    def workers(self):
        # Parallel workers carry the leader's pid in their process title.
        title = f"parallel worker for PID {self.leader_pid}".encode()
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/cmdline", "rb") as file:
                        if title in file.read():
                            yield int(entry)
                except OSError:
                    pass

    def sample(self, pids):
        total = 0
        for pid in pids:
            try:
                with open(f"/proc/{pid}/status") as file:
                    total += next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))
            except (OSError, StopIteration):
                pass
        return total

    def loop(self):
        pids, shared, looked = [self.leader_pid], 0, 0.0
        while not self.stopped.is_set():
            if time.time() - looked > 0.25:
                pids, shared, looked = [self.leader_pid, *self.workers()], shared_kb(self.leader_pid), time.time()
            self.peak_kb = max(self.peak_kb, self.sample(pids) + shared)
            self.stopped.wait(self.period)

    def __enter__(self):
        self.start_kb = self.sample([self.leader_pid])
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


class Session:
    """One psql kept open, so that a statement's backend is known before it runs."""

    def __init__(self, cluster, database):
        self.psql = subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database], env=cluster.env, text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.pid = int(self.run("SELECT pg_backend_pid();")[-1])

    def run(self, statement):
        """Runs a statement that ends with a semicolon and returns its lines of output, notices among them."""
        self.psql.stdin.write(statement + "\n\\echo done-of-statement\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line.strip() == "done-of-statement":
                return lines
            lines.append(line.rstrip("\n"))
        raise SystemExit(f"{statement}\n" + "\n".join(lines))

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def processor_seconds(pid):
    """That a process and its threads have used. Unlike seconds by the clock it does not grow where others want the machine, too."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed_build(cluster, database, settings, statement):
    """Runs CREATE INDEX in a fresh session. Returns seconds, processor seconds (without parallel workers, which vectorq has none of),
    peak private memory in MB and its growth in MB."""
    session = Session(cluster, database)
    for setting in settings:
        session.run(setting + ";")
    with MemoryWatch(session.pid) as memory:
        started = time.time()
        notices = session.run(statement + ";")
        seconds = time.time() - started
        processor_s = processor_seconds(session.pid)
    session.close()
    return dict(seconds=round(seconds, 2), processor_s=round(processor_s, 2), peak_mb=round(memory.peak_kb / 1024, 1),
                growth_mb=round((memory.peak_kb - memory.start_kb) / 1024, 1), notices=notices)
