#!/usr/bin/env python3
"""What the score-aware loss gains: the figures of Guo et al. 2020 (section 5) on real data, with the core's own codes.

    make bench-aniso [BENCH_ARGS='--rows 20000 --queries 200']

Sets: sentence embeddings under the largest inner product (not normalised), SIFT descriptors under the least L2
distance (less their mean, as `ah` does it). test/bench/aniso_codes.cpp trains and encodes with src/core; here decoded
rows are scored in full precision, which is what a table of floats does with the codes. No lists, no reordering.

Recall 1@N: the share of queries whose true best row is among the N best of the codes. Rows with the same code tie, and
the true one may stand anywhere among them: its expected share counts.

Writes build/bench/aniso.{json,md} and a picture of each set, aniso-SET.{png,svg}.
"""
import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

from common import BUILD, cpu_name
from datasets import load_set

OUT = os.path.join(BUILD, "bench")
THRESHOLDS = (0, 0.1, 0.2, 0.3, 0.4)
DEFAULT = 0.2
# (m, bits): (1, 8) is vector quantization; the others 100 and 200 bits as in the paper, the default of `ah` (two
# dimensions a nibble), 8-bit subspaces.
SHAPES = {"gloss-minilm-ip": [(1, 8), (25, 4), (50, 4), (25, 8), (192, 4)],
          "sift-photo": [(1, 8), (25, 4), (50, 4), (25, 8), (64, 4)]}
AT = (1, 5, 10, 20, 50, 100)
RECALL_AGAINST_T = 10
LARGEST_N = {"vq": 10000, "pq": 100}
BATCH = 100


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coder", default=os.path.join(BUILD, "core", "aniso_codes"))
    parser.add_argument("--rows", type=int, default=105000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--replot", action="store_true", help="table and plots again from aniso.json")
    return parser.parse_args()


def label(m, bits):
    return f"VQ, {2 ** bits} codewords ({bits} bits)" if m == 1 else f"PQ {m} × {bits} bits ({m * bits} bits)"


class Set:
    def __init__(self, name, rows, queries):
        data = load_set(name, queries, rows)
        self.name, self.dot = name, data.metric == "ip"
        base, self.queries = data.float_base(), data.float_queries()
        if not self.dot:  # distances do not change
            mean = base.mean(axis=0, dtype=np.float64).astype(np.float32)
            base, self.queries = base - mean, self.queries - mean
        self.rows, self.dims = base.shape
        self.file = os.path.join(OUT, f"aniso-{os.getpid()}.f32")
        base.tofile(self.file)
        self.best = np.concatenate([scores.argmax(axis=1) for _, scores in self.scores(base)])
        self.exact = self.true_values(base)

    def scores(self, rows):
        """Batches of (first query, scores): the larger the better."""
        half = 0 if self.dot else (rows * rows).sum(axis=1) / 2
        for at in range(0, len(self.queries), BATCH):
            yield at, self.queries[at:at + BATCH] @ rows.T - half

    def true_values(self, rows):
        """Inner product, or squared distance, of each query and its true best row."""
        best = rows[self.best].astype(np.float64)
        return (self.queries * best).sum(axis=1) if self.dot else ((self.queries - best) ** 2).sum(axis=1)


def ranks(data, decoded):
    """Of each query's true best row: rows that score better, and others that tie with it."""
    better, ties = [], []
    for at, scores in data.scores(decoded):
        own = scores[np.arange(len(scores)), data.best[at:at + len(scores)]][:, None]
        better.append((scores > own).sum(axis=1))
        ties.append((scores == own).sum(axis=1) - 1)
    return np.concatenate(better), np.concatenate(ties)


def recall_curve(better, ties, largest):
    n = np.unique(np.geomspace(1, largest, 60).astype(int)) if largest > 100 else np.arange(1, largest + 1)
    share = np.clip((n[:, None] - better[None, :]) / (ties[None, :] + 1), 0, 1)
    return n.tolist(), share.mean(axis=1).tolist()


def measure(options, data, m, bits, threshold):
    out = data.file + ".decoded"
    command = [options.coder, "--rows", data.file, "--count", data.rows, "--dims", data.dims, "--m", m, "--bits", bits,
               "--threshold", threshold, "--out", out, "--threads", options.threads]
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr.rstrip())
    decoded = np.fromfile(out, np.float32).reshape(data.rows, data.dims)
    os.unlink(out)
    n, recall = recall_curve(*ranks(data, decoded), LARGEST_N["vq" if m == 1 else "pq"])
    error = np.abs(data.true_values(decoded) - data.exact) / np.maximum(np.abs(data.exact), 1e-30)
    return dict(m=m, bits=bits, threshold=threshold, n=n, recall=recall, relative_error=float(np.median(error)),
                **json.loads(done.stdout))


def at(run, n):
    """Recall 1@n: n is one of the curve's or between two."""
    return float(np.interp(n, run["n"], run["recall"]))


def value_name(result):
    return "product" if result["metric"] == "inner product" else "squared distance"


def behind(result):
    """Codes at the default T that plain ones of as many bits beat at some N, as lines."""
    plain = {(run["m"], run["bits"]): run for run in result["runs"] if run["threshold"] == 0}
    for run in result["runs"]:
        if run["threshold"] != DEFAULT:
            continue
        lags = [(other - mine, n) for n, mine, other in zip(run["n"], run["recall"], plain[run["m"], run["bits"]]["recall"])
                if mine < other]
        if lags:
            most, n = max(lags)
            yield (f"- plain is ahead of T = {DEFAULT} for {label(run['m'], run['bits'])} at {len(lags)} of {len(run['n'])} N, from "
                   f"{lags[0][1]} to {lags[-1][1]}; at most by {most:.3f}, at N = {n}")


def table(result):
    lines = [f"## {result['set']}: {result['rows']:,} rows × {result['dims']}, {result['metric']}, {result['queries']:,} queries", "",
             "| code | T | eta | " + " | ".join(f"1@{n}" for n in AT) + f" | relative error of the best row's {value_name(result)} | mean squared error |",
             "|---" * (len(AT) + 5) + "|"]
    for run in result["runs"]:
        bold = "**" if run["threshold"] == DEFAULT else ""
        name = label(run["m"], run["bits"]) if run["threshold"] == 0 else ""
        plain = "plain" if run["threshold"] == 0 else f"{run['threshold']:g}"
        values = " | ".join(f"{bold}{at(run, n):.3f}{bold}" for n in AT)
        lines.append(f"| {name} | {bold}{plain}{bold} | {run['eta']:.1f} | {values} | {run['relative_error']:.4f} | {run['mean_sq_error']:.5g} |")
    return "\n".join(lines + [""] + (list(behind(result)) or [f"- T = {DEFAULT} is ahead of plain, or level, at all N and bits"]))


def plot(result, stem):
    """Four panels: recall 1@N of VQ and of PQ; recall and the relative error against T."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    plt.rcParams["svg.hashsalt"] = "aniso"
    figure, ((vq, pq), (recall, error)) = plt.subplots(2, 2, figsize=(10, 7.6))
    shapes = list(dict.fromkeys((run["m"], run["bits"]) for run in result["runs"]))
    for number, shape in enumerate(shapes):
        runs = [run for run in result["runs"] if (run["m"], run["bits"]) == shape]
        colour, name = f"C{number}", label(*shape)
        for run in runs:
            if run["threshold"] in (0, DEFAULT):
                plain = run["threshold"] == 0
                (vq if shape[0] == 1 else pq).plot(run["n"], run["recall"], "--" if plain else "-", color=colour,
                                                   label=None if plain else name)
        thresholds = [run["threshold"] for run in runs]
        if shape[0] > 1:
            recall.plot(thresholds, [at(run, RECALL_AGAINST_T) for run in runs], "o-", color=colour, label=name)
        error.plot(thresholds, [run["relative_error"] for run in runs], "o-", color=colour, label=name)
    vq.set_xscale("log")
    error.set_yscale("log")
    for axes, x, y in ((vq, "N", "recall 1@N"), (pq, "N", "recall 1@N"), (recall, "T (0 = plain)", f"recall 1@{RECALL_AGAINST_T}"),
                       (error, "T (0 = plain)", f"relative error of its {value_name(result)}")):
        axes.set_xlabel(x)
        axes.set_ylabel(y, fontsize=9)
        axes.grid(True, which="both", alpha=0.3)
        axes.legend(fontsize=7)
    figure.suptitle(f"{result['set']}: {result['rows']:,} × {result['dims']}, {result['metric']}, {result['queries']:,} queries\n"
                    f"solid: score-aware codes, T = {DEFAULT}; dashed: plain codes of the same bits", fontsize=11)
    figure.tight_layout()
    figure.savefig(stem + ".png", dpi=75)
    figure.savefig(stem + ".svg", metadata={"Date": None})


def write(report):
    stem = os.path.join(OUT, "aniso")
    with open(stem + ".json", "w") as file:
        json.dump(report, file, indent=1)
    text = "\n\n".join([f"# Score-aware codes\n\n{report['machine']}; {report['seconds']:.0f} s.\n\n" + __doc__.split("\n\n")[3]]
                       + [table(result) for result in report["results"]])
    with open(stem + ".md", "w") as file:
        file.write(text + "\n")
    for result in report["results"]:
        plot(result, f"{stem}-{result['set']}")
    print(text + f"\n\n{stem}.json, .md; {stem}-SET.png, .svg")


def main():
    options = parse()
    os.makedirs(OUT, exist_ok=True)
    if options.replot:
        with open(os.path.join(OUT, "aniso.json")) as file:
            return write(json.load(file))
    started, results = time.time(), []
    for name, shapes in SHAPES.items():
        data = Set(name, options.rows, options.queries)
        result = dict(set=name, rows=data.rows, dims=data.dims, queries=len(data.queries),
                      metric="inner product" if data.dot else "L2", runs=[])
        for m, bits in shapes:
            for threshold in THRESHOLDS:
                result["runs"].append(measure(options, data, m, bits, threshold))
                run = result["runs"][-1]
                print(f"[{time.time() - started:5.0f} s] {name} {label(m, bits)}, T = {threshold}: 1@1 {at(run, 1):.3f}, "
                      f"1@10 {at(run, 10):.3f}, 1@100 {at(run, 100):.3f}", file=sys.stderr, flush=True)
        os.unlink(data.file)
        results.append(result)
    write(dict(machine=cpu_name(), seconds=time.time() - started, results=results))


if __name__ == "__main__":
    main()
