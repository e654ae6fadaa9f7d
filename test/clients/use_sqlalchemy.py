# packages: numpy psycopg[binary] SQLAlchemy alembic pgvector
"""SQLAlchemy: the index stands in the model, so that create_all (and Alembic) make it."""
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from pgvector.sqlalchemy import HALFVEC, Vector
from sqlalchemy import Index, create_engine, func, select, text
from sqlalchemy.orm import Session, declarative_base, mapped_column
from sqlalchemy.types import BigInteger, Integer

from client import DATABASE, DIMS, HOST, QUERIES, ROWS, agree, ok

Base = declarative_base()


class Item(Base):
    __tablename__ = "items"
    id = mapped_column(BigInteger, primary_key=True)
    category = mapped_column(Integer)
    embedding = mapped_column(Vector(DIMS))


engine = create_engine(f"postgresql+psycopg://postgres@/{DATABASE}?host={HOST}")
with engine.begin() as connection:
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add_all(Item(id=row["id"], category=row["category"], embedding=row["embedding"]) for row in ROWS)
    session.commit()

with engine.begin() as connection:
    connection.execute(text("CREATE EXTENSION vectorq_pgvector"))
indexes = [
    Index("items_ah", Item.embedding, postgresql_using="ah", postgresql_ops={"embedding": "vector_l2_ops"}),
    Index("items_half", func.cast(Item.embedding, HALFVEC(DIMS)).label("half"), postgresql_using="ah", postgresql_with={"replicas": "none"},
          postgresql_ops={"half": "halfvec_cosine_ops"}),
]
with engine.connect() as connection:
    migration = produce_migrations(MigrationContext.configure(connection), Base.metadata)
    ok("postgresql_using='ah', postgresql_with={'replicas': 'none'}" in render_python_code(migration.upgrade_ops), "Alembic finds the indexes and says them")
for index in indexes:
    index.create(engine)
with engine.begin() as connection:
    connection.execute(text("ANALYZE items"))

with Session(engine) as session:
    def search(query, statement=select(Item.id)):
        return session.scalars(statement.order_by(Item.embedding.l2_distance(query["embedding"])).limit(10)).all()

    agree(search, "l2_distance")
    agree(lambda query: search(query, select(Item.id).filter(Item.category == 1)), "with filter()", "nearest_in_category")
    half = func.cast(Item.embedding, HALFVEC(DIMS))
    agree(lambda query: session.scalars(select(Item.id).order_by(half.cosine_distance(query["embedding"])).limit(10)).all(), "an expression, cosine_distance")
    options = session.scalars(text("SELECT unnest(reloptions) FROM pg_class WHERE relname = 'items_half'")).all()
    ok(options == ["replicas=none"], "postgresql_with gives the options")
