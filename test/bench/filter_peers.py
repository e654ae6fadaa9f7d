"""What filters are measured beside: pgvector's hnsw with an iterative scan and as a partial index, and FAISS with a selector."""
import os
import time

import numpy as np

from filter_data import K, recall
from peers import geometric

HNSW_SETS = ["SET hnsw.iterative_scan = relaxed_order", "SET hnsw.max_scan_tuples = 2000000000", "SET hnsw.scan_mem_multiplier = 16"]
EF_SEARCH = (40, 80, 120, 200, 300, 500, 800)


def measure_hnsw(bench, filter, partial):
    """The cheapest ef_search that reaches the recall, or the last one; `partial`: the index of the matching rows alone."""
    index = f"hnsw_{filter.name.split()[1].replace('.', '_')}" if partial else "hnsw"
    bench.show([index])
    row = None
    for ef in EF_SEARCH:
        sets = [f"SET hnsw.ef_search = {ef}", "SET enable_seqscan = off", "SET enable_sort = off", *HNSW_SETS]
        row = bench.measure(filter, "hnsw, partial index" if partial else "hnsw, iterative", sets, f"ef_search {ef}")
        if row is None or row["recall"] >= bench.arguments.recall:
            break
    return row


class Faiss:
    """IVF,Flat: of its lists the one kind that takes a selector in every version. One query at a time, one thread."""

    def __init__(self, data, kept):
        import faiss
        self.faiss, self.data = faiss, data
        faiss.omp_set_num_threads(2)
        path = kept + ".faiss"
        if os.path.exists(path):
            self.index = faiss.read_index(path)
        else:
            base = data.float_base()
            self.index = faiss.index_factory(data.dims, f"IVF{int(2 * len(base) ** 0.5)},Flat", faiss.METRIC_L2)
            self.index.train(base)
            self.index.add(base)
            faiss.write_index(self.index, path)
        faiss.omp_set_num_threads(1)

    def measure(self, bench, filter):
        mask, limits = bench.truth[filter.name]
        queries = bench.queries[filter.near]
        bits = np.packbits(mask, bitorder="little")
        selector = self.faiss.IDSelectorBitmap(bits) if filter.bounds else None
        for nprobe in geometric(4, self.index.nlist, 1.6):
            parameters = self.faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)
            ids, started, processor = [], time.perf_counter(), time.process_time()
            for query in queries[:bench.arguments.queries]:
                ids.append(self.index.search(query[None], K, params=parameters)[1][0])
                if time.perf_counter() - started > bench.arguments.seconds:
                    break
            ms = 1000 * (time.perf_counter() - started) / len(ids)
            found = recall(np.array(ids), self.data.base, queries, mask, limits)
            if found >= bench.arguments.recall:
                break
        bench.note(filter, "FAISS IVF,Flat, selector", f"nprobe {nprobe}", found, len(ids), ms,
                   1000 * (time.process_time() - processor) / len(ids))
