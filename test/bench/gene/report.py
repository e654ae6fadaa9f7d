"""The study's tables and pictures, from the results that its JSON file holds, too."""
import numpy as np

from gene.data import OUTSIDE, SETS, TITLES

HEAD = ["configuration", "settings", "accuracy", "of known genes", "recall@10", "AUROC: other genus / eukaryote / virus", "index s",
        "ms a query", "queries/s, all at once", "index MB", "peak MB"]
STYLES = dict(control=("tab:blue", "-"), query=("tab:cyan", "-"), near=("tab:orange", "--"), eukaryote=("tab:red", "--"),
              virus=("tab:purple", "--"))


def share(value):
    return "" if value is None else f"{100 * value:.1f} %"


def number(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def row(one):
    settings = ", ".join(f"{name} {value}" for name, value in one["step"].items())
    apart = " / ".join(f"{one['auroc'][name]:.3f}" for name in OUTSIDE)
    return [f"{one['where']}: {one['label']}" if one["where"] == "vectorq" else one["label"], settings, share(one["accuracy"]),
            share(one["accuracy_known"]), number(one.get("recall10"), 3), apart, number(one["build_s"], 1), number(one.get("one_ms"), 2),
            number(one["qps"], 0), number(one["size_mb"], 0), number(one["peak_mb"], 0)]


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(one) + " |" for one in rows] + [""]


def document(header, results, missing, novel):
    lines = [f"# Gene search, {header['date']}", "",
             f"{header['rows']:,} fragments of {header['species']} species × {header['dims']}, L2; {header['queries']} queries of each set; "
             f"{header['cpu']}, {header['cpus']} processors; {header['server']}, shared_buffers {header['shared_buffers']}, "
             f"maintenance_work_mem {header['maintenance_work_mem']}; {header['versions']}. {header['threads']} threads for builds and for "
             "\"all at once\" (libraries: one batch; PostgreSQL: as many connections); \"ms a query\": one after the other on one thread. "
             "AUROC: distance to the nearest row found, fragments from outside against known genes.", "", f"`{header['command']}`", ""]
    lines += table(HEAD, [row(one) for one in results])
    if novel:
        lines += [f"`novel.sql` ({novel['index']}), {novel['seconds']:.1f} s for {novel['fragments']} fragments; share flagged as novel, "
                  "5 % of the known being farther:", ""]
        lines += table([TITLES[name] for name in novel["flagged"]], [[share(value) for value in novel["flagged"].values()]])
    lines += [f"Not measured: {label}: {reason}" for label, reason in missing]
    return "\n".join(lines).rstrip() + "\n"


def pyplot():
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot
    return matplotlib.pyplot


def save(figure, stem):
    figure.tight_layout()
    for ending in ("png", "svg"):
        figure.savefig(f"{stem}.{ending}", dpi=130)


def plot_novelty(nearest, aurocs, stem):
    """`nearest`: label of an index -> {set: distances}."""
    plt = pyplot()
    figure, axes = plt.subplots(1, len(nearest), figsize=(5.5 * len(nearest), 4), sharey=True, squeeze=False)
    for place, (label, found) in zip(axes[0], nearest.items()):
        for name in SETS:
            there = found[name][np.isfinite(found[name])]
            density, edges = np.histogram(there, 50, (0, 1.4), density=True)
            colour, line = STYLES[name]
            apart = f", AUROC {aurocs[label][name]:.3f}" if name in OUTSIDE else ""
            place.plot((edges[1:] + edges[:-1]) / 2, density, line, color=colour, label=TITLES[name] + apart)
        place.set_title(label)
        place.set_xlabel("distance to the nearest fragment found")
        place.legend(fontsize=8)
    axes[0][0].set_ylabel("density")
    save(figure, stem)
    plt.close(figure)


def plot_speed(results, stem):
    """Accuracy against time of a query, and time to index against size."""
    plt = pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5))
    names = list(dict.fromkeys((one["where"], one["label"]) for one in results if one.get("one_ms")))
    colours, markers = plt.get_cmap("tab20").colors, {"vectorq": "o", "library": "^"}
    for order, (where, label) in enumerate(names):
        mine = [one for one in results if (one["where"], one["label"]) == (where, label)]
        colour, title = colours[order % len(colours)], f"vectorq {label}" if where == "vectorq" else label
        line = "-" if where == "vectorq" else ":"
        left.plot([one["one_ms"] for one in mine], [100 * one["accuracy_known"] for one in mine], line, marker=markers[where],
                  color=colour, label=title)
        if mine[0]["build_s"] > 0:
            right.plot(mine[0]["size_mb"], mine[0]["build_s"], markers[where], color=colour)
            right.annotate(title, (mine[0]["size_mb"], mine[0]["build_s"]), fontsize=6, xytext=(3, 3), textcoords="offset points")
    for place, x, y in ((left, "ms a query, one thread", "species of known genes found, %"), (right, "index MB", "seconds to index")):
        place.set_xscale("log")
        place.set_xlabel(x)
        place.set_ylabel(y)
        place.grid(True, which="both", alpha=0.3)
    right.set_yscale("log")
    left.legend(fontsize=6, loc="lower right")
    save(figure, stem)
    plt.close(figure)
