"""Recall against queries a second, one picture a data set and k, as PNG and SVG.

What is missed lies on a logarithmic axis: from 0.9 to 0.99 is as far as from 0.99 to 0.999. The points of each picture are
kept beside it, so that it can be drawn again without a run: plot.py POINTS.json draws POINTS.png and POINTS.svg."""
import json
import sys

TICKS = [0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998]
LEAST_RECALL, MOST_RECALL = 0.75, 0.9975
# By kind of peer: vectorq's own, other PostgreSQL indexes, libraries in process. The first of a kind has the strongest colour.
KINDS = {
    "own": {"style": "-", "width": 2.6, "colours": ["#0b5cad", "#3d8fe0", "#12a1a8", "#7a6fd0", "#8fb8de"]},
    "server": {"style": "--", "width": 2.2, "colours": ["#d1350f", "#f08c2e", "#a3591f", "#b3306b"]},
    "library": {"style": ":", "width": 2.2, "colours": ["#2b7d2b", "#6b6b6b", "#93a13b", "#000000"]},
}
MARKERS = "osD^vPX"


def curve_points(measured, k):
    """All settings of the climb that no other of the same index beats, as (recall, q/s)."""
    from curve import frontier
    line = [(point["recalls"][k], point["figures"]["mean_ms"]) for point in measured.points[k]]
    return [(recall, 1000 / ms) for recall, ms in frontier(line) if recall >= 0.6]


def kind(peer):
    return "own" if peer.name.startswith("vectorq") else "server" if peer.in_server else "library"


def missed(recall):
    """Distance of a recall from 1. A full recall is drawn at the axis's end, as it lies infinitely far off."""
    return max(1 - recall, 1 - MOST_RECALL)


def draw(picture, stem):
    """picture: title, k, and curves of label, kind and points."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
    plt.rcParams.update({"font.size": 13, "axes.titlesize": 13, "legend.fontsize": 11.5, "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(11, 6))
    seen = dict.fromkeys(KINDS, 0)
    for curve in picture["curves"]:
        look = KINDS[curve["kind"]]
        number = seen[curve["kind"]]
        seen[curve["kind"]] += 1
        axes.plot([missed(p[0]) for p in curve["points"]], [p[1] for p in curve["points"]], look["style"], label=curve["label"],
                  color=look["colours"][number % len(look["colours"])], linewidth=look["width"] + (0.8 if number == 0 else 0),
                  marker=MARKERS[number % len(MARKERS)], markersize=5)
    axes.set_xscale("log")
    axes.set_xlim(1 - LEAST_RECALL, 1 - MOST_RECALL)
    axes.xaxis.set_major_locator(FixedLocator([1 - tick for tick in TICKS if tick <= MOST_RECALL]))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in TICKS if tick <= MOST_RECALL]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"recall@{picture['k']}")
    axes.set_ylabel("queries a second, one thread")
    axes.set_title(picture["title"])
    axes.grid(True, which="major", alpha=0.4)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, handlelength=2.6,
                title="solid: vectorq\ndashed: other PostgreSQL indexes\ndotted: libraries in process", title_fontsize=11.5)
    figure.tight_layout()
    for ending in ("png", "svg"):
        figure.savefig(f"{stem}.{ending}", dpi=110)
    plt.close(figure)


def plot(data, all_measured, k, stem):
    picture = {"title": f"{data.name}: {data.rows:,} rows × {data.dims}, {data.metric}, k = {k}", "k": k,
               "curves": [{"label": measured.peer.label, "kind": kind(measured.peer), "points": curve_points(measured, k)}
                          for measured in all_measured]}
    with open(f"{stem}.json", "w") as file:
        json.dump(picture, file, indent=1)
    draw(picture, stem)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        with open(path) as file:
            draw(json.load(file), path.removesuffix(".json"))
