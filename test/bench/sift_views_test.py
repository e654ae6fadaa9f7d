#!/usr/bin/env python3
"""Unit tests of sift_views.py: symmetries of descriptors."""
import unittest

import numpy as np

import sift_views as views


class Symmetries(unittest.TestCase):
    def test_each_undoes_itself(self):
        for order in views.SYMMETRIES:
            self.assertEqual(sorted(order), list(range(128)))
            self.assertEqual(order[order].tolist(), list(range(128)))

    def test_they_form_a_group_of_four(self):
        self.assertEqual(len({tuple(order) for order in views.SYMMETRIES}), 4)
        self.assertEqual(views.MIRROR[views.NEGATIVE].tolist(), views.NEGATIVE[views.MIRROR].tolist())

    def test_mirror_and_negative(self):
        # Cell (0, 1), direction 2: across it goes to row 3 and turns the other way; in the negative it is opposite.
        row = np.zeros(128, np.uint8)
        row[(0 * 4 + 1) * 8 + 2] = 9
        self.assertEqual(row[views.MIRROR].argmax(), (3 * 4 + 1) * 8 + 6)
        self.assertEqual(row[views.NEGATIVE].argmax(), (3 * 4 + 2) * 8 + 2)

    def test_expand(self):
        pool = np.random.default_rng(1).integers(0, 256, (5, 128), dtype=np.uint8)
        out = views.expand(pool, np.array([3, 5 + 1, 10 + 4, 15]))
        for got, wanted in zip(out, (pool[3], pool[1][views.MIRROR], pool[4][views.NEGATIVE], pool[0][views.SYMMETRIES[3]])):
            self.assertEqual(got.tolist(), wanted.tolist())


if __name__ == "__main__":
    unittest.main()
