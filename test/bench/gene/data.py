"""What make_gene.py made, opened. Vectors stay in their files until they are asked for, so that a child process can be given this."""
import json
import os

import numpy as np

from common import DATA
from gene.sequences import unpack

SETS = ("query", "control", "near", "eukaryote", "virus")
TITLES = dict(control="known gene", query="new gene of a known species", near="prokaryote of another genus", eukaryote="eukaryote",
              virus="virus")
OUTSIDE = ("near", "eukaryote", "virus")


class GeneData:
    """The first `rows` reference fragments (0: all) and the first `queries` of each other set."""
    name, metric = "gene", "l2"

    def __init__(self, made_rows, rows, queries):
        self.stem = os.path.join(DATA, f"gene-{made_rows}")
        with open(self.stem + ".json", encoding="utf-8") as file:
            self.header = json.load(file)
        self.rows, self.dims = rows or made_rows, self.header["dims"]
        self.counts = {name: min(queries, self.header["sets"][name]) for name in SETS}
        self.table = f"gene_{self.rows}"
        self.base_file = self.file("base")

    def file(self, name):
        return f"{self.stem}.{name}.npy"

    def base(self):
        return np.load(self.base_file, mmap_mode="r")[:self.rows]

    def float_base(self):
        return np.array(self.base(), np.float32)  # a copy in memory: what is counted of a build is beside it

    def vectors(self, name):
        return np.load(self.file(name), mmap_mode="r")[:self.counts[name]]

    def labels(self, name):
        return np.load(self.stem + ".labels.npz")[name][:self.rows if name == "base" else self.counts[name]]

    def fragments(self, name):
        """Codes of the bases, (n, length)."""
        return unpack(np.load(self.stem + ".bases.npz")[name][:self.rows if name == "base" else self.counts[name]])
