# packages: langchain-postgres psycopg[binary]
# environment: frameworks
"""langchain-postgres, class PGVector: one table for all collections, whose column has no dimensions. An index needs some: an expression
index has them, but the class writes its queries without the cast. So the column gets its dimensions."""
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_postgres import PGVector
from sqlalchemy import create_engine, text

import fake
from client import DATABASE, HOST, ROWS, agree, ok


class Fake(Embeddings):
    def embed_documents(self, texts):
        return [fake.embed(text) for text in texts]

    def embed_query(self, text):
        return fake.embed(text)


url = f"postgresql+psycopg://postgres@/{DATABASE}?host={HOST}"
store = PGVector(embeddings=Fake(), collection_name="sentences", connection=url, use_jsonb=True)
store.add_documents([Document(row["text"], metadata={"row": row["id"], "category": row["category"]}) for row in ROWS], ids=[str(row["id"]) for row in ROWS])

with create_engine(url).begin() as connection:
    connection.execute(text("CREATE EXTENSION vectorq_pgvector"))
    connection.execute(text(f"ALTER TABLE langchain_pg_embedding ALTER embedding TYPE vector({fake.DIMS})"))
    connection.execute(text("CREATE INDEX sentences_ah ON langchain_pg_embedding USING ah (embedding vector_cosine_ops)"))
    connection.execute(text("ANALYZE langchain_pg_embedding"))


def search(query, **filters):
    return [document.metadata["row"] for document in store.similarity_search(query["text"], k=10, **filters)]


agree(search, "similarity_search")
agree(lambda query: search(query, filter={"category": {"$eq": 1}}), "with a filter of metadata", "nearest_in_category")
