"""The benchmark's million SIFT rows, and the exact neighbours of its queries, for scripts that ask single questions."""
import os
import time

import numpy as np

from common import DATA

STEM = os.path.join(DATA, "sift-photo-1000000")
BASE_FILE, QUERY_FILE = STEM + ".base.npy", STEM + ".query.npy"


def load_sift(rows, queries):
    base = np.load(BASE_FILE, mmap_mode="r")[:rows]
    if len(base) < rows:
        raise SystemExit("the bench set has a million rows")
    return base, np.load(QUERY_FILE)[:queries]


def exact(rows, base, queries, k):
    """Squared distance of the k-th true neighbour of each query, cached. Exact: sums of small integers fit a float."""
    file = os.path.join(DATA, f"sift-photo-truth-{rows}-{len(queries)}.npy")
    if not os.path.exists(file):
        import faiss
        started = time.time()
        index = faiss.IndexFlatL2(base.shape[1])
        index.add(base.astype(np.float32))
        distances, _ = index.search(queries.astype(np.float32), k)
        np.save(file, np.rint(distances[:, -1]).astype(np.int64))
        print(f"exact neighbours: {time.time() - started:.0f} s", flush=True)
    return np.load(file)
