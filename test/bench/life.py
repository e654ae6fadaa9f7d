"""The lives that run_life.py gives to an index, and what it measures of one: beside an index built anew on the same rows."""
import os
import statistics
import threading
import time

import numpy as np

from common import BUILD, DATA, Session, ask, load, processor_seconds, run, timed_build
from curve import ms_at
from tables import check_plan, create, database, show_only

NAME, TABLE, INDEX, FRESH, K = "bench_life", "life", "life_index", "life_fresh", 10
TARGET, TARGETS = 0.95, (0.85, 0.90, 0.93, 0.95, 0.97, 0.98, 0.99)
FIRST_ROWS = 10_000  # of an index that grows
OTHER = 10**8  # ids from here on have vectors of the other data set
SETS = ["SET enable_seqscan = off", "SET enable_sort = off"]
METHODS = {  # access method, options
    "ah": ("ah", ""),
    "ivf flat": ("ivf", ""),
    "ivf sq8": ("ivf", "quantizer = sq8"),
    "ivf pq": ("ivf", "quantizer = pq"),
    "pq": ("pq", ""),
    "ah none": ("ah", "replicas = none"),
    "ah closure": ("ah", "replicas = closure"),
    "ah f16": ("ah", "reorder = f16"),
    "ivf flat closure": ("ivf", "replicas = closure"),
    "ivf flat soar": ("ivf", "replicas = soar"),
    "ivf sq8 sq8": ("ivf", "quantizer = sq8, reorder = sq8"),
    "ivf pq f16": ("ivf", "quantizer = pq, reorder = f16"),
}
USUAL_METHODS = ("ah", "ivf flat", "ivf sq8", "ivf pq", "pq")
# Means of what vectorq_stats says over the first n queries.
WORK = """CREATE OR REPLACE FUNCTION work(sql text, n int, OUT pages float8, OUT entries float8, OUT reordered float8) LANGUAGE plpgsql AS $$
DECLARE q record; s record;
BEGIN
    pages := 0; entries := 0; reordered := 0;
    FOR q IN SELECT embedding FROM queries ORDER BY id LIMIT n LOOP
        EXECUTE sql USING q.embedding;
        SELECT * INTO s FROM vectorq_stats();
        pages := pages + s.pages_read / n::float8;
        entries := entries + s.entries_scored / n::float8;
        reordered := reordered + s.rows_reordered / n::float8;
    END LOOP;
END $$"""


def save(name, array):
    path = os.path.join(BUILD, "bench", f"{name}.npy")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    np.save(path, np.ascontiguousarray(array))
    return path


def layer(vectors, dims, seed):
    """A random layer on vectors: relu(W x), of length one. Near ones stay near; all dimensions vary."""
    weights = np.random.default_rng(seed).standard_normal((vectors.shape[1], dims)).astype(np.float32)
    out = np.maximum(vectors.astype(np.float32) @ weights, 0)
    return out / np.linalg.norm(out, axis=1, keepdims=True)


class Pool:
    """Vectors by id: id modulo the pool's size, from OTHER on those of the other data set. 128 dimensions are SIFT rows, the
    others SIFT rows of other photographs' share with their dimensions permuted; 768 are gloss embeddings through one random
    layer, the others through another one."""

    def __init__(self, name, width, rows, queries):
        self.name, self.width, self.turned = name, width, 0
        rng = np.random.default_rng(7)
        if width == 128:
            stem = os.path.join(DATA, "sift-photo-1000000")
            base, asked = np.load(stem + ".base.npy", mmap_mode="r"), np.load(stem + ".query.npy")[:queries]
            self.size = min(3 * rows, len(base))
            order = rng.permutation(width)
            self.sets = [np.array(base[:self.size]), np.array(base[-min(rows, len(base)):])[:, order]]
            self.queries = [asked, asked[:, order]]
        else:
            stem = os.path.join(DATA, "gloss-minilm-105000")
            base, asked = np.load(stem + ".base.npy", mmap_mode="r"), np.load(stem + ".query.npy")[:queries]
            self.size = min(3 * rows, len(base))
            self.sets = [layer(base[:self.size], width, 1), layer(base[-min(rows, len(base)):], width, 2)]
            self.queries = [layer(asked, width, 1), layer(asked, width, 2)]
        self.files = [save(f"{name}-{width}-{i}", one) for i, one in enumerate(self.sets)]

    def vectors(self, ids):
        """By their present values: UPDATE has turned them on by so many rows."""
        out = np.empty((len(ids), self.width), np.float32)
        first = ids < OTHER
        out[first] = self.sets[0][(ids[first] + self.turned) % self.size]
        out[~first] = self.sets[1][(ids[~first] - OTHER) % len(self.sets[1])]
        return out

    def asked(self, share_of_others):
        """Queries as mixed as the rows, and their file."""
        count = len(self.queries[0])
        others = np.arange(count) % 10 < round(10 * share_of_others)
        mixed = np.where(others[:, None], self.queries[1], self.queries[0])
        return mixed, save(f"{self.name}-{self.width}-asked", mixed)


class Truth:
    """Recall of ids against the exact neighbours among the rows that the table has."""

    def __init__(self, pool, ids, queries):
        rows = pool.vectors(ids)
        self.pool, self.queries = pool, queries.astype(np.float64)
        squares = np.einsum("nd,nd->n", rows, rows)
        self.limits = np.empty(len(queries))
        for start in range(0, len(queries), 50):
            part = queries[start:start + 50].astype(np.float32)
            scores = squares[None, :] - 2 * part @ rows.T
            for i, row in enumerate(scores):
                near = np.argpartition(row, 4 * K)[:4 * K] if len(row) > 4 * K else np.arange(len(row))
                self.limits[start + i] = np.sort(((rows[near] - part[i]).astype(np.float64)**2).sum(axis=1))[:K][-1]
        self.wanted = min(K, len(ids))

    def recall(self, found):
        hits = 0
        for ids, query, limit in zip(found, self.queries, self.limits):
            ids = np.unique(ids[ids >= 0])
            squares = ((self.pool.vectors(ids) - query)**2).sum(axis=1)
            hits += min(int((squares <= limit * (1 + 1e-5)).sum()), self.wanted)
        return hits / (self.wanted * len(found))


class Workers:
    """Processor seconds of the autovacuum workers while the body of `with` runs, and the largest share of its time that
    vacuum took."""

    def __init__(self, life):
        self.life, self.seconds, self.stopped = life, {}, threading.Event()

    def loop(self):
        session = Session(self.life.cluster, NAME)
        while not self.stopped.wait(0.1):
            for pid in session.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker';"):
                try:
                    self.seconds[pid] = processor_seconds(int(pid))
                except OSError:
                    pass
        session.close()

    def __enter__(self):
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def total(self):
        return round(sum(self.seconds.values()), 2)


class Life:
    """A table and its index, of one method and width."""

    def __init__(self, cluster, client, options, method, width, storage):
        self.cluster, self.client, self.options, self.storage, self.width = cluster, client, options, storage, width
        self.method, self.given = METHODS[method]
        self.pool = Pool(options.name, width, options.rows, options.queries)
        self.rows, self.vacuums, self.share_of_others, self.auto = options.rows, [], 0.0, {}

    def sql(self, statement):
        return self.cluster.sql(statement, NAME)

    # ---- what a life is made of

    def table(self, autovacuum=False):
        create(self.cluster, NAME, TABLE, self.width)
        self.sql(f"ALTER TABLE {TABLE} SET (autovacuum_enabled = {autovacuum})")
        if self.storage:
            self.sql(f"ALTER TABLE {TABLE} ALTER embedding SET STORAGE {self.storage}")
        self.sql(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)")

    def statement(self, name):
        return f"CREATE INDEX {name} ON {TABLE} USING {self.method} (embedding vector_l2_ops)" + (f" WITH ({self.given})" if self.given else "")

    def build(self, name=INDEX):
        before = self.wal()
        made = timed_build(self.cluster, NAME, [], self.statement(name))
        return dict(seconds=made["seconds"], processor_s=made["processor_s"], wal_mb=self.wal_of_index(before),
                    peak_mb=made["growth_mb"], notices=made["notices"])

    def copy(self, first, rows):
        run(self.client, "load", "--table", TABLE, "--file", self.pool.files[0], "--from", str(first), "--rows", str(rows), env=self.env())

    def insert(self, first, rows, other=False):
        """By one connection, a row a statement, 100 a transaction."""
        size, shift = (len(self.pool.sets[1]), OTHER) if other else (self.pool.size, 0)
        while rows > 0:
            start = first % size
            count = min(rows, size - start)
            run(self.client, "insert", "--table", TABLE, "--file", self.pool.files[other], "--from", str(start), "--rows", str(count),
                "--id-shift", str(first - start + shift), env=self.env())
            first, rows = first + count, rows - count

    def env(self):
        return {**self.cluster.env, "PGDATABASE": NAME}

    def wal(self):
        return int(self.cluster.value("SELECT pg_current_wal_insert_lsn() - '0/0'", NAME))

    def wal_of_index(self, before):
        """MB since then, without the heap's and the transactions': pages that the index wrote or changed."""
        # A commit that changes something flushes the log up to itself.
        self.sql(f"COMMENT ON TABLE {TABLE} IS 'measured'")
        return round(float(self.sql(f"SELECT coalesce(sum(combined_size), 0) FROM pg_get_wal_stats('0/0'::pg_lsn + {before}, pg_current_wal_flush_lsn()) "
                                    f"WHERE \"resource_manager/record_type\" IN ('Generic', 'XLOG')")[0][0]) / 2**20, 2)

    def vacuum(self):
        session, was = Session(self.cluster, NAME), self.details()
        # Else no transaction number has passed since the last one, and nobody can tell that old lists are out of use.
        self.sql("SELECT txid_current()")
        before, started = self.wal(), time.time()
        notices = session.run(f"VACUUM {TABLE};")
        done = dict(seconds=round(time.time() - started, 2), processor_s=round(processor_seconds(session.pid), 2),
                    wal_mb=self.wal_of_index(before), size_before_mb=was["size_mb"], notices=notices)
        session.close()
        now = self.details()
        done.update(renewed=now.get("renewals") != was.get("renewals"), because=now.get("renewed_because"), lists=now.get("lists"), size_mb=now["size_mb"])
        self.vacuums.append(done)

    def details(self, name=INDEX):
        found = dict(self.sql(f"SELECT name, value FROM vectorq_index_details('{name}')"))
        found["size_mb"] = round(int(self.cluster.value(f"SELECT pg_relation_size('{name}')", NAME)) / 2**20, 3)
        return found

    def settle(self):
        """Until autovacuum has nothing to do for some of its naps: what a user sees who types no command."""
        quiet, last, end = time.time(), None, time.time() + 600
        while time.time() - quiet < max(5, 4 * self.options.naptime) and time.time() < end:
            time.sleep(0.5)
            now = self.sql(f"SELECT n_ins_since_vacuum, n_dead_tup, autovacuum_count, (SELECT count(*) FROM pg_stat_progress_vacuum) "
                           f"FROM pg_stat_user_tables WHERE relname = '{TABLE}'")[0]
            if now != last or now[3] != "0":
                quiet, last = time.time(), now
        now = self.details()
        self.auto.update(autovacuums=int(last[2]), settled_size_mb=now["size_mb"], settled_renewals=now.get("renewals"), settled_lists=now.get("lists"))
        self.sql(f"ALTER TABLE {TABLE} SET (autovacuum_enabled = false)")

    # ---- what is measured

    def ids(self):
        return np.array([int(row[0]) for row in self.sql(f"SELECT id FROM {TABLE} ORDER BY id")], np.int64)

    def ask(self, file, target):
        sql = f"SELECT id FROM {TABLE} ORDER BY embedding <-> $1 LIMIT {K}"
        return ask(self.client, self.cluster, NAME, file, sql, [*SETS, f"SET vectorq.target_recall = {target}"], K, warmup=5)

    def compare(self):
        """The index beside one built anew."""
        fresh_cost = self.build(FRESH)
        ids = self.ids()
        queries, file = self.pool.asked(self.share_of_others)
        truth, rounds = Truth(self.pool, ids, queries), {INDEX: [], FRESH: []}
        create(self.cluster, NAME, "queries", self.width)
        load(self.client, self.cluster, NAME, "queries", file)
        self.sql(WORK)
        self.sql(f"ANALYZE {TABLE}")
        sides = {INDEX: dict(at={}), FRESH: dict(at={})}
        for number in range(self.options.rounds):
            for name, side in sides.items():
                show_only(self.cluster, NAME, TABLE, name)
                if number == 0:
                    side.update(self.once(name, file, truth))
                curve = []
                for target in TARGETS:
                    figures, found = self.ask(file, target)
                    reached = truth.recall(found)
                    side["at"].setdefault(target, dict(recall=round(reached, 4), ms=[]))["ms"].append(figures["mean_ms"])
                    curve.append((reached, figures["mean_ms"]))
                rounds[name].append(curve)
        sides[FRESH]["built"] = fresh_cost
        return dict(rows=len(ids), old=sides[INDEX], fresh=sides[FRESH], **self.ratios(sides, rounds))

    def once(self, name, file, truth):
        sql = f"SELECT id FROM {TABLE} ORDER BY embedding <-> $1 LIMIT {K}"
        check_plan(self.cluster, NAME, sql, name, self.width, SETS)
        work = self.sql("; ".join([*SETS, f"SET vectorq.target_recall = {TARGET}", f"SELECT * FROM work($q${sql}$q$, 50)"]))[-1]
        return dict(details=self.details(name), problems=self.sql(f"SELECT * FROM vectorq_check('{name}')"),
                    recall_of_all=round(truth.recall(self.ask(file, 1)[1]), 4),
                    **{key: round(float(value), 1) for key, value in zip(("pages", "entries", "reordered"), work)})

    def ratios(self, sides, rounds):
        """Times of one and the other at the recall that the new index has at the target, round by round."""
        reached = min(side["at"][TARGET]["recall"] for side in sides.values())
        ratios = []
        for old, fresh in zip(rounds[INDEX], rounds[FRESH]):
            mine, other = ms_at(old, reached), ms_at(fresh, reached)
            if mine is not None and other is not None:
                ratios.append(mine / other)
        old, fresh = (side["details"] for side in sides.values())
        return dict(ms_ratio=round(statistics.median(ratios), 3) if ratios else None, at_recall=reached,
                    size_ratio=round(old["size_mb"] / fresh["size_mb"], 3))


# ---- the lives. Each leaves the index as it is when the dust has settled.

def grows(life):
    """(a) Built on 10,000 rows, which grow to all by inserts; autovacuum only."""
    life.table(autovacuum=True)
    life.copy(0, min(FIRST_ROWS, life.rows // 2))
    life.build()
    with Workers(life) as workers:
        life.insert(min(FIRST_ROWS, life.rows // 2), life.rows - min(FIRST_ROWS, life.rows // 2))
        life.settle()
    life.auto["processor_s"] = workers.total()


def comes_first(life):
    """(b) Made on an empty table; half of the rows come by one COPY, the rest row by row; autovacuum only."""
    life.table(autovacuum=True)
    life.build()
    with Workers(life) as workers:
        life.copy(0, life.rows // 2)
        life.settle()
        life.sql(f"ALTER TABLE {TABLE} SET (autovacuum_enabled = true)")
        life.insert(life.rows // 2, life.rows - life.rows // 2)
        life.settle()
    life.auto["processor_s"] = workers.total()


def replaced(life):
    """(c) Nine tenths of the rows are replaced by those of another data set; two vacuums."""
    life.table()
    life.copy(0, life.rows)
    life.build()
    life.sql(f"DELETE FROM {TABLE} WHERE id % 10 <> 0")
    life.insert(0, life.rows * 9 // 10, other=True)
    life.share_of_others = 0.9
    life.vacuum()
    life.vacuum()


def shrinks(life):
    """(d) All but a hundredth of the rows are deleted; two vacuums."""
    life.table()
    life.copy(0, life.rows)
    life.build()
    life.sql(f"DELETE FROM {TABLE} WHERE id % 100 <> 0")
    life.vacuum()
    life.vacuum()


def rolls(life):
    """(e) Twenty times the oldest tenth goes and a new tenth comes, with a vacuum after each."""
    tenth = life.rows // 10
    life.table()
    life.copy(0, life.rows)
    life.build()
    for turn in range(20):
        life.sql(f"DELETE FROM {TABLE} WHERE id < {(turn + 1) * tenth}")
        life.insert(life.rows + turn * tenth, tenth)
        life.vacuum()
    life.vacuum()


def updates(life):
    """(f) Four times every row gets the vector of the next one, with a vacuum after each."""
    life.table()
    life.copy(0, life.rows)
    life.build()
    life.auto["first_size_mb"] = life.details()["size_mb"]
    sizes = life.auto["sizes_mb"] = []
    for _ in range(4):
        life.sql(f"UPDATE {TABLE} t SET embedding = s.embedding FROM {TABLE} s WHERE s.id = (t.id + 1) % {life.rows}")
        life.vacuum()
        sizes.append(life.details()["size_mb"])
    # All ids are below the number of rows, and turn among them.
    life.pool.turned, life.pool.size = 4, life.rows


SCENARIOS = dict(a=grows, b=comes_first, c=replaced, d=shrinks, e=rolls, f=updates)


def three_dims(life):
    """pgvector's own test of bloat: rows of 3 dimensions, all deleted, vacuumed, the same inserted. Sizes in MB."""
    sizes = []
    database(life.cluster, NAME, "vectorq")
    life.sql("DROP TABLE IF EXISTS small; CREATE TABLE small (id int, embedding vector(3)) WITH (autovacuum_enabled = off)")
    life.sql("SELECT setseed(0.5); INSERT INTO small SELECT i, ARRAY[random(), random(), random()]::real[]::vector FROM generate_series(1, 10000) i")
    life.sql("CREATE TABLE IF NOT EXISTS small_rows AS SELECT * FROM small")
    life.sql(life.statement("small_index").replace(f"ON {TABLE} ", "ON small "))
    sizes.append(life.details("small_index")["size_mb"])
    life.sql("DELETE FROM small")
    life.sql("VACUUM small")
    sizes.append(life.details("small_index")["size_mb"])
    life.sql("INSERT INTO small SELECT * FROM small_rows")
    sizes.append(life.details("small_index")["size_mb"])
    life.sql("VACUUM small")
    sizes.append(life.details("small_index")["size_mb"])
    life.sql("DROP TABLE small, small_rows")
    return dict(zip(("built", "deleted", "inserted", "vacuumed"), sizes), ratio=round(sizes[2] / sizes[0], 2))
