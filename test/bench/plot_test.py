"""The axis of the pictures, and that the points beside the pictures of the documents can be drawn again."""
import glob
import json
import os
import unittest
from types import SimpleNamespace

from plot import KINDS, MOST_RECALL, TICKS, kind, missed

PICTURES = os.path.join(os.path.dirname(__file__), "../../docs/measurements/peers-*.json")


class PlotTest(unittest.TestCase):
    def test_what_is_missed_never_reaches_zero(self):
        self.assertAlmostEqual(missed(0.95), 0.05)
        self.assertGreater(missed(1.0), 0)
        self.assertGreater(missed(max(t for t in TICKS if t <= MOST_RECALL)), missed(1.0))

    def test_kinds(self):
        self.assertEqual(kind(SimpleNamespace(name="vectorq-ah", in_server=True)), "own")
        self.assertEqual(kind(SimpleNamespace(name="pgvector-hnsw", in_server=True)), "server")
        self.assertEqual(kind(SimpleNamespace(name="scann", in_server=False)), "library")

    def test_points_of_the_documents(self):
        paths = glob.glob(PICTURES)
        self.assertTrue(paths)
        for path in paths:
            with open(path) as file:
                picture = json.load(file)
            self.assertTrue(os.path.exists(path.removesuffix(".json") + ".png"))
            for curve in picture["curves"]:
                self.assertIn(curve["kind"], KINDS)
                self.assertTrue(all(0 < recall <= 1 and speed > 0 for recall, speed in curve["points"]))


if __name__ == "__main__":
    unittest.main()
