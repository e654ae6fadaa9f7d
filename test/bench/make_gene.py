#!/usr/bin/env python3
"""Fragments of real genes as 1,024-dimensional unit vectors: find a gene's organism by its nearest neighbours.

    make_gene.py [--rows N]        N reference fragments (default 250,000) and the query sets in $VQ_DATA (default build/data):
                                   gene-N.base.npy, gene-N.{query,control,near,eukaryote,virus}.npy (vectors of length 1),
                                   gene-N.labels.npz (species of each), gene-N.bases.npz (the fragments, 4 bases a byte), .json
    make_gene.py --by-accession    genomes instead of species as labels: gene/species.tsv is not read
    make_gene.py --names FILE      makes gene/species.tsv anew from NCBI's GENOME_REPORTS/prokaryotes.txt (not needed for the above)

From the marker genes of the Debian package metaphlan2-data (fetched and unpacked, not installed): genes that MetaPhlAn2
chose because each is found in one clade only.

    base       fragments of 400 bases, one every 134, of the genes of 200 species, in random order
    query      fragments of genes that were held out (a tenth of each species'), as many of each species
    control    fragments of genes that are in base, at other places
    near       prokaryotes of genera that base lacks;  eukaryote: mRNA;  virus: entries with a bare GeneID

All but base with 5 to 10 % of their bases changed and a random strand. The embedding (gene/embedding.py) is trained on genomes of
other species than these. The same package, options and numpy give the same vectors up to rounding. Needs numpy, 4 GB of memory and some minutes.
"""
import argparse
import collections
import hashlib
import json
import os
import re
import time

import numpy as np

from debian import package_file
from gene.embedding import CHUNK, train
from gene.sequences import draw, encode, mutate, origin, pack, read_fasta, tiles

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = os.environ.get("VQ_DATA") or os.path.join(ROOT, "build", "data")
SPECIES_TABLE = os.path.join(HERE, "gene", "species.tsv")
SEED = 20261
LENGTH, STRIDE, DIMS = 400, 134, 1024
CHANGED = (0.05, 0.10)
NUM_REFERENCE, NUM_NEAR = 200, 200
REFERENCE_BASES, NEAR_BASES = 400_000, 20_000  # of each species, about
FAR_GENES = 2000
HELD_OUT = 0.1
SIZES = dict(query=10_000, control=2_000, near=4_000, eukaryote=2_000, virus=2_000)
# Training: so many fragments of so many genes of each genome.
TRAIN_GENOMES, TRAIN_GENES, LEAST_GENES = 2000, 60, 30


def markers(folder):
    return package_file("metaphlan2-data", "var/lib/metaphlan2-data/markers.fasta", folder)


def labelled_genes(path):
    """(kind, accession, sequence) of every gene that is long enough and whose origin is known."""
    with open(path, "rb") as file:
        for header, sequence in read_fasta(file):
            found = origin(header) if len(sequence) >= LENGTH else None
            if found:
                yield *found, sequence


# The table of species

def species_of(organism):
    """'Vibrio cholerae O1 str. 2010EL-1786' -> 'Vibrio cholerae'. Without an epithet the organism is a species of its own."""
    words = re.sub(r"[\[\]']", "", organism).split()
    at = 1 if words[0] == "Candidatus" else 0
    vague = {"sp.", "genomosp.", "cf.", "endosymbiont", "bacterium", "archaeon"}
    if len(words) < at + 2 or words[at + 1] in vague or words[at][0].islower():
        return " ".join(words)
    return " ".join(words[:at + 2])


def genus_of(species):
    words = species.split()
    return words[1] if words[0] == "Candidatus" else words[0]


def names_of_accessions(report):
    """Accession -> species, from NCBI's report (tab-separated, with a heading)."""
    names = {}
    with open(report, encoding="utf-8", errors="replace") as file:
        column = {name: i for i, name in enumerate(file.readline().lstrip("#").rstrip("\n").split("\t"))}
        for line in file:
            values = line.rstrip("\n").split("\t")
            replicons = values[column["Chromosomes/RefSeq"]] + "," + values[column["Plasmids/RefSeq"]]
            for accession in re.findall(r"NC_\d{6}", replicons) + re.findall(r"([A-Z]{4})\d\d\b", values[column["WGS"]]):
                names[accession] = species_of(values[column["Organism/Name"]])
    return names


def choose_species(bases):
    """The species with most bases are the reference; near ones are the next of genera that the reference lacks."""
    order = sorted(bases, key=lambda species: (-bases[species], species))
    reference = order[:NUM_REFERENCE]
    genera = {genus_of(species) for species in reference}
    return reference, [s for s in order[NUM_REFERENCE:] if genus_of(s) not in genera][:NUM_NEAR]


def write_table(report, folder):
    """Only of the species chosen; all their accessions, so that no genome of theirs trains the embedding."""
    names, bases, accessions = names_of_accessions(report), collections.Counter(), collections.defaultdict(set)
    for kind, accession, sequence in labelled_genes(markers(folder)):
        if kind == "genome" and accession in names:
            bases[names[accession]] += len(sequence)
            accessions[names[accession]].add(accession)
    with open(SPECIES_TABLE, "w", encoding="utf-8") as file:
        file.write("role\tspecies\taccessions\n")
        for role, chosen in zip(("reference", "near"), choose_species(bases)):
            file.writelines(f"{role}\t{species}\t{' '.join(sorted(accessions[species]))}\n" for species in chosen)


def read_table(path=SPECIES_TABLE):
    """role -> [species], accession -> species."""
    roles, names = {"reference": [], "near": []}, {}
    with open(path, encoding="utf-8") as file:
        next(file)
        for line in file:
            role, species, accessions = line.rstrip("\n").split("\t")
            roles[role].append(species)
            names.update(dict.fromkeys(accessions.split(), species))
    return roles, names


def accession_table(path):
    """The same without names: each accession is its own label. `near` may then hold a relative of a reference genome."""
    bases = collections.Counter()
    for kind, accession, sequence in labelled_genes(path):
        if kind == "genome":
            bases[accession] += len(sequence)
    order = sorted(bases, key=lambda accession: (-bases[accession], accession))
    roles = {"reference": order[:NUM_REFERENCE], "near": order[NUM_REFERENCE:NUM_REFERENCE + NUM_NEAR]}
    return roles, {accession: accession for role in roles.values() for accession in role}


# Genes

class Genes:
    def __init__(self, path, names):
        self.of_species = collections.defaultdict(list)
        self.far = {"eukaryote": [], "virus": []}
        self.others = collections.defaultdict(list)  # genomes to train on
        for kind, accession, sequence in labelled_genes(path):
            if kind != "genome":
                self.far[kind].append(sequence)
            elif accession in names:
                self.of_species[names[accession]].append(sequence)
            elif len(self.others[accession]) < TRAIN_GENES:
                self.others[accession].append(sequence)


def sample(rng, sequences, most_bases=None, most_genes=None):
    """Encoded genes in random order, until there are enough."""
    chosen, bases = [], 0
    for place in rng.permutation(len(sequences)):
        if (most_bases and bases >= most_bases) or (most_genes and len(chosen) >= most_genes):
            break
        codes = encode(sequences[place])
        if codes is not None:
            chosen.append(codes)
            bases += len(codes)
    return chosen


def training_chunks(rng, others):
    """Fragments of the genomes with enough genes, one of each gene, with up to a tenth of their bases changed."""
    genomes = sorted(accession for accession, genes in others.items() if len(genes) >= LEAST_GENES)
    genomes = [genomes[i] for i in sorted(rng.permutation(len(genomes))[:TRAIN_GENOMES])]
    print(f"embedding is trained on {len(genomes)} other genomes", flush=True)
    fragments, labels = [], []
    for label, accession in enumerate(genomes):
        for gene in sample(rng, others[accession]):
            start = int(rng.integers(0, len(gene) - LENGTH + 1))
            fragments.append(gene[start:start + LENGTH])
            labels.append(label)
        if len(fragments) >= CHUNK:
            yield mutate(rng, np.stack(fragments), 0.0, CHANGED[1]), np.array(labels)
            fragments, labels = [], []
    if fragments:
        yield mutate(rng, np.stack(fragments), 0.0, CHANGED[1]), np.array(labels)


def of_all_species(rng, genes, count):
    """(fragments, labels): about the same number of each species, in random order."""
    shares = np.full(len(genes), count // len(genes))
    shares[rng.permutation(len(genes))[:count - shares.sum()]] += 1
    fragments = np.concatenate([draw(rng, own, share, LENGTH)[0] for own, share in zip(genes, shares) if share])
    mixed = rng.permutation(count)
    return fragments[mixed], np.repeat(np.arange(len(genes)), shares)[mixed]


def fragments_of(rng, genes, roles, rows):
    """name of the set -> (fragments, labels); labels are places in roles["reference"], -1 out of domain."""
    kept, held_out = [], []
    for species in roles["reference"]:
        own = sample(rng, genes.of_species[species], REFERENCE_BASES)
        out = max(1, round(HELD_OUT * len(own)))
        held_out.append(own[:out])
        kept.append(own[out:])
    tiled = [[piece for gene in own for piece in tiles(gene, LENGTH, STRIDE)] for own in kept]
    base = np.stack([piece for own in tiled for piece in own])
    labels = np.repeat(np.arange(len(kept)), [len(own) for own in tiled])
    if len(base) < rows:
        raise SystemExit(f"make_gene.py: the package has only {len(base)} fragments of these species, {rows} wanted")
    mixed = rng.permutation(len(base))[:rows]
    sets = {"base": (base[mixed], labels[mixed]), "query": of_all_species(rng, held_out, SIZES["query"])}
    sets["control"] = of_all_species(rng, kept, SIZES["control"])
    far = {"near": [gene for species in roles["near"] for gene in sample(rng, genes.of_species[species], NEAR_BASES)]}
    far.update({kind: sample(rng, found, most_genes=FAR_GENES) for kind, found in genes.far.items()})
    for name, own in far.items():
        sets[name] = draw(rng, own, SIZES[name], LENGTH)[0], np.full(SIZES[name], -1)
    return {name: (found if name == "base" else mutate(rng, found, *CHANGED), labels) for name, (found, labels) in sets.items()}


def make(rows, by_accession, folder):
    stem = os.path.join(DATA, f"gene-{rows}")
    if os.path.exists(stem + ".json"):
        print("already there:", stem)
        return
    started, path = time.time(), markers(folder)
    roles, names = accession_table(path) if by_accession else read_table()
    genes = Genes(path, names)
    print(f"genes read: {time.time() - started:.0f} s", flush=True)
    rng = np.random.default_rng(SEED)
    sets = fragments_of(rng, genes, roles, rows)
    embed = train(rng, training_chunks(rng, genes.others), DIMS)
    print(f"embedding trained: {time.time() - started:.0f} s", flush=True)
    for name, (fragments, _) in sets.items():
        np.save(f"{stem}.{name}.npy", embed(fragments))
    np.savez(stem + ".labels.npz", **{name: labels.astype(np.int32) for name, (_, labels) in sets.items()})
    np.savez(stem + ".bases.npz", **{name: pack(fragments) for name, (fragments, _) in sets.items()})
    fragments_sum = hashlib.sha256(b"".join(pack(fragments).tobytes() for fragments, _ in sets.values())).hexdigest()
    header = dict(rows=rows, dims=DIMS, metric="l2", seed=SEED, labels="accessions" if by_accession else "species",
                  sets={name: len(labels) for name, (_, labels) in sets.items()}, species=roles["reference"],
                  seconds=round(time.time() - started, 1), sha256_of_fragments=fragments_sum)
    with open(stem + ".json", "w", encoding="utf-8") as file:
        json.dump(header, file, indent=1)
    print(f"{stem}.*: {rows} rows, {header['seconds']} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument("--by-accession", action="store_true")
    parser.add_argument("--names", metavar="FILE")
    options = parser.parse_args()
    os.makedirs(DATA, exist_ok=True)
    folder = os.path.join(DATA, "packages")
    if options.names:
        write_table(options.names, folder)
    else:
        make(options.rows, options.by_accession, folder)


if __name__ == "__main__":
    main()
