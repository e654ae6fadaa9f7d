# packages: llama-index-vector-stores-postgres
# environment: frameworks
"""llama-index, PGVectorStore: it makes its table at the first use; then comes our line."""
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import ExactMatchFilter, MetadataFilters, VectorStoreQuery
from llama_index.vector_stores.postgres import PGVectorStore
from sqlalchemy import create_engine, text

import fake
from client import DATABASE, HOST, ROWS, agree, ok

place = f"postgres@/{DATABASE}?host={HOST}"
store = PGVectorStore.from_params(
    connection_string=f"postgresql+psycopg2://{place}", async_connection_string=f"postgresql+asyncpg://{place}",
    table_name="sentences", embed_dim=fake.DIMS, use_jsonb=True,
    hnsw_kwargs={"hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": 40, "hnsw_dist_method": "vector_cosine_ops"})
store.add([TextNode(id_=str(row["id"]), text=row["text"], embedding=row["embedding"], metadata={"category": row["category"]}) for row in ROWS])

with create_engine(f"postgresql+psycopg2://{place}").begin() as connection:
    connection.execute(text("CREATE EXTENSION vectorq_pgvector"))
    connection.execute(text("CREATE INDEX sentences_ah ON data_sentences USING ah (embedding vector_cosine_ops)"))
    connection.execute(text("ANALYZE data_sentences"))


def search(query, filters=None):
    return [int(id_) for id_ in store.query(VectorStoreQuery(query_embedding=query["embedding"], similarity_top_k=10, filters=filters)).ids]


agree(search, "query")
of_category = MetadataFilters(filters=[ExactMatchFilter(key="category", value=1)])
agree(lambda query: search(query, of_category), "with a filter of metadata", "nearest_in_category")
