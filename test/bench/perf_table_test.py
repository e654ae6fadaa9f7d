#!/usr/bin/env python3
"""Unit tests of perf_table.py."""
import unittest

import perf_table as perf

REPORT = """# Samples: 1K of event 'cpu-clock'
#
# Overhead  Shared Object      Symbol
# ........  .................  ......

    49.50%  vectorq.so         [.] vectorq::N_AVX3::ScanLut16(unsigned char const*, int)
    10.25%  postgres           [.] LWLockAcquire
     5.00%  [kernel.kallsyms]  [k] copy_user_enhanced_fast_string
     2.00%  vectorq.so         [.] vectorq::(anonymous namespace)::Odd<float>(std::span<float>)
     1.00%  postgres           [.] ExecScan
"""


class Table(unittest.TestCase):
    def test_parse(self):
        found = perf.parse(REPORT)
        self.assertEqual(len(found), 5)
        self.assertEqual(found[2], (5.0, "[kernel.kallsyms]", "copy_user_enhanced_fast_string", True))

    def test_groups(self):
        groups = perf.grouped(perf.parse(REPORT))
        self.assertEqual(list(groups)[:2], ["4-bit codes: scan in registers", "buffers: look-ups, pins, locks, page checks"])
        self.assertEqual(groups[perf.KERNEL][0], 5.0)
        self.assertEqual(groups["vectorq: other"], (2.0, [(2.0, "Odd")]))
        self.assertEqual(groups[perf.REST], (1.0, [(1.0, "ExecScan")]))

    def test_short(self):
        self.assertEqual(perf.short("vectorq::N_AVX3::ScanLut16(unsigned char const*, int)"), "ScanLut16")
        self.assertEqual(perf.short("void vectorq::Odd<float>(std::span<float>)"), "Odd")


if __name__ == "__main__":
    unittest.main()
