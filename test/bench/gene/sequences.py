"""Genes of a FASTA file, what their headers say of their origin, and fragments of them as codes 0..3 (A, C, G, T)."""
import re

import numpy as np

LETTERS = np.frombuffer(b"ACGT", np.uint8)
CODES = np.full(256, 4, np.uint8)  # 4: anything but one of the four bases
CODES[LETTERS] = CODES[LETTERS + 32] = np.arange(4)


def read_fasta(lines):
    """(header, sequence) of each entry; lines are bytes."""
    header, parts = None, []
    for line in lines:
        if line.startswith(b">"):
            if header is not None:
                yield header, b"".join(parts)
            header, parts = line[1:].strip().decode("latin1"), []
        else:
            parts.append(line.strip())
    if header is not None:
        yield header, b"".join(parts)


def origin(header):
    """Where a marker gene is from: ("genome", accession), ("eukaryote", ""), ("virus", ""), or None if that cannot be told.

    The accession names a genome: NC_ and six digits of a finished replicon, or the four letters that all contigs of one
    whole-genome shotgun project begin with."""
    accession = header.split("|")[3] if header.startswith("gi|") else header
    if accession.startswith("XM_"):
        return "eukaryote", ""
    if accession.startswith("GeneID"):
        return "virus", ""
    found = re.match(r"(NC_\d{6})", accession) or re.match(r"(?:NZ_)?([A-Z]{4})\d{8}", accession)
    return ("genome", found.group(1)) if found else None


def encode(sequence):
    """Codes of a sequence, None if it has ambiguous bases."""
    codes = CODES[np.frombuffer(sequence, np.uint8)]
    return None if (codes > 3).any() else codes


def reverse_complement(fragments):
    return 3 - fragments[..., ::-1]


def tiles(gene, length, stride):
    """Fragments that begin at 0, stride, 2 stride, ..."""
    return [gene[start:start + length] for start in range(0, len(gene) - length + 1, stride)]


def draw(rng, genes, count, length):
    """`count` fragments at random, each place of each gene equally likely, and the genes' numbers."""
    room = np.array([len(gene) - length + 1 for gene in genes], float)
    chosen = rng.choice(len(genes), count, p=room / room.sum())
    starts = (rng.random(count) * room[chosen]).astype(int)
    return np.stack([genes[g][s:s + length] for g, s in zip(chosen, starts)]), chosen


def mutate(rng, fragments, low, high, turn=True):
    """Substitutions at a rate drawn for each fragment between low and high; with `turn`, half of the fragments are then read
    from the other strand."""
    rates = rng.uniform(low, high, (len(fragments), 1)).astype(np.float32)
    hit = rng.random(fragments.shape, np.float32) < rates
    out = np.where(hit, (fragments + rng.integers(1, 4, fragments.shape, dtype=np.uint8)) % 4, fragments).astype(np.uint8)
    if turn:
        other = rng.random(len(out)) < 0.5
        out[other] = reverse_complement(out[other])
    return out


def pack(fragments):
    """Four bases a byte; lengths are multiples of four."""
    parts = fragments.reshape(len(fragments), -1, 4)
    return parts[..., 0] | parts[..., 1] << 2 | parts[..., 2] << 4 | parts[..., 3] << 6


def unpack(packed):
    return np.stack([packed >> shift & 3 for shift in (0, 2, 4, 6)], axis=-1).reshape(len(packed), -1)


def write_fasta(path, fragments, prefix):
    with open(path, "wb") as file:
        for number, row in enumerate(LETTERS[fragments]):
            file.write(b">%s%d\n%s\n" % (prefix, number, row.tobytes()))
