#!/usr/bin/env python3
"""vectorq beside FAISS: the same SIFT rows, the same parameters, one run. Recall, time of a query, bytes, build time.

    make bench-faiss [BENCH_ARGS='--rows 100000 ...']

Queries run in one thread, one after the other, on both sides; builds have two threads. FAISS is measured in two ways:
queries given one by one, as SQL gives them, and all at once (batch). A SQL query has a fixed cost - protocol, planner,
executor - that a library has not: it is measured as the same query on an index of an empty table, and both the
whole time and the time without it are printed. Results: build/bench/faiss-ROWS.md and .json.
"""
import argparse
import json
import os
import re
import statistics
import time

import faiss
import numpy as np

from common import BUILD, DATA, Cluster, ask, build_client, cpu_name, running, timed_build, write_result
from run_ivf import TABLE, VECTORQ
from tables import check_plan, fill, show_only

K = 10
QUICK_MS = 10.0
TOLERANCE = 0.01  # of recall
TIME_LIMIT = 1.5  # vectorq's time without the fixed cost / FAISS's, from nprobe 48 on
EMPTY = "faiss_empty"
SETS = ["SET enable_seqscan = off", "SET vectorq.iterative_scan = off"]


class Index:
    """One pair of indexes: FAISS's by `factory`, vectorq's by access method and options."""

    def __init__(self, name, factory, method, options, lists_of=None, code=0):
        self.name, self.factory, self.method, self.options = name, factory, method, options
        self.lists_of = lists_of  # name of an index whose coarse centroids FAISS takes over (to save time)
        self.figures = {"faiss": {}, "vectorq": {}}

    def create(self):
        options = f" WITH ({self.options})" if self.options else ""
        return f"CREATE INDEX {self.name} ON {TABLE} USING {self.method} (embedding vector_l2_ops){options}"


class Case:
    """One line of the table: a pair of indexes and how it is searched."""

    def __init__(self, index, nprobe=0, sdc=False, refine=0):
        self.index, self.nprobe, self.sdc, self.refine = index, nprobe, sdc, refine
        self.label = index.factory + (",RFlat" if refine else "")
        self.notes = ("SDC" if sdc else "") + (f"nprobe {nprobe}" if nprobe else "") + \
            (f", {refine} rows reordered" if refine else "")
        self.found = {}


# FAISS does not balance its lists; an index with `balance` (the default) has up to 0.012 less 1-recall@10 at the same nprobe.
def configurations():
    flat = Index("f_flat", "Flat", "ivf", "lists = 1, quantizer = 'flat'")
    pq = Index("f_pq8", "PQ8", "pq", "subvectors = 8, bits = 8, reorder = off")
    ivfpq = Index("f_ivf_pq8", "IVF2048,PQ8", "ivf", "lists = 2048, balance = 0, quantizer = 'pq', subvectors = 8, bits = 8, reorder = off")
    opq = Index("f_opq", "OPQ32,IVF4096,PQ16", "ivf",
                "lists = 4096, balance = 0, quantizer = 'pq', subvectors = 16, bits = 8, transform = 'opq32', reorder = off")
    opq16 = Index("f_opq16", "OPQ16,IVF4096,PQ16", "ivf",
                  "lists = 4096, balance = 0, quantizer = 'pq', subvectors = 16, bits = 8, transform = 'opq16', reorder = off")
    pca = Index("f_pca", "PCA64,Flat", "ivf", "lists = 1, quantizer = 'flat', transform = 'pca64', reorder = off")
    pcawr = Index("f_pcawr", "PCAWR64,IVF4096,Flat", "ivf",
                  "lists = 4096, balance = 0, quantizer = 'flat', transform = 'pcawr64', reorder = off")
    # FAISS's 4-bit codes are of the vectors themselves unless the factory says r, for residuals. vectorq's are of residuals.
    fast = "lists = 4096, balance = 0, quantizer = 'pq', subvectors = 16, bits = 4, reorder = "
    scan = Index("f_fs", "IVF4096,PQ16x4fs", "ivf", fast + "off")
    scan_r = Index("f_fsr", "IVF4096,PQ16x4fsr", "ivf", fast + "off", lists_of="f_fs")
    refine = Index("f_fs_heap", "IVF4096,PQ16x4fs", "ivf", fast + "heap", lists_of="f_fs")
    refine_r = Index("f_fsr_heap", "IVF4096,PQ16x4fsr", "ivf", fast + "heap", lists_of="f_fs")
    # What takes longest comes last: a report is written after each line.
    return [Case(pq), Case(pq, sdc=True), *(Case(ivfpq, nprobe=n) for n in (1, 2, 48, 2048)), Case(scan, nprobe=48),
            Case(refine, nprobe=48, refine=100), Case(pca), Case(pcawr, nprobe=48), Case(flat), Case(opq, nprobe=48),
            Case(scan_r, nprobe=48), Case(refine_r, nprobe=48, refine=100), Case(opq16, nprobe=48)]


def truth(rows, base, queries):
    """Squared distances of the nearest 100 rows of each query, cached. Exact: sums of small integers fit a float."""
    file = os.path.join(DATA, f"sift-photo-truth100-{rows}-{len(queries)}.npy")
    if not os.path.exists(file):
        index = faiss.IndexFlatL2(base.shape[1])
        index.add(np.asarray(base, np.float32))
        np.save(file, np.rint(index.search(queries.astype(np.float32), 100)[0]).astype(np.int64))
    return np.load(file)


def recalls(ids, base, queries, near):
    """recall@1, recall@k and 1-recall@k of ids (queries, k) in the order found; ties count as hits, as in common.py."""
    first = at_k = one_in_k = 0
    for row, query, limits in zip(ids, queries, near):
        row = row[row >= 0]
        difference = base[row].astype(np.int64) - query.astype(np.int64)
        distance = (difference * difference).sum(axis=1)
        first += len(row) > 0 and distance[0] <= limits[0]
        at_k += min(int((distance[np.unique(row, return_index=True)[1]] <= limits[ids.shape[1] - 1]).sum()), ids.shape[1])
        one_in_k += bool((distance <= limits[0]).any())
    return {"recall@1": first / len(ids), f"recall@{ids.shape[1]}": at_k / ids.size, f"1-recall@{ids.shape[1]}": one_in_k / len(ids)}


# FAISS's side

def ivf_of(index):
    """The inverted-list part behind transforms, or None."""
    try:
        return faiss.extract_index_ivf(index)
    except RuntimeError:
        return None


class Faiss:
    def __init__(self, base, options):
        self.base, self.options, self.built = base, options, {}
        self.folder = os.path.join(DATA, "faiss")

    def build(self, index):
        """Builds (or with --reuse reads) an index. The time is of training and adding; copying is no part of it."""
        key = index.factory
        if key in self.built:
            index.figures["faiss"] = self.built[key][1]
            return
        stem = os.path.join(self.folder, f"{key.replace(',', '-')}-{len(self.base)}")
        if self.options.reuse and os.path.exists(stem + ".json"):
            made = faiss.read_index(stem + ".index")
            with open(stem + ".json") as file:
                figures = json.load(file)
            figures["earlier"] = True
        else:
            made, figures = self.train(index, key)
            if self.options.reuse:
                os.makedirs(self.folder, exist_ok=True)
                faiss.write_index(made, stem + ".index")
                with open(stem + ".json", "w") as file:
                    json.dump(figures, file)
        if ivf_of(made) is not None and hasattr(faiss.downcast_index(ivf_of(made)), "precompute_table"):
            faiss.downcast_index(ivf_of(made)).precompute_table()  # is not in the file
        figures["bytes"] = len(faiss.serialize_index(made))
        self.built[key] = (made, figures)
        index.figures["faiss"] = figures
        print(f"FAISS {key}: {figures['build_s'] or 0:.1f} s, {figures['bytes'] / len(self.base):.1f} bytes a row", flush=True)

    def train(self, index, key):
        faiss.omp_set_num_threads(self.options.threads)
        made = faiss.index_factory(self.base.shape[1], key)
        lent = None
        if index.lists_of:
            lent = next((b for k, (b, _) in self.built.items() if k == "IVF4096,PQ16x4fs"), None)
        if lent is not None:  # the same centroids: training of the lists is left out
            made.quantizer.add(faiss.downcast_index(lent.quantizer).reconstruct_n(0, lent.nlist))
            made.quantizer_trains_alone = 0
        if self.options.points_per_list and ivf_of(made) is not None:
            ivf_of(made).cp.max_points_per_centroid = self.options.points_per_list
        if self.options.opq_rounds and "OPQ" in key:
            opq = faiss.downcast_VectorTransform(made.chain.at(0))
            opq.niter, opq.max_train_points = self.options.opq_rounds, 16384
        started = time.time()
        made.train(self.base)
        trained = time.time() - started
        made.add(self.base)
        seconds = time.time() - started
        return made, dict(build_s=None if lent is not None else round(seconds, 2), train_s=round(trained, 2),
                          code=faiss.downcast_index(made).sa_code_size() if ivf_of(made) is None else ivf_of(made).code_size)

    def measure(self, case, all_queries, base, near):
        queries = all_queries[:self.options.queries]
        faiss.omp_set_num_threads(1)
        index = self.built[case.index.factory][0]
        if case.nprobe:
            ivf_of(index).nprobe = case.nprobe
        if case.index.factory == "PQ8":
            if case.sdc:
                index.pq.compute_sdc_table()
            index.search_type = faiss.IndexPQ.ST_SDC if case.sdc else faiss.IndexPQ.ST_PQ
        if case.refine:
            refine = faiss.IndexRefineFlat(index, faiss.swig_ptr(self.base))
            refine.k_factor = case.refine / K
            index = refine
        floats = queries.astype(np.float32)
        for one in floats[:20]:
            index.search(one[None], K)
        single, batch = [], []
        for _ in range(self.options.rounds):
            ids, times = [], []
            for one in floats:
                started = time.perf_counter()
                found = index.search(one[None], K)[1]
                times.append(time.perf_counter() - started)
                ids.append(found[0])
            single.append(1000 * statistics.fmean(times))
            if len(times) * statistics.fmean(times) > 10:
                break
        started = time.perf_counter()
        index.search(floats, K)
        batch = 1000 * (time.perf_counter() - started) / len(floats)
        ids = np.stack(ids)
        if self.options.recall_queries > len(queries) and statistics.median(single) < QUICK_MS:
            queries = all_queries[:self.options.recall_queries]
            ids = index.search(queries.astype(np.float32), K)[1]
        case.found["faiss"] = dict(recalls(ids, base, queries, near), ms=statistics.median(single), batch_ms=batch, queries=len(queries))
        if case.index.factory in ("Flat", "PQ8", "IVF2048,PQ8"):
            faiss.omp_set_num_threads(self.options.threads)
            case.found["faiss"]["recall@100"] = recalls(index.search(floats, 100)[1], base, queries, near)["recall@100"]


# vectorq's side

class Vectorq:
    def __init__(self, cluster, client, options, rows, dims, query_file):
        self.cluster, self.client, self.options, self.rows, self.query_file = cluster, client, options, rows, query_file
        self.database = VECTORQ.database
        self.sql(f"DROP TABLE IF EXISTS {EMPTY}; CREATE TABLE {EMPTY} (id bigint, embedding vector({dims}))")
        self.sql(f"CREATE INDEX ON {EMPTY} USING ivf (embedding vector_l2_ops)")
        for row in self.sql(f"SELECT indexrelid::regclass FROM pg_index WHERE indrelid = '{TABLE}'::regclass"):
            self.sql(f"DROP INDEX {row[0]}")
        self.built = set()
        self.dims = dims

    def sql(self, statement):
        return self.cluster.sql(statement, self.database)

    def ask(self, table, sets, k=K, queries=0, **more):
        statement = f"SELECT id FROM {table} ORDER BY embedding <-> $1 LIMIT {k}"
        return ask(self.client, self.cluster, self.database, self.query_file, statement, SETS + sets, k,
                   queries or self.options.queries, **more)

    def fixed_cost(self):
        return statistics.median(self.ask(EMPTY, [], warmup=200, repeats=3)[0]["mean_ms"] for _ in range(3))

    def build(self, index):
        same = next((i for i in self.built if i.create().split(" ON ")[1] == index.create().split(" ON ")[1]), None)
        if same is not None:
            index.figures["vectorq"], index.name = same.figures["vectorq"], same.name
            return
        self.sql("CHECKPOINT")
        made = timed_build(self.cluster, self.database,
                           [f"SET maintenance_work_mem = '{self.options.maintenance_work_mem}'",
                            f"SET max_parallel_maintenance_workers = {self.options.threads - 1}"], index.create())
        if any("ERROR" in line for line in made["notices"]):
            raise SystemExit(f"{index.create()}\n" + "\n".join(made["notices"]))
        shown = ("code", "transform", "trained", "training_rows", "bytes_total", "bytes_lists")
        info = {name: value for name, value in self.sql(f"SELECT name, value FROM vectorq_index_details('{index.name}')") if name in shown}
        index.figures["vectorq"] = dict(build_s=made["seconds"], bytes=int(info["bytes_total"]), list_bytes=int(info["bytes_lists"]),
                                        info=info, notices=made["notices"])
        self.built.add(index)
        print(f"vectorq {index.factory}: {made['seconds']:.1f} s, {int(info['bytes_total']) / self.rows:.1f} bytes a row, {info} "
              f"{made['notices'] or ''}", flush=True)

    def measure(self, case, base, queries, near):
        show_only(self.cluster, self.database, TABLE, case.index.name)
        sets = [f"SET vectorq.nprobe = {case.nprobe or 1}", f"SET vectorq.distance = {'sdc' if case.sdc else 'adc'}",
                f"SET vectorq.reorder_rows = {case.refine}"]
        check_plan(self.cluster, self.database, f"SELECT id FROM {TABLE} ORDER BY embedding <-> $1 LIMIT 10", case.index.name,
                   self.dims, SETS)
        figures, ids = self.ask(TABLE, sets, warmup=100)
        ms = [figures["mean_ms"]]
        while len(ms) < self.options.rounds and ms[0] * self.options.queries < 10_000:
            ms.append(self.ask(TABLE, sets, warmup=100)[0]["mean_ms"])
        counted = case.found["faiss"]["queries"]
        if counted > len(ids):
            ids = self.ask(TABLE, sets, queries=counted)[1]
        case.found["vectorq"] = dict(recalls(ids, base, queries, near), ms=statistics.median(ms), p99_ms=figures["p99_ms"])
        if case.index.factory in ("Flat", "PQ8", "IVF2048,PQ8"):
            case.found["vectorq"]["recall@100"] = recalls(self.ask(TABLE, sets, k=100)[1], base, queries, near)["recall@100"]


MEASURES = ("recall@1", "recall@10", "1-recall@10")


def judge(case, fixed, rows):
    """Adds what is compared, and the list of what is not as wanted."""
    f, v, built = case.found["faiss"], case.found["vectorq"], case.index.figures
    v["net_ms"] = max(v["ms"] - fixed, 0.0)
    case.times = v["net_ms"] / f["ms"]
    case.bytes_faiss = built["faiss"]["bytes"] / rows + (4 * case.dims if case.refine else 0)
    case.bytes_vectorq = built["vectorq"]["bytes"] / rows
    case.flags = [f"{m} {v[m] - f[m]:+.3f}" for m in MEASURES if abs(v[m] - f[m]) > TOLERANCE]
    if case.times > TIME_LIMIT and not 0 < case.nprobe < 48:
        case.flags.append(f"time × {case.times:.2f}")
    case.list_bytes = built["vectorq"]["list_bytes"] / rows
    if case.list_bytes > built["faiss"]["code"] + 8:
        case.flags.append(f"{case.list_bytes:.1f} bytes a row in lists > code {built['faiss']['code']} + 8")
    seconds = built["faiss"]["build_s"]
    if seconds is not None and built["vectorq"]["build_s"] > seconds:
        case.flags.append("build slower")


def training(header):
    parts = []
    if header["points_per_list"]:
        parts.append(f"{header['points_per_list']} rows a list instead of 256")
    if header["opq_rounds"]:
        parts.append(f"{header['opq_rounds']} rounds of OPQ on 16,384 rows instead of 50 on 65,536")
    return ", ".join(parts) or "its defaults"


def report(cases, header):
    lines = [f"# vectorq beside FAISS: {header['rows']:,} rows × {header['dims']}, {header['date']}", "",
             f"{header['cpu']}; faiss {header['faiss']}, {header['threads']} threads for builds and one for queries on both sides; "
             f"{header['queries']} queries timed, k = {K}, one by one (FAISS also in one batch), {header['recall_queries']} for recall "
             f"where a query takes less than {QUICK_MS} ms; fixed cost of a SQL query "
             f"{header['fixed_ms']:.3f} ms, taken off in `net`; pairs are FAISS / vectorq. Bytes a row: FAISS's serialised index, "
             "vectorq's relation and, of it, its lists, and FAISS's code + 8. "
             f"FAISS's training: {training(header)}. Flags: recall apart by more than {TOLERANCE}, net time above {TIME_LIMIT} × FAISS's (nprobe 48 and above), "
             "more bytes in lists than code + 8, slower build.", "",
             "| index | search | recall@1 | recall@10 | 1-recall@10 | FAISS ms (batch) | vectorq ms | net | net / FAISS | "
             "bytes a row FAISS / vectorq (lists; limit) | build s | flags |",
             "|" + "---|" * 12]
    for c in cases:
        f, v, b = c.found["faiss"], c.found["vectorq"], c.index.figures
        seconds = "lists reused" if b["faiss"]["build_s"] is None else f"{b['faiss']['build_s']:.1f}" + ("*" if b["faiss"].get("earlier") else "")
        lines.append(f"| {c.label} | {c.notes} | " + " | ".join(f"{f[m]:.3f} / {v[m]:.3f}" for m in MEASURES) +
                     f" | {f['ms']:.3f} ({f['batch_ms']:.3f}) | {v['ms']:.3f} | {v['net_ms']:.3f} | {c.times:.2f} | "
                     f"{c.bytes_faiss:.1f} / {c.bytes_vectorq:.1f} ({c.list_bytes:.1f}; {b['faiss']['code'] + 8}) | "
                     f"{seconds} / {b['vectorq']['build_s']:.1f} | {'; '.join(c.flags)} |")
    if any(c.index.figures["faiss"].get("earlier") for c in cases):
        lines += ["", "\\* built in an earlier run."]
    lines += ["", "The notebook's table (m = 8, nbits = 8, nlist = 2048):", "",
              "| | FAISS recall@100 | vectorq recall@100 | FAISS ms | vectorq ms (net) | FAISS MB | vectorq MB |", "|" + "---|" * 7]
    names = {"Flat": "IndexFlatL2", "PQ8": "IndexPQ", "IVF2048,PQ8": "IndexIVFPQ"}
    for c in cases:
        if c.index.factory not in names or c.sdc:
            continue
        f, v, b = c.found["faiss"], c.found["vectorq"], c.index.figures
        lines.append(f"| {names[c.index.factory]}{', ' + c.notes if c.notes else ''} | {f['recall@100']:.3f} | {v['recall@100']:.3f} | "
                     f"{f['ms']:.3f} | {v['ms']:.3f} ({v['net_ms']:.3f}) | {b['faiss']['bytes'] / 1e6:.1f} | {b['vectorq']['bytes'] / 1e6:.1f} |")
    return "\n".join(lines) + "\n"


def write(cases, header):
    name = os.path.join(BUILD, "bench", f"faiss-{header['rows']}")
    lines = [dict(index=c.label, search=c.notes, options=f"{c.index.method}: {c.index.options}", flags=c.flags,
                  builds=c.index.figures, **c.found) for c in cases]
    return write_result(name, report(cases, header), dict(header=header, lines=lines))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="first N of the million rows")
    parser.add_argument("--queries", type=int, default=1000, help="that are timed")
    parser.add_argument("--recall-queries", type=int, default=10_000,
                        help=f"for recall, where a query takes less than {QUICK_MS} ms: of a thousand queries alone, "
                             "recall of two equally good k-means differs by up to 0.02")
    parser.add_argument("--rounds", type=int, default=3, help="of timing; the median counts (once only from 10 s on)")
    parser.add_argument("--configs", help="regular expression: only lines whose factory string matches")
    parser.add_argument("--threads", type=int, default=2, help="for builds")
    parser.add_argument("--maintenance-work-mem", default="1GB")
    parser.add_argument("--points-per-list", type=int, default=0,
                        help="rows that FAISS's k-means of the lists sees, for each list (0: its own default, 256; vectorq: 32)")
    parser.add_argument("--opq-rounds", type=int, default=0,
                        help="rounds of FAISS's OPQ, on 16,384 rows then (0: its own default, 50 on 65,536)")
    parser.add_argument("--reuse", action="store_true", help="keep FAISS's indexes in VQ_DATA and take those kept there")
    parser.add_argument("--faiss-only", action="store_true", help="only build FAISS's indexes (with --reuse)")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    return parser.parse_args()


def main():
    options = parse()
    stem = os.path.join(DATA, "sift-photo-1000000")
    base = np.load(stem + ".base.npy", mmap_mode="r")[:options.rows]
    queries = np.load(stem + ".query.npy")[:max(options.queries, options.recall_queries)]
    near = truth(options.rows, base, queries)
    cases = [c for c in configurations() if not options.configs or re.search(options.configs, c.index.factory)]
    library = Faiss(np.ascontiguousarray(base, np.float32), options)
    if options.faiss_only:
        for case in cases:
            library.build(case.index)
        return
    client = build_client()
    conf = "\n".join(["max_wal_size = 16GB", "checkpoint_timeout = 1h", "max_parallel_workers_per_gather = 0", "jit = off"])
    cluster = Cluster("bench", VQ_SHARED_BUFFERS="4GB", VQ_AUTOVACUUM="off", VQ_CONF=conf)
    with running(cluster, options.keep):
        fill(cluster, client, VECTORQ.extension, VECTORQ.database, TABLE, stem + ".base.npy", options.rows, base.shape[1])
        server = Vectorq(cluster, client, options, options.rows, base.shape[1], stem + ".query.npy")
        fixed = server.fixed_cost()
        print(f"fixed cost of a SQL query: {fixed:.4f} ms", flush=True)
        header = dict(rows=options.rows, dims=base.shape[1], queries=options.queries, recall_queries=len(queries), threads=options.threads, fixed_ms=fixed,
                      cpu=cpu_name(), date=time.strftime("%Y-%m-%d %H:%M"), faiss=faiss.__version__,
                      points_per_list=options.points_per_list, opq_rounds=options.opq_rounds)
        done = []
        for case in cases:
            case.dims = base.shape[1]
            if not case.index.figures["faiss"]:
                server.build(case.index)
                library.build(case.index)
            library.measure(case, queries, base, near)
            server.measure(case, base, queries, near)
            judge(case, fixed, options.rows)
            done.append(case)
            print(f"{case.label} {case.notes}: " + ", ".join(
                f"{m} {case.found['faiss'][m]:.3f} / {case.found['vectorq'][m]:.3f}" for m in (*MEASURES, "ms")) +
                (f"  !! {'; '.join(case.flags)}" if case.flags else ""), flush=True)
            write(done, header)
        print(write(done, header))


if __name__ == "__main__":
    main()
