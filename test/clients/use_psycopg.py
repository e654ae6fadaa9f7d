# packages: numpy psycopg[binary] pgvector
"""psycopg 3 with pgvector's adapter: vectors as numpy arrays, binary COPY, halfvec."""
import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from client import DIMS, QUERIES, ROWS, agree, ok

connection = psycopg.connect(autocommit=True)
connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
register_vector(connection)
connection.execute(f"CREATE TABLE items (id bigint PRIMARY KEY, category int, embedding vector({DIMS}), half halfvec({DIMS}))")
with connection.cursor().copy("COPY items FROM STDIN WITH (FORMAT BINARY)") as copy:
    copy.set_types(["int8", "int4", "vector", "halfvec"])
    for row in ROWS:
        copy.write_row((row["id"], row["category"], np.array(row["embedding"]), HalfVector(row["embedding"])))

connection.execute("CREATE EXTENSION vectorq_pgvector")
connection.execute("CREATE INDEX items_ah ON items USING ah (embedding vector_l2_ops)")
connection.execute("CREATE INDEX items_half ON items USING ah (half halfvec_cosine_ops)")
connection.execute("ANALYZE items")


def search(query, condition="", order="embedding <-> %s"):
    value = HalfVector(query["embedding"]) if order.startswith("half") else np.array(query["embedding"])
    return [row[0] for row in connection.execute(f"SELECT id FROM items {condition} ORDER BY {order} LIMIT 10", (value,))]


ok("Index Scan using items_ah" in str(connection.execute(
    "EXPLAIN SELECT id FROM items ORDER BY embedding <-> %s LIMIT 10", (np.array(QUERIES[0]["embedding"]),)).fetchall()), "EXPLAIN shows the index")
agree(search, "vector, <->")
agree(lambda query: search(query, order="half <=> %s"), "halfvec, <=>")
agree(lambda query: search(query, "WHERE category = 1"), "with a filter", "nearest_in_category")
connection.execute("SET vectorq.target_recall = 1")
ok(all(search(query) == query["nearest"] for query in QUERIES), "target_recall = 1: the rows of an exact scan, in its order")
value = connection.execute("SELECT embedding FROM items WHERE id = 1").fetchone()[0]
ok(np.allclose(value.to_list(), ROWS[0]["embedding"]), "a vector comes back as it went in")
