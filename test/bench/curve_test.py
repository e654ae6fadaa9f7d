#!/usr/bin/env python3
"""Unit tests of curve.py. Standard library only: part of `make check`."""
import unittest

import curve


class Curve(unittest.TestCase):
    def test_frontier_leaves_out_what_is_beaten(self):
        points = [(0.9, 1.0), (0.8, 2.0), (0.95, 3.0), (0.95, 2.5), (0.5, 0.1)]
        self.assertEqual(curve.frontier(points), [(0.5, 0.1), (0.9, 1.0), (0.95, 2.5)])

    def test_time_at_recall_is_interpolated_in_its_logarithm(self):
        self.assertAlmostEqual(curve.ms_at([(0.8, 1.0), (1.0, 4.0)], 0.9), 2.0)

    def test_a_measured_point_is_its_own_answer(self):
        self.assertAlmostEqual(curve.ms_at([(0.8, 1.0), (0.9, 1.5), (1.0, 4.0)], 0.9), 1.5)

    def test_nothing_is_extrapolated(self):
        self.assertIsNone(curve.ms_at([(0.8, 1.0), (0.89, 2.0)], 0.9))
        self.assertIsNone(curve.ms_at([], 0.9))
        self.assertEqual(curve.ms_at([(0.97, 1.5), (0.99, 2.0)], 0.9), 1.5)

    def test_ratio_is_of_rounds_not_of_medians(self):
        # The second round ran on a machine half as fast: both were hit, the ratio stays.
        mine = [[(0.95, 1.0)], [(0.95, 2.0)], [(0.95, 1.0)]]
        other = [[(0.95, 5.0)], [(0.95, 10.0)], [(0.95, 6.0)]]
        self.assertEqual(curve.times_as_fast(mine, other, 0.95), dict(median=5.0, min=5.0, max=6.0))

    def test_ratio_wants_both_to_reach_the_recall(self):
        self.assertIsNone(curve.times_as_fast([[(0.8, 1.0)]], [[(0.99, 1.0)]], 0.95))


if __name__ == "__main__":
    unittest.main()
