"""What sessions notice of a renewal: the rate and the longest wait of 8 that insert, and the time of a query; beside the same
while CREATE INDEX runs on another table, which takes as much of the machine."""
import glob
import os
import statistics
import subprocess
import time

from common import BUILD, Session, load
from life import INDEX, NAME, TABLE
from tables import create

CONNECTIONS = dict(insert=8, ask=1)
TEXT = dict(
    insert="\\set row random(0, {rows} - 1)\nINSERT INTO life (id, embedding) SELECT id + 50000000, embedding FROM source WHERE id = :row;\n",
    ask="\\set row random(0, {queries} - 1)\nSELECT id FROM life ORDER BY embedding <-> (SELECT embedding FROM queries WHERE id = :row) LIMIT 10;\n")
PLAN = dict(insert="", ask="-c enable_seqscan=off -c enable_sort=off")
LAST = 2  # seconds; what pgbench has not written to its log when it is ended is less


class Load:
    """pgbench, with a log of every transaction, until it is ended."""

    def __init__(self, life, kind):
        path = os.path.join(BUILD, "bench", f"{life.options.name}-{kind}.sql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(TEXT[kind].format(rows=life.rows, queries=len(life.pool.queries[0])))
        self.prefix = os.path.join(BUILD, "bench", f"{life.options.name}-log-{kind}")
        self.remove()
        self.process = subprocess.Popen(
            ["pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS[kind]), "-T", "36000", "-f", path, "-l", "--log-prefix", self.prefix, NAME],
            env={**life.env(), "PGOPTIONS": PLAN[kind]}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def remove(self):
        for name in glob.glob(self.prefix + ".*"):
            os.unlink(name)

    def end(self):
        """[(end in seconds, milliseconds)] of all transactions."""
        if self.process.poll() is not None:
            raise SystemExit(self.process.communicate()[0])
        self.process.terminate()
        self.process.wait()
        out = []
        for name in glob.glob(self.prefix + ".*"):
            with open(name, encoding="ascii") as file:
                for line in file:
                    fields = line.split()
                    if len(fields) >= 6 and line.endswith("\n"):
                        out.append((int(fields[4]) + int(fields[5]) / 1e6, int(fields[2]) / 1000))
        self.remove()
        return sorted(out)


def figures(transactions, start, end):
    times = sorted(ms for at, ms in transactions if at >= start and at - ms / 1000 < end)
    if not times:
        return dict(seconds=round(end - start, 2), rate=0, mean_ms=0, p99_ms=0, longest_ms=0)
    done = sum(1 for at, _ in transactions if start <= at < end)
    return dict(seconds=round(end - start, 2), rate=round(done / (end - start)), mean_ms=round(statistics.mean(times), 3),
                p99_ms=round(times[int(0.99 * (len(times) - 1))], 2), longest_ms=round(times[-1], 1))


def grown(life):
    """A table that has grown threefold since its index was built, which no vacuum has seen since."""
    life.table()
    life.sql(f"ALTER TABLE {TABLE} DROP CONSTRAINT {TABLE}_pkey")
    life.copy(0, life.rows // 3)
    life.build()
    life.copy(life.rows // 3, life.rows - life.rows // 3)
    life.sql(f"ANALYZE {TABLE}")


def others(life):
    for name, file, rows in (("source", life.pool.files[0], life.rows), ("queries", life.pool.asked(0)[1], 0), ("beside", life.pool.files[0], life.rows)):
        create(life.cluster, NAME, name, life.width)
        load(life.client, life.cluster, NAME, name, file, rows)
        life.sql(f"CREATE INDEX ON {name} (id)")
        life.sql(f"VACUUM ANALYZE {name}")


def under_load(life, kind):
    """Figures of the load alone, beside CREATE INDEX, and beside a vacuum that renews; by one thread, as autovacuum does."""
    grown(life)
    running, seconds = Load(life, kind), life.options.seconds
    time.sleep(1)
    marks = dict(alone=(time.time(), time.time() + seconds))
    time.sleep(seconds)
    for name, statement in (("building", life.statement("beside_index").replace(f"ON {TABLE} ", "ON beside ")), ("renewing", f"VACUUM {TABLE}")):
        session = Session(life.cluster, NAME)
        session.run("SET max_parallel_maintenance_workers = 0;")
        begin = time.time()
        session.run(statement + ";")
        marks[name] = (begin, time.time())
        session.close()
        time.sleep(LAST)
    transactions = running.end()
    life.sql("DROP INDEX beside_index")
    details = life.details()
    problems = [row[0] for row in life.sql(f"SELECT * FROM vectorq_check('{INDEX}')")]
    rows = life.sql(f"SELECT count(*) FROM {TABLE}")[0][0]
    if rows != details["rows"]:
        problems.append(f"{details['rows']} of {rows} rows")
    return {name: figures(transactions, *mark) for name, mark in marks.items()}, details.get("renewals"), details.get("renewed_in_ms"), problems


def under_renewal(life):
    others(life)
    result = dict(problems=[])
    for kind in CONNECTIONS:
        result[kind], result[kind + "_renewals"], result[kind + "_renewed_in_ms"], problems = under_load(life, kind)
        result["problems"] += problems
    inserts, asks = result["insert"], result["ask"]
    for key in ("alone", "building"):
        result["rate_to_" + key] = round(inserts["renewing"]["rate"] / max(inserts[key]["rate"], 1), 3)
        result["query_to_" + key] = round(asks["renewing"]["mean_ms"] / max(asks[key]["mean_ms"], 0.001), 3)
    return result
