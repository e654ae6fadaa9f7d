#!/usr/bin/env python3
"""Unit tests of glosses.py: what of an entry is a gloss."""
import unittest

import glosses

WORDNET = """adversary
    n 1: someone who offers opposition [syn: {adversary},
         {antagonist}] [ant:
         {agonist}]
    2: in an opposing direction; "adverse currents"; "a contrary
       wind"
"""
WEBSTER = """Benefit \\Ben"e*fit\\, n. [OE. benefet.]
   1. An act of kindness; a favor
      conferred.
      [1913 Webster]

            Bless the Lord, O my soul.            --Ps. ciii. 2.
      [1913 Webster]

   2. Bestowed as a {gratuity}; as, beneficiary gifts.
"""


class Glosses(unittest.TestCase):
    def test_wordnet_senses_without_examples_and_cross_references(self):
        found = [" ".join(g.split()) for g in glosses.wordnet(WORDNET)]
        self.assertEqual(found, ["someone who offers opposition", "in an opposing direction"])

    def test_webster_senses_without_sources_and_quotations(self):
        found = [" ".join(g.split()) for g in glosses.webster(WEBSTER)]
        self.assertEqual(found, ["An act of kindness; a favor conferred.", "Bestowed as a gratuity"])

    def test_numbers_of_the_index(self):
        self.assertEqual([glosses.number(one) for one in ("A", "B", "/", "BA")], [0, 1, 63, 64])


if __name__ == "__main__":
    unittest.main()
