"""MMseqs2 (Debian package mmseqs2) on the same fragments: the aligner that embeddings are compared with."""
import os
import shutil
import subprocess
import tempfile
import time

import numpy as np

from common import BUILD
from gene.data import SETS
from gene.sequences import write_fasta


class Aligner:
    where, label = "MMseqs2", "MMseqs2"
    steps = ({},)

    def __init__(self, name, arguments, data, threads):
        self.name, self.label, self.arguments, self.data, self.threads = name, name, list(arguments), data, threads
        self.peak_kb = 0

    @staticmethod
    def there():
        return shutil.which("mmseqs")

    def call(self, *arguments):
        """Runs mmseqs; seconds. Notes the largest memory of its processes."""
        started = time.perf_counter()
        process = subprocess.Popen(["mmseqs", *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise SystemExit(f"mmseqs {arguments[0]}: status {process.returncode}")
        self.peak_kb = max(self.peak_kb, usage.ru_maxrss)
        return time.perf_counter() - started

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def database(self, name, prefix):
        write_fasta(self.path(name + ".fasta"), self.data.fragments(name), prefix)
        return self.call("createdb", self.path(name + ".fasta"), self.path(name), "--dbtype", "2")

    def build(self):
        self.folder = tempfile.TemporaryDirectory(dir=os.path.join(BUILD, "bench"))
        seconds = self.database("base", b"r")
        size = sum(os.path.getsize(self.path(name)) for name in os.listdir(self.folder.name)
                   if name.startswith("base") and not name.endswith(".fasta"))
        return dict(build_s=round(seconds, 2), peak_mb=round(self.peak_kb / 1024, 1), size_mb=round(size / 2**20, 1))

    def hits(self, name):
        """(seconds, best row of each query or -1, its bit score or -infinity)."""
        self.database(name, b"q")
        result, table = self.path("result-" + name), self.path(name + ".m8")
        threads = ["--threads", str(self.threads)]
        seconds = self.call("search", self.path(name), self.path("base"), result, self.path("tmp"), "--search-type", "3", *threads,
                            *self.arguments)
        self.call("convertalis", self.path(name), self.path("base"), result, table, "--search-type", "3", "--format-output",
                  "query,target,bits", *threads)
        return seconds, *best_hits(table, self.data.counts[name])

    def measure(self):
        """name of the set -> hits."""
        return {name: self.hits(name) for name in SETS}

    def close(self):
        self.folder.cleanup()


def best_hits(table, count):
    """From lines `query target bits` (names: a letter and a number) the best target of each query and its bits."""
    rows, bits = np.full(count, -1), np.full(count, -np.inf)
    with open(table, encoding="ascii") as file:
        for line in file:
            query, target, score = line.split()
            if float(score) > bits[int(query[1:])]:
                rows[int(query[1:])], bits[int(query[1:])] = int(target[1:]), float(score)
    return rows, bits
