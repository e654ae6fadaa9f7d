"""ScaNN: partition, anisotropic 4-bit codes of two dimensions each, reordering; its documentation's recommendation."""
import math
import os
import tempfile

from peers import geometric
from peers.in_process import Library


class Scann(Library):
    name, label = "scann", "ScaNN tree, AH, reorder"

    def build(self, base):
        from scann import scann_ops_pybind
        leaves = 2 * math.isqrt(len(base))
        measure = "squared_l2" if self.data.metric == "l2" else "dot_product"
        builder = scann_ops_pybind.builder(base, 10, measure)
        builder = builder.set_n_training_threads(self.threads)
        builder = builder.tree(num_leaves=leaves, num_leaves_to_search=leaves // 20,
                               training_sample_size=min(len(base), 256 * leaves))
        self.index = builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build()
        self.step = None

    def size_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            self.index.serialize(folder)
            return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))

    def ladders(self, k):
        return [[dict(leaves=leaves, reorder=factor * k) for leaves in geometric(1, 2048, 1.4)] for factor in (6, 15)]

    def set(self, step, k):
        self.step = step

    def search(self, query, k):
        return self.index.search(query, final_num_neighbors=k, leaves_to_search=self.step["leaves"],
                                 pre_reorder_num_neighbors=self.step["reorder"])[0]

    def search_many(self, queries, k, threads):
        if threads == 1:
            return self.index.search_batched(queries, k, self.step["reorder"], self.step["leaves"])[0]
        self.index.set_num_threads(threads)
        # Batches small enough that all threads have some.
        return self.index.search_batched_parallel(queries, k, self.step["reorder"], self.step["leaves"],
                                                  max(1, len(queries) // (4 * threads)))[0]
