"""vectorq's recipes for the same configurations, by SQL."""
from common import ask, timed_build
from tables import check_plan, fill, show_only

DATABASE = "bench_vectorq"


class ServerRecipe:
    """`using` is what follows CREATE INDEX … ON …, empty for no index; steps are dicts of settings without `vectorq.`."""

    def __init__(self, label, name, using, steps=({},)):
        self.label, self.name, self.using, self.steps = label, name, using, steps


class ServerIndex:
    where = "vectorq"

    def __init__(self, recipe, server, data, options):
        self.recipe, self.server, self.data, self.options = recipe, server, data, options
        self.name, self.label, self.steps = recipe.name, recipe.label, recipe.steps
        self.index = f"{data.table}_study"

    def sql(self, statement):
        return self.server.cluster.sql(statement, DATABASE)

    def statement(self, k):
        return f"SELECT id FROM {self.data.table} ORDER BY embedding <-> $1 LIMIT {k}"

    def build(self):
        fill(self.server.cluster, self.server.client, "vectorq", DATABASE, self.data.table, self.data.base_file, self.data.rows,
             self.data.dims)
        self.sql(f"DROP INDEX IF EXISTS {self.index}")
        if not self.recipe.using:
            return dict(build_s=0.0, peak_mb=0.0, size_mb=0.0)
        self.sql("CHECKPOINT")
        ddl = f"CREATE INDEX {self.index} ON {self.data.table} {self.recipe.using}"
        made = timed_build(self.server.cluster, DATABASE,
                           self.server.build_set + [f"SET statement_timeout = '{self.options.timeout:.0f}s'"], ddl)
        show_only(self.server.cluster, DATABASE, self.data.table, self.index)
        check_plan(self.server.cluster, DATABASE, self.statement(10), self.index, self.data.dims, self.sets(self.steps[0]))
        size = int(self.sql(f"SELECT pg_relation_size('{self.index}')")[0][0])
        return dict(build_s=made["seconds"], peak_mb=made["peak_mb"], size_mb=round(size / 2**20, 1), ddl=ddl)

    def sets(self, step):
        plan = "SET enable_seqscan = off" if self.recipe.using else "SET enable_indexscan = off"
        return [plan] + [f"SET vectorq.{name} = {value}" for name, value in step.items()]

    def ask(self, step, name, k, count, connections=1, warmup=0):
        return ask(self.server.client, self.server.cluster, DATABASE, self.data.file(name), self.statement(k), self.sets(step), k,
                   count, connections=connections, warmup=warmup)

    def find(self, step, name, k, count):
        figures, ids = self.ask(step, name, k, count, connections=self.options.threads)
        return count / figures["qps"], ids[:count]

    def one_ms(self, step, name, k, count):
        return self.ask(step, name, k, count, warmup=5)[0]["mean_ms"]

    def close(self):
        self.sql(f"DROP INDEX IF EXISTS {self.index}")
