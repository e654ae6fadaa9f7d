"""FAISS: inverted lists with the vectors themselves, and with 4-bit product codes scanned in registers and reordered."""
import math

from peers import geometric
from peers.in_process import Library


class FaissLists(Library):
    factory = ""
    refine = (0,)  # rows reordered, as multiples of k

    def build(self, base):
        import faiss
        faiss.omp_set_num_threads(self.threads)
        metric = faiss.METRIC_L2 if self.data.metric == "l2" else faiss.METRIC_INNER_PRODUCT
        factory = self.factory.format(lists=2 * math.isqrt(len(base)), half_dims=self.data.dims // 2)
        self.faiss, self.index = faiss, faiss.index_factory(self.data.dims, factory, metric)
        self.index.train(base)
        self.index.add(base)

    def size_bytes(self):
        return len(self.faiss.serialize_index(self.index))

    def ladders(self, k):
        return [[dict(nprobe=nprobe, **({"k_factor": refine} if refine else {})) for nprobe in geometric(1, 2048, 1.4)]
                for refine in self.refine]

    def set(self, step, k):
        lists = self.index
        if "k_factor" in step:
            self.index.k_factor = step["k_factor"]
            lists = self.faiss.downcast_index(self.index.base_index)
        lists.nprobe = step["nprobe"]
        self.faiss.omp_set_num_threads(1)

    def search(self, query, k):
        return self.index.search(query[None], k)[1]

    def search_many(self, queries, k, threads):
        self.faiss.omp_set_num_threads(threads)
        return self.index.search(queries, k)[1]


class FaissFlat(FaissLists):
    name, label, factory = "faiss-ivf-flat", "FAISS IVF,Flat", "IVF{lists},Flat"


class FaissFast(FaissLists):
    name, label, factory = "faiss-ivf-pqfs", "FAISS IVF,PQ fast scan,RFlat", "IVF{lists},PQ{half_dims}x4fs,RFlat"
    refine = (4, 10)
