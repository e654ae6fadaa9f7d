"""The benchmark's tables in Markdown. Every number comes from `results`, which is also what the JSON file holds."""
from curve import ms_at, spread, times_as_fast
from speed import MAIN, SIDE_TARGET, TARGETS

NONE = ""


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def qps(measured, k, threads, target):
    """Median speed at the target; * where even the cheapest setting has more recall than that."""
    curves = measured.curves(k, threads)
    ms = spread([ms_at(points, target) for points in curves])
    if ms is None:
        return NONE
    return f"{1000 / ms['median']:.0f}" + ("*" if min(recall for recall, _ in curves[0]) > target else "")


def with_spread(one):
    return NONE if one is None else f"{one['median']:.2f} ({one['min']:.2f}–{one['max']:.2f})"


def percentiles(measured, k, target):
    """p50 / p95 / p99 and recall@1 at the cheapest setting that reaches the target."""
    number = measured.step_for(k, target)
    point = measured.points[k][number]
    if point["recalls"][k] < target:
        return [NONE, NONE]
    timed = [r[number] for r in measured.rounds.get((k, 1), []) if number in r] or [point["figures"]]
    return [" / ".join(f"{spread([t[p] for t in timed])['median']:.2f}" for p in ("p50_ms", "p95_ms", "p99_ms")),
            f"{point['recalls'][1]:.3f}"]


def builds(all_measured, ks, threads):
    head = ["index", "build s", "peak MB", "size MB"] + [f"q/s at {t:.2f}" for t in TARGETS] + \
        [f"p50 / p95 / p99 ms at {SIDE_TARGET}", "recall@1 there"] + \
        [f"q/s at {SIDE_TARGET}, {'k = %d' % k if k != 10 else ''}{', ' if k != 10 and n > 1 else ''}{'%d at once' % n if n > 1 else ''}"
         for k in ks for n in threads if (k, n) != MAIN]
    rows = []
    for m in all_measured:
        rows.append([m.peer.label, f"{m.built['build_s']:.1f}", f"{m.built['peak_mb']:.0f}", f"{m.built['size_mb']:.0f}"] +
                    [qps(m, 10, 1, t) for t in TARGETS] + percentiles(m, 10, SIDE_TARGET) +
                    [qps(m, k, n, SIDE_TARGET) for k in ks for n in threads if (k, n) != MAIN])
    return table(head, rows)


def ratios(all_measured, reference):
    """How many times as good as the reference."""
    rows, base = [], reference.built
    for m in all_measured:
        if m is not reference:
            rows.append([m.peer.label, f"{base['build_s'] / max(m.built['build_s'], 0.01):.2f}", f"{base['size_mb'] / m.built['size_mb']:.2f}"] +
                        [with_spread(times_as_fast(m.curves(10, 1), reference.curves(10, 1), t)) for t in TARGETS])
    return [f"Times as good as {reference.peer.label} (build: its time / ours; size: its bytes / ours; speed at equal recall@10, "
            "one connection: median and spread of the rounds):", ""] + \
        table(["index", "build", "size"] + [f"speed at {t:.2f}" for t in TARGETS], rows)


def changes(all_measured):
    rows = []
    for m in all_measured:
        if "insert_per_s" in m.extras:
            churn, first = m.extras.get("churn"), m.extras["first"]
            rows.append([m.peer.label, f"{m.extras['insert_per_s']:.0f}"] +
                        ([f"{churn[one]:.3f}" for one in ("fresh", "inserted", "deleted")] if churn else [NONE] * 3) +
                        [f"{first['first_p50_ms']:.2f} / {first['second_p50_ms']:.2f}",
                         f"{m.extras['overhead_ms']:.3f}"])
    head = ["index", "inserts/s", "recall of a fresh build", "half inserted", "then half deleted", "first / second query of a connection, ms",
            "SQL on an empty table, ms"]
    return table(head, rows) if rows else []


def filters(all_measured):
    rows = []
    for m in all_measured:
        if "filters" in m.extras:
            found = m.extras["filters"].values()
            rows.append([m.peer.label] + [f"{f['rows']:.1f} / {f['recall']:.3f} / {f['mean_ms']:.2f}" for f in found])
    if not rows:
        return []
    return ["Filtered queries, LIMIT 10 (rows returned / recall@10 among the rows that match / ms), at the setting that gives 0.95 without a filter:", ""] + \
        table(["index", "1 % match", "10 %", "50 %"], rows)


def section(data, all_measured, missing, options):
    lines = [f"## {data.name}: {data.rows:,} rows × {data.dims}, {data.metric}", ""]
    lines += builds(all_measured, options.ks, options.threads_at_once)
    for name in (options.reference, options.library_reference):
        reference = next((m for m in all_measured if m.peer.name == name), None)
        if reference is not None and len(all_measured) > 1:
            lines += ratios(all_measured, reference)
    lines += changes(all_measured) + filters(all_measured)
    lines += [f"Not measured: {label}: {reason}" for label, reason in missing]
    return lines + ([""] if missing else [])


def document(header, sections):
    lines = [f"# vectorq beside its peers, {header['date']}", "",
             f"{header['cpu']}, {header['cpus']} processors; {header['server']}, shared_buffers {header['shared_buffers']}, "
             f"maintenance_work_mem {header['maintenance_work_mem']}; {header['versions']}. {header['threads']} threads for builds; "
             f"{header['queries']} queries, one after the other on one thread unless said otherwise, those in SQL prepared and in "
             f"binary; warm; speeds interpolated at equal recall, medians of {header['rounds']} interleaved rounds (*: the cheapest "
             "setting already has more recall than that; no figure: never reached). Libraries answer "
             "\"2 at once\" as a batch on two threads, PostgreSQL on two connections. Peak MB: memory of the build besides the vectors.",
             "", f"`{header['command']}`", ""]
    for one in sections:
        lines += one
    return "\n".join(lines).rstrip() + "\n"
