"""Peers inside PostgreSQL: everything that is special about one stands in postgres.toml."""
import math
import os
import re
import tomllib

from common import BUILD, DATA, ROOT, ask, run, timed_build
from peers import Unavailable, geometric
from tables import check_plan, database, fill, show_only

OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>"}


def entries(path=os.path.join(os.path.dirname(os.path.abspath(__file__)), "postgres.toml")):
    with open(path, "rb") as file:
        return tomllib.load(file)["peer"]


class Server:
    """The private server and what all peers in it share."""

    def __init__(self, cluster, client, maintenance_work_mem, threads):
        self.cluster, self.client, self.installed = cluster, client, set()
        self.build_set = [f"SET maintenance_work_mem = '{maintenance_work_mem}'",
                          f"SET max_parallel_maintenance_workers = {threads - 1}"]

    def install(self, program):
        if program and program not in self.installed:
            run(os.path.join(ROOT, program), env={**os.environ, "BUILD": BUILD, "VQ_DATA": DATA})
            self.installed.add(program)


class Postgres:
    in_server = True

    def __init__(self, entry, server, data):
        self.entry, self.server, self.data = entry, server, data
        self.name, self.label = entry["name"], entry["label"]
        self.database, self.table = "bench_" + entry.get("database", entry["extension"]), data.table
        self.index = f"{self.table}_{re.sub(r'[^a-z0-9]', '_', self.name)}"

    def sql(self, statement):
        return self.server.cluster.sql(statement, self.database)

    def prepare(self):
        """Installs the extension; raises Unavailable if it has no such access method."""
        self.server.install(self.entry.get("install"))
        database(self.server.cluster, self.database, self.entry["extension"])
        method = re.search(r"USING (\w+)", self.entry["index"]).group(1)
        if not self.sql(f"SELECT 1 FROM pg_am WHERE amname = '{method}'"):
            raise Unavailable(f"{self.entry['extension']} has no access method {method}: if the bench cluster was made by an "
                              "older build, scripts/cluster.sh drop bench")

    def version(self):
        return self.sql(f"SELECT extversion FROM pg_extension WHERE extname = '{self.entry['extension']}'")[0][0]

    def create_index(self, table, index, rows):
        numbers = dict(rows=rows, dims=self.data.dims, half_dims=self.data.dims // 2, sqrt_rows=math.isqrt(rows),
                       rows_1000=max(10, rows // 1000))
        return f"CREATE INDEX {index} ON {table} " + self.entry["index"].format(
            opclass=f"vector_{self.data.metric}_ops", **numbers)

    def build_index(self, table, index, rows):
        self.sql(f"DROP INDEX IF EXISTS {index}")
        self.sql("CHECKPOINT")
        return timed_build(self.server.cluster, self.database, self.server.build_set + self.entry.get("build_set", []),
                           self.create_index(table, index, rows))

    def build(self):
        self.prepare()
        fill(self.server.cluster, self.server.client, self.entry["extension"], self.database, self.table, self.data.base_file,
             self.data.rows, self.data.dims)
        made = self.build_index(self.table, self.index, self.data.rows)
        size = int(self.sql(f"SELECT pg_relation_size('{self.index}')")[0][0])
        show_only(self.server.cluster, self.database, self.table, self.index)
        check_plan(self.server.cluster, self.database, self.statement(10), self.index, self.data.dims,
                   self.sets(self.ladders(10)[0][0]))
        return dict(build_s=made["seconds"], processor_s=made["processor_s"], peak_mb=made["peak_mb"], size_mb=round(size / 2**20, 1),
                    ddl=self.create_index(self.table, self.index, self.data.rows), version=self.version(),
                    notices=made["notices"])

    def statement(self, k, table=None, where=""):
        return f"SELECT id FROM {table or self.table}{where} ORDER BY embedding {OPERATORS[self.data.metric]} $1 LIMIT {k}"

    def ladders(self, k):
        sweep = self.entry["sweep"]
        values = sweep.get("values")
        if values is None:
            values = geometric(max(sweep["from"], k) if self.entry.get("min_k") else sweep["from"], sweep["to"], sweep["factor"])
        return [[[f"SET {sweep['set']} = {value}", *variant] for value in values]
                for variant in self.entry.get("variants", [[]])]

    def sets(self, step):
        # Planners leave an index at some settings; here the indexes are compared, not the planners.
        return ["SET enable_seqscan = off", *step]

    def describe(self, step):
        return ", ".join(one.removeprefix("SET ").replace(" = ", " ") for one in step)

    def show(self):
        show_only(self.server.cluster, self.database, self.table, self.index)

    def ask(self, statement, step, k, queries, **more):
        return ask(self.server.client, self.server.cluster, self.database, self.data.query_file, statement, self.sets(step), k,
                   queries, **more)

    def query_one(self, step, k, queries):
        self.show()
        return self.ask(self.statement(k), step, k, queries, warmup=30)

    def query_many(self, step, k, queries, threads):
        self.show()
        return self.ask(self.statement(k), step, k, queries, warmup=30, connections=threads)[0]

    def close(self):
        """The index goes: the next data set, or a repetition, builds its own."""
        self.sql(f"DROP INDEX IF EXISTS {self.index}")
