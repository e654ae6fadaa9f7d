"""Fragments to unit vectors of 1,024 dimensions: a stand-in for a genomic language model that needs no download.

Like such a model it is trained once, on other genomes than those searched, and used as it is; unlike one it is linear:

1. counts of 4-mers and 6-mers, a word and its reverse complement as one, so that the strand does not matter
   (136 + 2,080 features); square roots; length 1 for each word length;
2. a linear discriminant (Fisher 1936; with the weights of a two-covariance model as in Ioffe 2006): the scatter of fragments
   of one genome becomes the unit matrix, and of the axes left the 1,024 count most that tell genomes apart: an axis with variance b
   between genomes where it is 1 within weighs sqrt(b / (1 + b));
3. a random rotation, since a model's dimensions are in no order either; length 1.
"""
import numpy as np

WORDS = (4, 6)
RIDGE = 1e-3  # of the largest eigenvalue: rare words have no variance to divide by
CHUNK = 4096


def word_classes(k):
    """For each word of k bases the number of its class {word, reverse complement}, and how many classes there are."""
    words = np.arange(4 ** k)
    other = np.zeros_like(words)
    for place in range(k):
        other = other * 4 + 3 - (words >> 2 * place) % 4
    _, classes = np.unique(np.minimum(words, other), return_inverse=True)
    return classes.astype(np.int32), int(classes.max()) + 1


CLASSES = {k: word_classes(k) for k in WORDS}


def features(fragments):
    """(n, length) codes to (n, features), float32."""
    n, length = fragments.shape
    parts = []
    for k, (classes, number) in CLASSES.items():
        words = np.zeros((n, length - k + 1), np.int32)
        for place in range(k):
            words = words * 4 + fragments[:, place:length - k + 1 + place]
        flat = classes[words] + np.arange(n, dtype=np.int32)[:, None] * number
        counts = np.sqrt(np.bincount(flat.ravel(), minlength=n * number).reshape(n, number).astype(np.float32))
        parts.append(counts / np.linalg.norm(counts, axis=1, keepdims=True))
    return np.concatenate(parts, axis=1)


def scatter(chunks):
    """Mean, within-class and between-class covariance of (fragments, labels) chunks; labels are 0, 1, ..."""
    total, sums, counts = 0.0, {}, {}
    for fragments, labels in chunks:
        x = features(fragments)
        total = total + (x.T @ x).astype(np.float64)
        for label in np.unique(labels):
            mine = x[labels == label]
            sums[label] = sums.get(label, 0) + mine.sum(axis=0, dtype=np.float64)
            counts[label] = counts.get(label, 0) + len(mine)
    rows, weights = sum(counts.values()), np.array(list(counts.values()), float)
    centres = np.stack(list(sums.values())) / weights[:, None]
    mean = weights @ centres / rows
    within = total / rows - (centres * weights[:, None]).T @ centres / rows
    apart = centres - mean
    between = (apart * weights[:, None]).T @ apart / rows
    # Means of few fragments scatter by chance, too.
    between -= within / max(weights.mean() - 1, 1)
    return mean, within, between


def discriminant(within, between, dims):
    """(features, at most dims) matrix: whitens within, keeps the axes with most variance between, weighs them."""
    values, vectors = np.linalg.eigh(within)
    white = vectors / np.sqrt(np.maximum(values, 0) + RIDGE * values.max())
    b, axes = np.linalg.eigh(white.T @ between @ white)
    order = np.argsort(-b)[:dims]
    order = order[b[order] > 0]
    return white @ axes[:, order] * np.sqrt(b[order] / (1 + b[order]))


def rotation(rng, rows, dims):
    """(rows, dims) with orthonormal rows."""
    q, r = np.linalg.qr(rng.standard_normal((dims, rows)))
    return (q * np.sign(np.diag(r))).T


class Embedding:
    def __init__(self, mean, matrix):
        self.mean, self.matrix = mean.astype(np.float32), matrix.astype(np.float32)

    def __call__(self, fragments):
        out = np.empty((len(fragments), self.matrix.shape[1]), np.float32)
        for start in range(0, len(fragments), CHUNK):
            y = (features(fragments[start:start + CHUNK]) - self.mean) @ self.matrix
            out[start:start + CHUNK] = y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-20)
        return out


def train(rng, chunks, dims):
    mean, within, between = scatter(chunks)
    matrix = discriminant(within, between, dims)
    return Embedding(mean, matrix @ rotation(rng, matrix.shape[1], dims))
