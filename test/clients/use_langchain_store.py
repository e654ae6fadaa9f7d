# packages: langchain-postgres psycopg[binary]
# environment: frameworks
"""langchain-postgres, class PGVectorStore: a table of its own; its index class takes ours as a subclass of three lines, and its own
HNSWIndex may stay beside it."""
from dataclasses import dataclass

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_postgres import Column, PGEngine, PGVectorStore
from langchain_postgres.v2.indexes import BaseIndex, DistanceStrategy, HNSWIndex
from sqlalchemy import create_engine, text

import fake
from client import DATABASE, HOST, ROWS, agree, ok


@dataclass
class AhIndex(BaseIndex):
    index_type: str = "ah"

    def index_options(self):
        return "(replicas = soar)"


class Fake(Embeddings):
    def embed_documents(self, texts):
        return [fake.embed(text) for text in texts]

    def embed_query(self, text):
        return fake.embed(text)


url = f"postgresql+psycopg://postgres@/{DATABASE}?host={HOST}"
engine = PGEngine.from_connection_string(url=url)
engine.init_vectorstore_table(table_name="sentences", vector_size=fake.DIMS, metadata_columns=[Column("row", "INTEGER"), Column("category", "INTEGER")], id_column=Column("langchain_id", "TEXT"))
store = PGVectorStore.create_sync(engine, embedding_service=Fake(), table_name="sentences", metadata_columns=["row", "category"])
store.add_documents([Document(row["text"], metadata={"row": row["id"], "category": row["category"]}) for row in ROWS], ids=[str(row["id"]) for row in ROWS])
store.apply_vector_index(HNSWIndex(name="sentences_hnsw"))

with create_engine(url).begin() as connection:
    connection.execute(text("CREATE EXTENSION vectorq_pgvector"))
    connection.execute(text("ANALYZE sentences"))
store.apply_vector_index(AhIndex(name="sentences_ah"))


def search(query, **filters):
    return [document.metadata["row"] for document in store.similarity_search(query["text"], k=10, **filters)]


agree(search, "similarity_search")
agree(lambda query: search(query, filter={"category": 1}), "with a filter of metadata", "nearest_in_category")
ok(store.is_valid_index("sentences_ah"), "is_valid_index knows the index")
