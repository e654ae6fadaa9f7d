#!/usr/bin/python3
"""Small data sets of many shapes, on which nothing here was tuned: what does an index without options make of them?

    make_shapes.py [NAME...]     in $VQ_DATA (default build/data): NAME.base.npy and NAME.query.npy; without names, all that are missing

Queries are never rows. Rows are in random order, but for `shape-ordered`. Needs the photographs of make_sift.py, the glosses and vectors of
make_gloss.py, and its Python (python3-opencv, python3-numpy). The same inputs give the same rows.
"""
import functools
import gzip
import os
import re
import sys
import time

import cv2
import numpy as np

from make_sift import DATA, QUERY_PHOTOS, photographs

SEED = 20262
QUERIES = 1000
GLOSSES = os.path.join(DATA, "gloss-minilm-105000")


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)


def part(rows, count, rng):
    """`count` rows and QUERIES queries of these, at random."""
    order = rng.permutation(len(rows))
    return rows[order[QUERIES:QUERIES + count]], rows[order[:QUERIES]]


def by_scale(rng, count, scales):
    return (rng.standard_normal((count, len(scales))) * scales).astype(np.float32)


def glosses():
    with gzip.open(GLOSSES + ".txt.gz", "rt", encoding="utf-8", errors="replace") as file:
        return [re.findall(r"[a-z]+", line.lower()) for line in file]


@functools.cache
def co_occurrences(least=3, contexts=1500, window=5):
    """Positive pointwise mutual information of words and pairs of words with frequent words of the glosses: (row, column, value) of what is
    not 0, in order, and the number of rows."""
    texts = glosses()
    number = {word: i for i, word in enumerate(sorted({word for text in texts for word in text}))}
    gap = [-1] * (window + 1)  # no window reaches into the next gloss
    text = np.array([i for words in texts for i in [*map(number.get, words), *gap]], np.int64)
    frequent = np.argsort(-np.bincount(text[text >= 0], minlength=len(number)), kind="stable")[:contexts]
    column = np.full(len(number) + 1, -1)
    column[frequent] = np.arange(contexts)
    at = column[text]  # the gap's -1 reads the last, which is -1
    pair = np.where((text[:-1] >= 0) & (text[1:] >= 0), text[:-1] * len(number) + text[1:], -1)
    keys, offset = [], 0
    for term, length in ((text, 1), (pair, 2)):
        values, of_term, count = np.unique(term, return_inverse=True, return_counts=True)
        kept = np.where((values >= 0) & (count >= least), 1, 0)
        row = np.where(kept, np.cumsum(kept) - 1 + offset, -1)[of_term]
        for distance in [*range(-window, 0), *range(length, length + window)]:
            begin, end = max(0, -distance), min(len(row), len(at) - distance)
            rows, columns = row[begin:end], at[begin + distance:end + distance]
            keys.append((rows * contexts + columns)[(rows >= 0) & (columns >= 0)])
        offset += kept.sum()
    key, found = np.unique(np.concatenate(keys), return_counts=True)
    row, column = key // contexts, key % contexts
    of_row, of_column = np.bincount(row, found, offset), np.bincount(column, found, contexts) ** 0.75
    value = np.log(found / (of_row[row] * of_column[column] / of_column.sum()))
    return row[value > 0], column[value > 0], value[value > 0].astype(np.float32), offset, contexts


def words(rng, dims, rows):
    """Word vectors: a singular value decomposition, the values at power one half; rare words are short."""
    row, column, value, terms, contexts = co_occurrences()
    blocks = []
    for begin in range(0, terms, 20_000):
        part_of = slice(*np.searchsorted(row, [begin, begin + 20_000]))
        block = np.zeros((min(20_000, terms - begin), contexts), np.float32)
        block[row[part_of] - begin, column[part_of]] = value[part_of]
        blocks.append(block[block.any(axis=1)])
    values, axes = np.linalg.eigh(sum(block.T @ block for block in blocks))
    axes = axes[:, ::-1][:, :dims] / values[::-1][:dims] ** 0.25
    return part(np.concatenate([block @ axes for block in blocks]).astype(np.float32), rows, rng)


def tfidf(rng, rows, dims=256):
    """Bags of words by weight, projected at random: hardly any structure but a few near neighbours."""
    texts, frequency = glosses(), {}
    for text in texts:
        for word in set(text):
            frequency[word] = frequency.get(word, 0) + 1
    vector = {w: rng.standard_normal(dims) * np.log(len(texts) / n) for w, n in sorted(frequency.items())}
    made = np.array([sum((vector[w] for w in text), np.zeros(dims)) for text in texts], np.float32)
    return part(unit(made[made.any(axis=1)]), rows, rng)


def windows(rng, names, count, size, grey):
    """Square windows of the photographs at random, `count` in all."""
    paths = photographs(names)
    for position, name in enumerate(sorted(paths)):
        image = cv2.imread(paths[name], cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for _ in range(count * (position + 1) // len(paths) - count * position // len(paths)):
            y, x = rng.integers(image.shape[0] - size), rng.integers(image.shape[1] - size)
            yield image[y:y + size, x:x + size]


def of_photographs(rng, rows, size, grey, describe):
    """Queries from other photographs than rows."""
    others = sorted(set(photographs()) - QUERY_PHOTOS)
    made = [np.array([describe(w) for w in windows(rng, names, count, size, grey)]) for names, count in ((others, rows), (sorted(QUERY_PHOTOS), QUERIES))]
    return made[0][rng.permutation(rows)], made[1]


def hog():
    descriptor = cv2.HOGDescriptor((56, 56), (16, 16), (8, 8), (8, 8), 9)  # 6 x 6 blocks of 36
    return lambda window: descriptor.compute(window).ravel()[:1296].astype(np.float32)


def colours(window):
    """Counts of 8 x 8 x 8 colours: most are 0."""
    return np.bincount((window // 32).reshape(-1, 3).astype(int) @ (64, 8, 1), minlength=512).astype(np.float32)


def glyphs(rng, rows):
    """Letters and digits drawn at random sizes and angles into 28 x 28 pixels, as in the well-known sets of 784 dimensions."""
    made = np.zeros((rows + QUERIES, 784), np.uint8)
    for row in made:
        canvas = np.zeros((56, 56), np.uint8)
        cv2.putText(canvas, chr(rng.choice([*range(48, 58), *range(65, 91)])), (14, 44), int(rng.integers(8)), 1.3 + 0.4 * rng.random(), 255,
                    int(rng.integers(1, 6)), cv2.LINE_AA)
        turn = cv2.getRotationMatrix2D((28, 28), rng.normal(0, 10), 0.8 + 0.3 * rng.random())
        turn[:, 2] += rng.normal(0, 2, 2)
        turn[0, 1] += rng.normal(0, 0.15)
        row[:] = cv2.resize(cv2.warpAffine(canvas, turn, (56, 56)), (28, 28), interpolation=cv2.INTER_AREA).ravel()
    return made[QUERIES:], made[:QUERIES]


def wide(rng, rows, dims=1536):
    """Sentence embeddings through a random layer, with noise."""
    base, query = (np.load(f"{GLOSSES}.{part}.npy")[:count] for part, count in (("base", rows), ("query", QUERIES)))
    first, second = rng.standard_normal((384, 1024)).astype(np.float32), rng.standard_normal((1024, dims)).astype(np.float32)
    return [unit(np.tanh(1.5 * x @ first) @ second / 32 + rng.normal(0, 0.1, (len(x), dims)).astype(np.float32)) for x in (base, query)]


def gaussian(rng, rows, dims):
    made = by_scale(rng, rows + QUERIES, np.ones(dims))
    return made[QUERIES:], made[:QUERIES]


def manifold(rng, rows, inner=8, dims=512):
    """Eight degrees of freedom in 512 dimensions."""
    first, second = rng.standard_normal((inner, 128)), rng.standard_normal((128, dims))
    made = np.sin(by_scale(rng, rows + QUERIES, np.ones(inner)) @ first * 0.5 + rng.random(128) * 6) @ second
    made = (made + rng.normal(0, 0.05, made.shape)).astype(np.float32)
    return made[QUERIES:], made[:QUERIES]


def copies(rng, rows):
    """Half of the rows are again one of a hundred thousandth of others: some often, most twice."""
    base, query = (np.load(os.path.join(DATA, f"sift-photo-1000000.{part}.npy"), mmap_mode="r") for part in ("base", "query"))
    own = np.array(base[500_000:500_000 + rows // 2])
    again = own[np.minimum((rng.pareto(0.7, rows - len(own)) * 10).astype(np.int64), len(own) - 1)]
    return np.concatenate([own, again])[rng.permutation(rows)], np.array(query[:QUERIES])


def ordered(rng, rows, dims=64, clusters=300):
    """Narrow clusters of unequal sizes, one after the other."""
    share = rng.pareto(1.0, clusters) + 0.1
    cluster = np.sort(rng.choice(clusters, rows + QUERIES, p=share / share.sum()))
    width = 0.05 + 0.5 * rng.random((clusters, 1))
    made = (rng.standard_normal((clusters, dims)) * 3)[cluster] + rng.standard_normal((len(cluster), dims)) * width[cluster]
    asked = np.zeros(len(made), bool)
    asked[rng.permutation(len(made))[:QUERIES]] = True
    return made[~asked].astype(np.float32), made[asked].astype(np.float32)[rng.permutation(QUERIES)]


def tastes(rng, rows, dims=64):
    """Factors of a recommender: lengths of the items by a heavy-tailed popularity; users lie elsewhere than items."""
    scales = 1 / np.sqrt(1 + np.arange(dims))
    items = by_scale(rng, rows, scales) * np.exp(rng.normal(0, 0.6, (rows, 1))) + 0.5 * scales * rng.pareto(3, (rows, 1))
    users = by_scale(rng, QUERIES, scales ** 0.5) + 0.3 * scales
    return items.astype(np.float32), users.astype(np.float32)


def strangers(rng):
    """The embeddings of glosses, asked for by means of three of their queries with noise: queries from nowhere near a row."""
    query = np.load(GLOSSES + ".query.npy")
    third = sum(query[rng.permutation(len(query))] for _ in range(3))
    return np.load(GLOSSES + ".base.npy"), unit(unit(third) + rng.normal(0, 0.02, third.shape)).astype(np.float32)


SHAPES = {
    "shape-words100": lambda rng: [unit(x) for x in words(rng, 100, 80_000)],
    "shape-words25": lambda rng: [unit(x) for x in words(rng, 25, 80_000)],
    "shape-words100-raw": lambda rng: words(rng, 100, 80_000),
    "shape-tfidf": lambda rng: tfidf(rng, 100_000),
    "shape-glyphs": lambda rng: glyphs(rng, 60_000),
    "shape-hog": lambda rng: of_photographs(rng, 50_000, 56, True, hog()),
    "shape-patches": lambda rng: of_photographs(rng, 50_000, 18, True, lambda window: window.ravel()),
    "shape-colours": lambda rng: of_photographs(rng, 50_000, 32, False, colours),
    "shape-wide": lambda rng: wide(rng, 50_000),
    "shape-gauss32": lambda rng: gaussian(rng, 100_000, 32),
    "shape-gauss96": lambda rng: gaussian(rng, 100_000, 96),
    "shape-manifold": lambda rng: manifold(rng, 50_000),
    "shape-copies": lambda rng: copies(rng, 100_000),
    "shape-ordered": lambda rng: ordered(rng, 100_000),
    "shape-tastes": lambda rng: tastes(rng, 100_000),
    "shape-strangers": strangers,
}


def main():
    for name in sys.argv[1:] or SHAPES:
        stem, started = os.path.join(DATA, name), time.time()
        if len(sys.argv) < 2 and os.path.exists(stem + ".query.npy"):
            continue
        rows, queries = SHAPES[name](np.random.default_rng(SEED))
        np.save(stem + ".base.npy", rows)
        np.save(stem + ".query.npy", queries)
        print(f"{name}: {rows.shape[0]} x {rows.shape[1]} {rows.dtype}, {len(queries)} queries, {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
