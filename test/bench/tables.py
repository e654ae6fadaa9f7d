"""Tables of vectors in the benchmark's private server: filled once, their indexes shown to the planner one at a time."""
import time

from common import load


def database(cluster, name, extension):
    if not cluster.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        cluster.sql(f"CREATE DATABASE {name}")
    cluster.sql(f"CREATE EXTENSION IF NOT EXISTS {extension} CASCADE", name)


def create(cluster, name, table, dims):
    """`bucket` spreads the rows evenly over 0..999, for filters: bucket < 10 is one row in a hundred."""
    cluster.sql(f"DROP TABLE IF EXISTS {table}", name)
    cluster.sql(f"CREATE TABLE {table} (id bigint, bucket int GENERATED ALWAYS AS (id * 7919 % 1000) STORED, "
                f"embedding vector({dims}))", name)


def fill(cluster, client, extension, name, table, file, rows, dims):
    """Makes the database and loads the rows, unless the same rows are there from the last run."""
    database(cluster, name, extension)
    if cluster.value(f"SELECT coalesce(obj_description(to_regclass('{table}'), 'pg_class'), '')", name) == f"{rows}":
        return
    started = time.time()
    create(cluster, name, table, dims)
    load(client, cluster, name, table, file, rows)
    cluster.sql(f"VACUUM (ANALYZE, FREEZE) {table}", name)
    cluster.sql(f"COMMENT ON TABLE {table} IS '{rows}'", name)
    print(f"loaded {rows} rows into {name}.{table}: {time.time() - started:.0f} s", flush=True)


def show_only(cluster, name, table, index):
    """Hides the other indexes of the table from planner and INSERT, so that one table serves all (throw-away cluster!)."""
    cluster.sql("UPDATE pg_index SET indisvalid = (indexrelid = '{0}'::regclass), indisready = (indexrelid = '{0}'::regclass) "
                "WHERE indrelid = '{1}'::regclass AND indisvalid <> (indexrelid = '{0}'::regclass)".format(index, table), name)


def check_plan(cluster, name, sql, index, dims, sets=()):
    one = "'[" + ",".join("1" * dims) + "]'"
    plan = "\n".join(row[0] for row in cluster.sql("; ".join([*sets, "EXPLAIN " + sql.replace("$1", one)]), name))
    if f"Index Scan using {index} " not in plan:
        raise SystemExit(f"{index}: the planner does not use the index:\n{plan}")
