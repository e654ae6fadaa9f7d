#!/usr/bin/env python3
"""Unit tests of scale_fit.py."""
import math
import unittest

import scale_fit as fit

SIZES = (10**4, 10**5, 10**6, 10**7)


class Fits(unittest.TestCase):
    def test_exponents(self):
        self.assertEqual([round(e, 6) for e in fit.exponents([(n, 3e-6 * n ** 1.5) for n in SIZES])], [1.5] * 3)

    def test_n_log_n_finds_both_parts(self):
        found = fit.n_log_n([(n, 0.2 + 3e-7 * n * math.log2(n)) for n in SIZES])
        self.assertAlmostEqual(found[0], 0.2)
        self.assertAlmostEqual(found[1], 3e-7)
        self.assertAlmostEqual(fit.at(found, 1024), 0.2 + 3e-7 * 10240)

    def test_n_log_n_has_no_negative_part(self):
        self.assertEqual(fit.n_log_n([(n, 1e-9 * n * n) for n in SIZES])[0], 0.0)
        self.assertEqual(fit.n_log_n([(1024, 10240.0)]), (0.0, 1.0))

    def test_power(self):
        self.assertAlmostEqual(fit.power([(10, 5.0), (100, 50.0), (1000, 5000.0)], 10_000), 500_000.0)


if __name__ == "__main__":
    unittest.main()
