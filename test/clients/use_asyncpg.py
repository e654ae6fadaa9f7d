# packages: numpy asyncpg pgvector
"""asyncpg with pgvector's codec: every query is a prepared statement, so the vector is a parameter of the plan."""
import asyncio

import asyncpg
import numpy as np
from pgvector.asyncpg import register_vector

from client import DATABASE, DIMS, HOST, QUERIES, ROWS, agree, ok


async def main():
    connection = await asyncpg.connect(host=HOST, user="postgres", database=DATABASE)
    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    await register_vector(connection)
    await connection.execute(f"CREATE TABLE items (id bigint PRIMARY KEY, category int, embedding vector({DIMS}))")
    await connection.copy_records_to_table("items", records=[(row["id"], row["category"], np.array(row["embedding"])) for row in ROWS])

    await connection.execute("CREATE EXTENSION vectorq_pgvector")
    await connection.execute("CREATE INDEX items_ah ON items USING ah (embedding vector_ip_ops)")
    await connection.execute("ANALYZE items")

    all_rows = "SELECT id FROM items ORDER BY embedding <#> $1 LIMIT 10"
    of_category = "SELECT id FROM items WHERE category = $2 ORDER BY embedding <#> $1 LIMIT 10"
    found, filtered = {}, {}
    for query in QUERIES:
        wanted = np.array(query["embedding"])
        found[query["text"]] = [row["id"] for row in await connection.fetch(all_rows, wanted)]
        filtered[query["text"]] = [row["id"] for row in await connection.fetch(of_category, wanted, 1)]
    agree(lambda query: found[query["text"]], "<#>")
    agree(lambda query: filtered[query["text"]], "with a filter", "nearest_in_category")
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    plan = await connection.fetch("EXPLAIN " + all_rows, np.array(QUERIES[0]["embedding"]))
    ok("Index Scan using items_ah" in str(plan), "EXPLAIN shows the index, in a generic plan, too")


asyncio.run(main())
