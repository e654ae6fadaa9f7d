"""The data sets of the benchmark by name, or an HDF5 file in the layout of ann-benchmarks by its path.

A name may carry a number of rows: `sift-photo:100000` is the first 100,000 rows (rows are in random order).
"""
import os
import re

import numpy as np

from common import DATA

# Name -> metric and the file stem of the largest size that is made.
MADE = {
    "sift-photo": ("l2", "sift-photo-1000000"),
    "sift-photo-10m": ("l2", "sift-photo-10000000"),
    "gloss-minilm": ("cosine", "gloss-minilm-105000"),
    "gloss-minilm-ip": ("ip", "gloss-minilm-raw-105000"),
    "gene": ("l2", "gene-250000"),
    # make_shapes.py
    **{f"shape-{name}": (metric, f"shape-{stem}") for name, metric, stem in (
        ("words100", "cosine", "words100"), ("words25", "cosine", "words25"), ("words100-ip", "ip", "words100-raw"), ("tfidf", "cosine", "tfidf"),
        ("glyphs", "l2", "glyphs"), ("hog", "l2", "hog"), ("patches", "l2", "patches"), ("colours", "l2", "colours"), ("wide", "cosine", "wide"),
        ("gauss32", "l2", "gauss32"), ("gauss96", "l2", "gauss96"), ("manifold", "l2", "manifold"), ("copies", "l2", "copies"),
        ("ordered", "l2", "ordered"), ("tastes", "ip", "tastes"), ("strangers", "cosine", "strangers"))},
}
# Their queries are from elsewhere than their rows: of gene, from genes that were held out, while rows of one gene overlap.
UNLIKE = ("gene", "shape-patches", "shape-colours", "shape-tastes", "shape-strangers")
# What `make bench` takes unless told; the others are made and measured by commands of their own.
USUAL = ("sift-photo", "gloss-minilm", "gloss-minilm-ip")
HDF5_METRICS = {"euclidean": "l2", "angular": "cosine", "dot": "ip", "ip": "ip"}


class DataSet:
    """`base` and `queries` as stored; under cosine they have length one. The .npy files are what the client reads."""

    def __init__(self, name, metric, base_file, query_file, rows, queries, neighbours=None):
        base = np.load(base_file, mmap_mode="r")
        if rows and rows > len(base):
            raise SystemExit(f"{name} has {len(base)} rows, {rows} wanted")
        self.name, self.metric, self.base_file, self.query_file = name, metric, base_file, query_file
        self.base, self.queries = base[:rows or len(base)], np.load(query_file)[:queries]
        self.rows, self.dims = self.base.shape
        # Known neighbours hold for all rows only.
        self.neighbours = neighbours[:queries] if neighbours is not None and self.rows == len(base) else None

    @property
    def table(self):
        return re.sub(r"\W", "_", f"{self.name}_{self.rows}".lower())

    def float_base(self):
        return np.ascontiguousarray(self.base, np.float32)

    def float_queries(self):
        return np.ascontiguousarray(self.queries, np.float32)


def from_hdf5(path, rows, queries):
    import h5py
    name = os.path.splitext(os.path.basename(path))[0]
    with h5py.File(path) as file:
        metric = HDF5_METRICS.get(file.attrs.get("distance", "euclidean"))
        if metric is None:
            raise SystemExit(f"{path}: no index here knows the distance {file.attrs['distance']}")
        files = {}
        for part, key in (("base", "train"), ("query", "test")):
            files[part] = os.path.join(DATA, f"hdf5-{name}.{part}.npy")
            if not os.path.exists(files[part]) or os.path.getmtime(files[part]) < os.path.getmtime(path):
                vectors = np.asarray(file[key], np.float32)
                if metric == "cosine":
                    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
                np.save(files[part], vectors)
        neighbours = np.asarray(file["neighbors"], np.int64) if "neighbors" in file else None
    return DataSet(name, metric, files["base"], files["query"], rows, queries, neighbours)


def load_set(spec, queries, rows=0):
    name, _, own_rows = spec.partition(":")
    rows = int(own_rows or rows or 0)
    if name in MADE:
        metric, stem = MADE[name]
        stem = os.path.join(DATA, stem)
        return DataSet(name, metric, stem + ".base.npy", stem + ".query.npy", rows, queries)
    if os.path.exists(name):
        return from_hdf5(name, rows, queries)
    raise SystemExit(f"no data set {name}: {', '.join(MADE)} or the path of an HDF5 file")
