"""What the clients in Python share: rows and queries of fake.py, and the lines that run_clients.sh counts."""
import json
import os

with open(os.environ["VQ_SENTENCES"]) as file:
    _data = json.load(file)
ROWS, QUERIES = _data["rows"], _data["queries"]
DIMS = len(ROWS[0]["embedding"])
HOST, DATABASE = os.environ["PGHOST"], os.environ["PGDATABASE"]


def ok(passed, what):
    print("ok" if passed else "not ok", "-", what, flush=True)


def agree(search, what, exact="nearest", least=0.9):
    """search(query) gives ids. The target is 0.95 in the mean; 300 rows may have less by chance."""
    hits = wanted = 0
    for query in QUERIES:
        hits += len(set(search(query)) & set(query[exact]))
        wanted += len(query[exact])
    ok(hits >= least * wanted, f"{what}: {hits} of {wanted} rows of an exact scan")
