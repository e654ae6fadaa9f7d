"""hnswlib: the graph index of its authors, with the parameters that pgvector's hnsw gets."""
from peers import geometric
from peers.in_process import Library

SPACES = {"l2": "l2", "ip": "ip", "cosine": "cosine"}


class Hnswlib(Library):
    name, label = "hnswlib", "hnswlib, M 16, ef_construction 64"

    def build(self, base):
        import hnswlib
        self.index = hnswlib.Index(space=SPACES[self.data.metric], dim=self.data.dims)
        self.index.init_index(max_elements=len(base), M=16, ef_construction=64)
        self.index.add_items(base, num_threads=self.threads)

    def size_bytes(self):
        return self.index.index_file_size()

    def ladders(self, k):
        return [[dict(ef=ef) for ef in geometric(k, 2000, 1.4)]]

    def set(self, step, k):
        self.index.set_ef(step["ef"])

    def search(self, query, k):
        return self.index.knn_query(query, k=k, num_threads=1)[0]

    def search_many(self, queries, k, threads):
        return self.index.knn_query(queries, k=k, num_threads=threads)[0]
