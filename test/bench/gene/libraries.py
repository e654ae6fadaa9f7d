"""FAISS and ScaNN on the gene vectors, each index in a child process of its own (peers/in_process.py)."""
import os
import tempfile
import time

import numpy as np

from peers import Unavailable
from peers.in_process import InProcess, Library


class Recipe:
    """One configuration. Called, it makes the library's side of it, in the child."""

    def __init__(self, kind, label, name, steps=({},), **how):
        self.kind, self.label, self.name, self.steps, self.how = kind, label, name, steps, how

    def __call__(self, data, threads):
        library = self.kind(data, threads)
        library.how = self.how
        return library


class Faiss(Library):
    def build(self, base):
        import faiss
        faiss.omp_set_num_threads(self.threads)
        self.faiss, self.index = faiss, faiss.index_factory(self.data.dims, self.how["factory"].format(lists=self.how.get("lists")))
        self.index.train(base)
        self.index.add(base)

    def size_bytes(self):
        return len(self.faiss.serialize_index(self.index))

    def set(self, step, k):
        if "nprobe" in step:
            self.faiss.extract_index_ivf(self.index).nprobe = step["nprobe"]

    def search_many(self, queries, k, threads):
        self.faiss.omp_set_num_threads(threads)
        return self.index.search(queries, k)[1]

    def search(self, query, k):
        return self.search_many(query[None], k, 1)[0]


class Scann(Library):
    def build(self, base):
        from scann import scann_ops_pybind
        # Rows of length 1: the dot product orders as L2 does, and with it ScaNN codes residuals.
        builder = scann_ops_pybind.builder(base, 10, "dot_product").set_n_training_threads(self.threads)
        if self.how.get("leaves"):
            builder = builder.tree(num_leaves=self.how["leaves"], num_leaves_to_search=10, training_sample_size=len(base))
        if self.how.get("brute"):
            builder = builder.score_brute_force()
        else:
            builder = builder.score_ah(2, anisotropic_quantization_threshold=0.2)
            if self.how.get("reorder"):
                builder = builder.reorder(self.how["reorder"])
        self.index, self.options = builder.build(), {}

    def size_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            self.index.serialize(folder)
            return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))

    def set(self, step, k):
        self.options = {"leaves_to_search": step["nprobe"]} if "nprobe" in step else {}

    def search(self, query, k):
        return self.index.search(query, final_num_neighbors=k, **self.options)[0]

    def search_many(self, queries, k, threads):
        self.index.set_num_threads(threads)
        return self.index.search_batched_parallel(queries, final_num_neighbors=k, batch_size=max(1, len(queries) // (4 * threads)),
                                                  **self.options)[0].astype(np.int64)


def many(library, step, name, k, count, threads):
    """Seconds of a batch of a set's first queries, and the rows found."""
    queries = np.ascontiguousarray(library.data.vectors(name)[:count], np.float32)
    library.set(step, k)
    started = time.perf_counter()
    found = library.search_many(queries, k, threads)
    return time.perf_counter() - started, np.asarray(found, np.int64)


def one_by_one(library, step, name, k, count):
    """Milliseconds of a query given alone, on one thread."""
    queries = np.ascontiguousarray(library.data.vectors(name)[:count], np.float32)
    library.set(step, k)
    library.search(queries[0], k)
    started = time.perf_counter()
    for query in queries:
        library.search(query, k)
    return 1000 * (time.perf_counter() - started) / len(queries)


class LibraryIndex(InProcess):
    where = "library"

    def __init__(self, recipe, data, options):
        super().__init__(recipe, data, options.threads)
        self.steps, self.limit = recipe.steps, options.timeout

    def answer(self):
        if not self.pipe.poll(self.limit):
            self.process.terminate()
            raise Unavailable(f"took more than {self.limit:.0f} s")
        return super().answer()

    def find(self, step, name, k, count):
        seconds, found = self.call(many, step, name, k, count, self.threads)
        return seconds, found

    def one_ms(self, step, name, k, count):
        return self.call(one_by_one, step, name, k, count)
