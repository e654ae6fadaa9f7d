#!/usr/bin/env python3
"""An index for life: what becomes of an index that nobody touches, beside one built anew on the same rows, in one run.

    make bench-life                                                    100,000 rows, all lives, the usual methods, 128 and 768 dimensions
    make bench-life BENCH_ARGS='--rows 20000 --scenarios a d --methods ah "ivf sq8" --widths 128'
    make bench-life BENCH_ARGS='--reuse'                               goes on where a run of the same arguments stopped

Lives: (a) grows from 10,000 rows by inserts, autovacuum only; (b) made on an empty table, half of the rows by COPY, the rest row by
row, autovacuum only; (c) nine tenths replaced by another data set; (d) all but a hundredth deleted; (e) a window that rolls twenty
times; (f) every row updated four times, and pgvector's test with 3 dimensions; (g) 8 sessions that insert, and one that asks,
while a vacuum renews. Autovacuum is at its defaults but for `--naptime`, so that a run is short. In (c) to (f) a vacuum is typed.

Results: build/bench/life.md and .json. docs/life.md says what they mean.
"""
import argparse
import json
import os
import time
import traceback

from common import BUILD, ROOT, Cluster, build_client, cpu_name, run, running, write_result
from life import METHODS, NAME, SCENARIOS, TARGET, USUAL_METHODS, Life, three_dims
from life_load import under_renewal
from tables import database

# What is asked for. A vacuum may also write the old pages once, whose dead rows it takes out.
MOST_MS, MOST_MISS, MOST_SIZE, MOST_CPU, MOST_WAL, MOST_UPDATED, MOST_SMALL = 1.1, 0.01, 1.25, 2.0, 1.1, 2.2, 1.2
HEAP_S = 0.5  # of a vacuum, for the table itself
LEAST_RATE, LONGEST_WAIT_MS, MOST_QUERY = 2 / 3, 50, 1.3
CONF = ["max_wal_size = 16GB", "checkpoint_timeout = 1h", "max_parallel_workers_per_gather = 0", "jit = off", "track_io_timing = on"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--scenarios", nargs="+", default=list("abcdefg"), choices=list("abcdefg"))
    parser.add_argument("--methods", nargs="+", default=list(USUAL_METHODS), choices=list(METHODS))
    parser.add_argument("--widths", nargs="+", default=["128", "768"], choices=["128", "768", "768-plain"], help="768: out of line; 768-plain: in line")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3, help="of times, in turns")
    parser.add_argument("--naptime", type=int, default=1, help="autovacuum_naptime in seconds; the server's default is 60")
    parser.add_argument("--memory", default="64MB", help="maintenance_work_mem; the server's default")
    parser.add_argument("--seconds", type=int, default=10, help="(g): of inserts without and with a renewal, each")
    parser.add_argument("--reuse", action="store_true", help="keep what the last run of these arguments measured, and measure the rest")
    parser.add_argument("--name", default="life", help="of the cluster and the results")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    return parser.parse_args()


def shortfalls(case):
    """What the case fails to reach, in words."""
    found = []
    old, fresh = case.get("old"), case.get("fresh")
    if old:
        mine, other = old["at"][str(TARGET)]["recall"], fresh["at"][str(TARGET)]["recall"]
        if mine < min(TARGET, other) - MOST_MISS:
            found.append(f"recall {mine:.3f} (new {other:.3f})")
        if case["ms_ratio"] is None or case["ms_ratio"] > MOST_MS:
            found.append(f"time ×{case['ms_ratio']} (pages ×{old['pages'] / max(fresh['pages'], 1):.2f})")
        if case["scenario"] != "f" and case["size_ratio"] > MOST_SIZE:
            found.append(f"size ×{case['size_ratio']:.2f}")
        for side, name in ((old, ""), (fresh, "new index: ")):
            if side["problems"]:
                found.append(f"{name}vectorq_check: {side['problems'][0]}")
            if side["recall_of_all"] < 0.999:
                found.append(f"{name}recall of all lists {side['recall_of_all']}")
        built = fresh["built"]
        for number, done in enumerate(case["vacuums"]):
            if done["renewed"] and done["processor_s"] > MOST_CPU * built["processor_s"] + HEAP_S:
                found.append(f"vacuum {number + 1}: processor ×{done['processor_s'] / max(built['processor_s'], 0.01):.1f}")
            if done["renewed"] and done["wal_mb"] > MOST_WAL * built["wal_mb"] + done["size_before_mb"]:
                found.append(f"vacuum {number + 1}: WAL ×{done['wal_mb'] / max(built['wal_mb'], 0.01):.1f}")
    if case["scenario"] == "f":
        if max(case["auto"]["sizes_mb"]) > MOST_UPDATED * case["auto"]["first_size_mb"]:
            found.append(f"updated: ×{max(case['auto']['sizes_mb']) / case['auto']['first_size_mb']:.2f}")
        if case["small"]["ratio"] > MOST_SMALL:
            found.append(f"3 dimensions: ×{case['small']['ratio']}")
    if case["scenario"] == "g":
        if "1" not in (case["insert_renewals"], case["ask_renewals"]):
            found.append("no renewal")
        found += case["problems"]
        if case["rate_to_alone"] < LEAST_RATE:
            found.append(f"inserts at ×{case['rate_to_alone']} (×{case['rate_to_building']} of beside CREATE INDEX)")
        if case["insert"]["renewing"]["longest_ms"] > LONGEST_WAIT_MS:
            found.append(f"longest wait {case['insert']['renewing']['longest_ms']} ms")
        if case["query_to_alone"] > MOST_QUERY:
            found.append(f"a query ×{case['query_to_alone']} (×{case['query_to_building']} of beside CREATE INDEX)")
    return found


def measure(cluster, client, options, scenario, method, width):
    life = Life(cluster, client, options, method, int(width.partition("-")[0]), "PLAIN" if width.endswith("plain") else "")
    if scenario == "g":
        return under_renewal(life)
    started = time.time()
    SCENARIOS[scenario](life)
    lived = time.time() - started
    case = dict(auto=life.auto)
    if scenario in "ab":
        life.vacuum()
        life.vacuum()
    case.update(life.compare(), vacuums=life.vacuums, lived_s=round(lived, 1))
    if scenario == "f":
        case["small"] = three_dims(life)
    return case


def line(case):
    head = f"| {case['scenario']} | {case['method']} | {case['width']} |"
    if "error" in case:
        return f"{head} {case['error'][:200]} |" + " |" * 12
    if case["scenario"] == "g":
        return ""
    old, fresh = case["old"], case["fresh"]
    mine, other = old["at"][str(TARGET)], fresh["at"][str(TARGET)]
    renewed = [done for done in case["vacuums"] if done["renewed"]]
    last = max(renewed, key=lambda done: done["processor_s"]) if renewed else None
    built = fresh["built"]
    seconds = last["processor_s"] if last else case["auto"].get("processor_s", "–")
    cost = f"{seconds} / {built['processor_s']} | {last['wal_mb'] if last else '–'} / {built['wal_mb']}"
    d, f = old["details"], fresh["details"]
    return (f"{head} {case['rows']:,} | {d.get('renewals', 0)} | {d.get('lists', 1)} / {f.get('lists', 1)} | {d.get('list_entries_max', '')} / {f.get('list_entries_max', '')} | "
            f"{mine['recall']:.3f} / {other['recall']:.3f} | {min(mine['ms']):.3f} / {min(other['ms']):.3f} | {case['ms_ratio']} | "
            f"{old['pages']:.0f} / {fresh['pages']:.0f} | {d['size_mb']:.1f} / {f['size_mb']:.1f} | {case['size_ratio']} | {cost} | "
            f"{'; '.join(shortfalls(case)) or 'good'} |")


def report(options, cases, header):
    head = ["life", "method", "width", "rows", "renewals", "lists", "largest list", f"recall at {TARGET}", "ms", "ms at equal recall, ratio", "pages a query",
            "MB", "ratio", "processor s", "WAL MB", "falls short"]
    lines = [f"# An index for life, {header['date']}", "",
             f"Tree {header['tree']}; {header['cpu']}, {header['cpus']} processors; {options.rows:,} rows, {options.queries} queries, k = 10; maintenance_work_mem "
             f"{options.memory}, autovacuum_naptime {options.naptime} s. \"a / b\": the index / one built anew on the same rows. Processor time and WAL: of the vacuum "
             "that renewed (a, b: of all autovacuums), beside that of CREATE INDEX.", "",
             "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [text for text in (line(case) for case in cases) if text]
    loads = [case for case in cases if case["scenario"] == "g" and "error" not in case]
    if loads:
        lines += ["", "(g) Eight sessions insert rows, and in another run one session asks for neighbours. \"a / b / c\": a by themselves, b while CREATE INDEX runs on another",
                  "table, c while a vacuum renews the index.", "",
                  "| method | width | renewal, s | rows/s | longest wait, ms | query, ms | p99 of it | falls short |", "|" + "---|" * 8]
        for case in loads:
            inserts, asks = ([case[kind][when] for when in ("alone", "building", "renewing")] for kind in ("insert", "ask"))
            columns = [" / ".join(str(side[key]) for side in sides) for sides, key in ((inserts, "rate"), (inserts, "longest_ms"), (asks, "mean_ms"), (asks, "p99_ms"))]
            lines.append(f"| {case['method']} | {case['width']} | {inserts[2]['seconds']} | " + " | ".join(columns) + f" | {'; '.join(shortfalls(case)) or 'good'} |")
    churned = [case for case in cases if case["scenario"] == "f" and "error" not in case]
    if churned:
        lines += ["", "(f) Sizes in MB. Four times every vector is updated and the table vacuumed. Then 10,000 rows of 3 dimensions are deleted, vacuumed, and inserted again.", "",
                  "| method | width | built | after each update and vacuum | 3 dimensions: built | deleted | inserted again | vacuumed | inserted / built |", "|" + "---|" * 9]
        for case in churned:
            auto, small = case["auto"], case["small"]
            columns = [auto["first_size_mb"], " / ".join(map(str, auto["sizes_mb"]))] + [small[key] for key in ("built", "deleted", "inserted", "vacuumed", "ratio")]
            lines.append(f"| {case['method']} | {case['width']} | " + " | ".join(map(str, columns)) + " |")
    return "\n".join(lines) + "\n"


def key_of(case):
    return case["scenario"], case["method"], case["width"], case["asked_rows"]


def main():
    options = parse()
    stem = os.path.join(BUILD, "bench", options.name)
    os.makedirs(os.path.dirname(stem), exist_ok=True)
    cases = []
    if options.reuse and os.path.exists(stem + ".json"):
        with open(stem + ".json", encoding="utf-8") as file:
            cases = [case for case in json.load(file)["cases"] if "error" not in case]
    client = build_client()
    tree = run("git", "-C", ROOT, "describe", "--always", "--dirty").strip()
    header = dict(date=time.strftime("%Y-%m-%d %H:%M"), cpu=cpu_name(), cpus=os.cpu_count(), tree=tree)
    cluster = Cluster("bench_" + options.name, VQ_SHARED_BUFFERS="1GB", VQ_CONF="\n".join([*CONF, f"autovacuum_naptime = {options.naptime}s"]))
    said = ""
    with running(cluster, options.keep):
        database(cluster, NAME, "vectorq")
        cluster.sql("CREATE EXTENSION IF NOT EXISTS pg_walinspect", NAME)
        for setting in (f"maintenance_work_mem = '{options.memory}'", "max_parallel_maintenance_workers = 1"):
            cluster.sql(f"ALTER DATABASE {NAME} SET {setting}")
        for scenario in options.scenarios:
            for width in options.widths:
                for method in options.methods:
                    names = dict(scenario=scenario, method=method, width=width, asked_rows=options.rows)
                    if key_of(names) in map(key_of, cases):
                        continue
                    try:
                        case = dict(names, **measure(cluster, client, options, scenario, method, width))
                    except (SystemExit, Exception) as error:
                        traceback.print_exc()
                        case = dict(names, error=str(error))
                    case = json.loads(json.dumps(case))
                    cases.append(case)
                    print(time.strftime("%H:%M:%S"), scenario, method, width, case.get("error") or shortfalls(case) or "good", flush=True)
                    print("   ", line(case), flush=True)
                    said = write_result(stem, report(options, cases, header), dict(header, arguments=vars(options), cases=cases))
    print(said)


if __name__ == "__main__":
    main()
