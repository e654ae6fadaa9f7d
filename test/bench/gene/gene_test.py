#!/usr/bin/env python3
"""Unit tests of the gene study's pure functions: origins, fragments, embedding, scores."""
import os
import tempfile
import unittest
from unittest import mock

import numpy as np

import make_gene
from gene import embedding, mmseqs, novelty, sequences


class Sequences(unittest.TestCase):
    def test_origin(self):
        for header, wanted in (
                ("gi|483970126|ref|NZ_AKAU01000045.1|:c6456-5752", ("genome", "AKAU")), ("gi|1|ref|NC_000913.2|:10-20", ("genome", "NC_000913")),
                ("gi|1|ref|ABCD01000001.1|:1-900", ("genome", "ABCD")), ("gi|1|ref|XM_001234.2|", ("eukaryote", "")),
                ("GeneID:1489", ("virus", "")), ("gi|483970126|ref|NZ_KB891629.1|:c6456-5752", None), ("something else", None)):
            self.assertEqual(sequences.origin(header), wanted, header)

    def test_fasta_and_codes(self):
        entries = list(sequences.read_fasta([b">a one\n", b"ACG\n", b"t\n", b">b\n", b"ANA\n"]))
        self.assertEqual(entries, [("a one", b"ACGt"), ("b", b"ANA")])
        self.assertEqual(sequences.encode(b"ACGt").tolist(), [0, 1, 2, 3])
        self.assertIsNone(sequences.encode(b"ANA"))

    def test_tiles_cover_whole_fragments_only(self):
        self.assertEqual([piece.tolist() for piece in sequences.tiles(np.arange(7), 3, 2)], [[0, 1, 2], [2, 3, 4], [4, 5, 6]])
        self.assertEqual(sequences.tiles(np.arange(2), 3, 2), [])

    def test_draw_stays_inside(self):
        genes = [np.arange(10), np.arange(100, 104)]
        pieces, chosen = sequences.draw(np.random.default_rng(1), genes, 200, 4)
        self.assertTrue((np.diff(pieces, axis=1) == 1).all())
        self.assertEqual(set(pieces[chosen == 1][:, 0]), {100})
        self.assertEqual(set(pieces[chosen == 0][:, 0]), set(range(7)))

    def test_mutate_changes_about_as_many(self):
        rng = np.random.default_rng(2)
        fragments = rng.integers(0, 4, (300, 400), dtype=np.uint8)
        changed = (sequences.mutate(rng, fragments, 0.05, 0.10, turn=False) != fragments).mean()
        self.assertTrue(0.07 < changed < 0.08, changed)
        self.assertTrue((sequences.mutate(rng, fragments, 0.0, 0.0, turn=False) == fragments).all())
        turned = sequences.mutate(rng, fragments, 0.0, 0.0)
        same, other = (turned == fragments).all(axis=1), (turned == sequences.reverse_complement(fragments)).all(axis=1)
        self.assertTrue((same ^ other).all())
        self.assertTrue(100 < other.sum() < 200)

    def test_pack(self):
        fragments = np.random.default_rng(3).integers(0, 4, (5, 400), dtype=np.uint8)
        self.assertEqual(sequences.pack(fragments).shape, (5, 100))
        self.assertTrue((sequences.unpack(sequences.pack(fragments)) == fragments).all())


class TheEmbedding(unittest.TestCase):
    def test_strand_does_not_matter(self):
        fragments = np.random.default_rng(4).integers(0, 4, (20, 400), dtype=np.uint8)
        there = embedding.features(fragments)
        self.assertEqual(there.shape, (20, 136 + 2080))
        np.testing.assert_allclose(there, embedding.features(sequences.reverse_complement(fragments)), atol=1e-6)

    def test_counts(self):
        counts = embedding.features(np.array([[0, 0, 0, 0, 0, 0, 0, 3]], np.uint8))[0, :136] ** 2
        # AAAA four times (also as TTTT), AAAT once, of five words in all.
        self.assertEqual(sorted(np.round(counts[counts > 0] * 5).tolist()), [1, 4])

    def test_discriminant_weighs_axes(self):
        # Axis 0 tells the classes apart, axis 1 does not: it must lose nearly all weight.
        matrix = embedding.discriminant(np.eye(2), np.diag([9.0, 0.01]), 2)
        self.assertAlmostEqual(np.linalg.norm(matrix[:, 0]), np.sqrt(0.9), places=2)
        self.assertLess(np.linalg.norm(matrix[:, 1]), 0.11)

    # Words of 3 bases only: 32 features, so that training takes no time.
    @mock.patch.object(embedding, "CLASSES", {3: embedding.word_classes(3)})
    def test_trained_embedding_finds_the_genome(self):
        rng = np.random.default_rng(5)
        # Five made-up genomes that differ in which base follows which.
        follows = rng.dirichlet([1] * 4, (5, 4)).cumsum(axis=2)

        def some(count):
            labels, bases = rng.integers(0, 5, count), rng.integers(0, 4, (count, 400)).astype(np.uint8)
            for place in range(1, 400):
                bases[:, place] = (rng.random((count, 1)) > follows[labels, bases[:, place - 1]][:, :3]).sum(axis=1)
            return bases, labels

        embed = embedding.train(rng, [some(300)], 64)
        (base, base_labels), (queries, labels) = some(100), some(50)
        rows, asked = embed(base), embed(queries)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        self.assertGreater(novelty.accuracy((asked @ rows.T).argmax(axis=1), base_labels, labels), 0.8)


class Scores(unittest.TestCase):
    def test_auroc(self):
        self.assertEqual(novelty.auroc(np.array([1.0, 2]), np.array([3.0, 4])), 1.0)
        self.assertEqual(novelty.auroc(np.array([1.0, 1]), np.array([1.0, 1])), 0.5)
        self.assertEqual(novelty.auroc(np.array([1.0, 3]), np.array([2.0, np.inf])), 0.75)

    def test_accuracy_counts_no_row_as_wrong(self):
        self.assertEqual(novelty.accuracy(np.array([0, 1, -1, 1]), np.array([7, 8]), np.array([7, 8, 8, 7])), 0.5)

    def test_distances_overlap_flagged(self):
        base, queries = np.eye(3, dtype=np.float32), np.zeros((2, 3), np.float32)
        self.assertEqual(novelty.distances(base, queries, np.array([2, -1])).tolist(), [1.0, np.inf])
        self.assertEqual(novelty.overlap(np.array([[1, 2], [3, -1]]), np.array([[2, 1], [4, 3]])), 0.75)
        self.assertEqual(novelty.flagged(np.arange(101.0), np.array([94.0, 96.0]), 0.05), 0.5)

    def test_best_hits(self):
        with tempfile.NamedTemporaryFile("w", suffix=".m8", delete=False) as file:
            file.write("q0\tr5\t40\nq0\tr6\t50.5\nq2\tr1\t33\n")
        rows, bits = mmseqs.best_hits(file.name, 3)
        os.unlink(file.name)
        self.assertEqual(rows.tolist(), [6, -1, 1])
        self.assertEqual(bits.tolist(), [50.5, -np.inf, 33])


class Species(unittest.TestCase):
    def test_names(self):
        for organism, species, genus in (("Vibrio cholerae O1 str. 2010EL-1786", "Vibrio cholerae", "Vibrio"),
                                         ("Synechococcus sp. WH 8102", "Synechococcus sp. WH 8102", "Synechococcus"),
                                         ("Candidatus Pelagibacter ubique HTCC1062", "Candidatus Pelagibacter ubique", "Pelagibacter"),
                                         ("[Clostridium] difficile 630", "Clostridium difficile", "Clostridium")):
            self.assertEqual(make_gene.species_of(organism), species)
            self.assertEqual(make_gene.genus_of(species), genus)

    def test_near_species_are_of_other_genera(self):
        bases = {f"Genus{i} alpha": 1000 - i for i in range(make_gene.NUM_REFERENCE)}
        bases |= {"Genus0 beta": 500, "Other alpha": 400}
        reference, near = make_gene.choose_species(bases)
        self.assertEqual(len(reference), make_gene.NUM_REFERENCE)
        self.assertEqual(near, ["Other alpha"])


if __name__ == "__main__":
    unittest.main()
