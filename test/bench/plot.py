"""Recall against queries a second, one picture a data set and k, as PNG and SVG."""
from curve import frontier


def curve_points(measured, k):
    """All settings of the climb that no other of the same index beats, as (recall, q/s)."""
    line = [(point["recalls"][k], point["figures"]["mean_ms"]) for point in measured.points[k]]
    return [(recall, 1000 / ms) for recall, ms in frontier(line) if recall >= 0.6]


def plot(data, all_measured, k, stem):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(9, 6))
    colours = plt.get_cmap("tab20").colors
    for number, measured in enumerate(all_measured):
        points = curve_points(measured, k)
        own = measured.peer.name.startswith("vectorq")
        style = "-" if own else "--" if measured.peer.in_server else ":"
        axes.plot([p[0] for p in points], [p[1] for p in points], style, marker="o", markersize=3, linewidth=2 if own else 1.3,
                  color=colours[number % len(colours)], label=measured.peer.label)
    axes.set_yscale("log")
    axes.set_xlim(0.6, 1.002)
    axes.set_xlabel(f"recall@{k}")
    axes.set_ylabel("queries a second, one thread")
    axes.set_title(f"{data.name}: {data.rows:,} rows × {data.dims}, {data.metric}, k = {k}\n"
                   "solid: vectorq; dashed: other PostgreSQL indexes; dotted: libraries in process")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend(fontsize=8, loc="lower left")
    figure.tight_layout()
    for ending in ("png", "svg"):
        figure.savefig(f"{stem}.{ending}", dpi=130)
    plt.close(figure)
