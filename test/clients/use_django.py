# packages: numpy psycopg[binary] Django pgvector
"""Django: an Index class of three lines goes into Meta.indexes, and migrations make it."""
import django
from django.conf import settings

from client import DATABASE, DIMS, HOST, QUERIES, ROWS, agree, ok

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": DATABASE, "HOST": HOST, "USER": "postgres"}})
django.setup()
from django.contrib.postgres.indexes import PostgresIndex
from django.contrib.postgres.operations import CreateExtension
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState
from pgvector.django import L2Distance, VectorExtension, VectorField


class AhIndex(PostgresIndex):
    suffix = "ah"


class Create(migrations.Migration):
    initial = True
    operations = [
        VectorExtension(),
        migrations.CreateModel("Item", fields=[
            ("id", models.BigAutoField(primary_key=True)), ("category", models.IntegerField()), ("embedding", VectorField(dimensions=DIMS))]),
    ]


class AddIndex(migrations.Migration):
    operations = [
        CreateExtension("vectorq_pgvector"),
        migrations.AddIndex("Item", AhIndex(name="item_ah", fields=["embedding"], opclasses=["vector_l2_ops"])),
    ]


def migrate(migration, state):
    with connection.schema_editor(atomic=True) as editor:
        return migration("migration", "shop").apply(state, editor)


state = migrate(Create, ProjectState())
Item = state.apps.get_model("shop", "Item")
Item.objects.bulk_create(Item(id=row["id"], category=row["category"], embedding=row["embedding"]) for row in ROWS)
migrate(AddIndex, state)
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")


def search(query, **conditions):
    return list(Item.objects.filter(**conditions).order_by(L2Distance("embedding", query["embedding"])).values_list("id", flat=True)[:10])


agree(search, "order_by(L2Distance(...))")
agree(lambda query: search(query, category=1), "with filter()", "nearest_in_category")
near = Item.objects.order_by(L2Distance("embedding", QUERIES[0]["embedding"]))[:10]
ok("Index Scan using item_ah" in near.explain(), "explain() shows the index")
