"""Peers that are libraries: each in a child process of its own, so that its memory can be told and its threads disturb
no other. The child measures; commands and answers go through a pipe."""
import multiprocessing
import time
import traceback

import numpy as np

from common import MemoryWatch
from peers import Unavailable


class Library:
    """What a library must say of itself. Runs in the child; `data` is the data set."""
    name = label = ""

    def __init__(self, data, threads):
        self.data, self.threads = data, threads

    def build(self, base):
        """Makes the index of base (rows, dims), float32."""
        raise NotImplementedError

    def size_bytes(self):
        raise NotImplementedError

    def ladders(self, k):
        raise NotImplementedError

    def set(self, step, k):
        """Makes the settings of a step those of the searches that follow."""

    def search(self, query, k):
        """Row numbers of the k nearest of one query (dims,)."""
        raise NotImplementedError

    def search_many(self, queries, k, threads):
        """The same for (queries, dims), as a batch in the library's own way."""
        raise NotImplementedError


def padded(ids, k):
    out = np.full(k, -1, np.int64)
    ids = np.asarray(ids).ravel()[:k]
    out[:len(ids)] = ids
    return out


def build(library):
    base = library.data.float_base()
    started = time.time()
    library.build(base)
    return dict(build_s=round(time.time() - started, 2))


def size(library):
    return library.size_bytes()


def query_one(library, step, k, count):
    queries = library.data.float_queries()[:count]
    library.set(step, k)
    for query in queries[:30]:
        library.search(query, k)
    ids, times = [], []
    for query in queries:
        started = time.perf_counter()
        found = library.search(query, k)
        times.append(1000 * (time.perf_counter() - started))
        ids.append(padded(found, k))
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    mean = float(np.mean(times))
    figures = dict(queries=len(queries), mean_ms=mean, p50_ms=float(p50), p95_ms=float(p95), p99_ms=float(p99), qps=1000 / mean)
    return {key: round(value, 4) for key, value in figures.items()}, np.stack(ids)


def query_many(library, step, k, count, threads):
    queries = library.data.float_queries()[:count]
    library.set(step, k)
    library.search_many(queries[:30], k, threads)
    started = time.perf_counter()
    library.search_many(queries, k, threads)
    seconds = time.perf_counter() - started
    return dict(queries=len(queries), mean_ms=round(1000 * threads * seconds / len(queries), 4),
                qps=round(len(queries) / seconds, 2))


def serve(kind, data, threads, pipe):
    """The child: carries out (function, arguments) until the pipe closes."""
    try:
        library = kind(data, threads)
        pipe.send((None, None))
        while True:
            function, arguments = pipe.recv()
            pipe.send((None, function(library, *arguments)))
    except EOFError:
        pass
    except Exception:  # told to the parent, which decides
        pipe.send((traceback.format_exc(limit=-2), None))


class InProcess:
    """The parent's side of a library."""
    in_server = False

    def __init__(self, kind, data, threads):
        self.kind, self.name, self.label, self.data, self.threads = kind, kind.name, kind.label, data, threads
        self.process = None

    def call(self, function, *arguments):
        self.pipe.send((function, arguments))
        return self.answer()

    def answer(self):
        error, result = self.pipe.recv()
        if error:
            raise Unavailable(error.strip().splitlines()[-1])
        return result

    def build(self):
        context = multiprocessing.get_context("spawn")
        self.pipe, far = context.Pipe()
        self.process = context.Process(target=serve, args=(self.kind, self.data, self.threads, far), daemon=True)
        self.process.start()
        far.close()
        self.answer()
        # The vectors are in the child's memory before: a table is not counted as memory of CREATE INDEX either.
        with MemoryWatch(self.process.pid) as memory:
            made = self.call(build)
        made["peak_mb"] = round(memory.peak_kb / 1024 - self.data.rows * self.data.dims * 4 / 2**20, 1)
        made["size_mb"] = round(self.call(size) / 2**20, 1)
        return made

    def ladders(self, k):
        # Settings are plain numbers: asked of an instance here, without an index.
        return self.kind(self.data, self.threads).ladders(k)

    def describe(self, step):
        return ", ".join(f"{name} {value}" for name, value in step.items())

    def query_one(self, step, k, queries):
        return self.call(query_one, step, k, queries)

    def query_many(self, step, k, queries, threads):
        return self.call(query_many, step, k, queries, threads)

    def close(self):
        if self.process is not None:
            self.pipe.close()
            self.process.join()
