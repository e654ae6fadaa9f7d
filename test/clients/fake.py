"""Deterministic embeddings without a model, and the sentences that every client stores and asks for.

A word is a random vector that its letters determine; a sentence is the sum of its words, made as long as 1. Sentences with
words in common are near each other. `python3 fake.py FILE` writes rows and queries as one JSON document for clients in other languages.
"""
import functools
import json
import math
import random
import sys

DIMS = 64
ROWS = 3000
QUERIES = 30
K = 10
WORDS = {
    "who": "cat dog fox crow whale farmer pilot baker student nurse".split(),
    "how": "old young tired clever angry quiet tall hungry famous lazy".split(),
    "does": "eats sees paints sells finds loses carries follows".split(),
    "what": "apples boats clocks drums engines flowers gloves hammers islands jewels kites lamps".split(),
    "where": "in Paris|at sea|under the bridge|behind the house|near the station|on the hill".split("|"),
    "when": "today|every Monday|in winter|at night|before lunch".split("|"),
}


@functools.cache
def word_vector(word):
    generator = random.Random(word)
    return [generator.gauss(0, 1) for _ in range(DIMS)]


def embed(sentence):
    total = [sum(values) for values in zip(*map(word_vector, sentence.lower().split()))]
    length = math.sqrt(sum(x * x for x in total))
    return [round(x / length, 6) for x in total]


def sentence(generator):
    who, how, does, what, where, when = (generator.choice(words) for words in WORDS.values())
    return f"the {how} {who} {does} {what} {where} {when}"


def make():
    """ROWS different sentences as {id, text, category, embedding}, and QUERIES others with the ids of the K nearest rows: of all, and of category 1."""
    generator = random.Random(19)
    texts = []
    while len(texts) < ROWS + QUERIES:
        text = sentence(generator)
        if text not in texts:
            texts.append(text)
    rows = [{"id": i + 1, "text": text, "category": i % 3, "embedding": embed(text)} for i, text in enumerate(texts[:ROWS])]
    return {"rows": rows, "queries": [query(text, rows) for text in texts[ROWS:]]}


def query(text, rows):
    wanted = embed(text)
    # Vectors as long as 1: the greatest inner product is the least distance, by cosine and L2 alike.
    near = sorted(rows, key=lambda row: -sum(a * b for a, b in zip(row["embedding"], wanted)))
    return {"text": text, "embedding": wanted, "nearest": [row["id"] for row in near[:K]],
            "nearest_in_category": [row["id"] for row in near if row["category"] == 1][:K]}


if __name__ == "__main__":
    with open(sys.argv[1], "w") as file:
        json.dump(make(), file)
