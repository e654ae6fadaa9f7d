"""Recall and speed of each peer: one climb up its settings, then timed rounds that take turns between the peers."""
from curve import around, frontier
from truth import recalls

TARGETS = (0.90, 0.95, 0.99)
MAIN = (10, 1)  # k and queries at once that all targets are timed with; the others with one
SIDE_TARGET = 0.95
TOP = 0.995  # a climb ends above it
SLOWEST_MS = 200.0  # or when a query takes longer than this
TRIES = 4  # or when so many settings in a row add less than LEAST
LEAST = 0.0005


class Measured:
    """One peer on one data set."""

    def __init__(self, peer, built):
        self.peer, self.built = peer, built
        self.points = {}  # k -> [dict(step, what, recalls, climb figures)]
        self.rounds = {}  # (k, threads) -> [ {number of point: figures}, ... ]
        self.extras = {}

    def needed(self, k, targets):
        """The points whose time decides the figures at the targets: their numbers."""
        line = [(point["recalls"][k], point["figures"]["mean_ms"]) for point in self.points[k]]
        wanted = {pair for target in targets for pair in around(line, target) or frontier(line)[-1:]}
        return sorted(line.index(point) for point in wanted)

    def curve(self, k, threads, number):
        """(recall, ms a query) of one round; with several threads the milliseconds in which one query of all gets done."""
        return [(self.points[k][i]["recalls"][k], 1000 / figures["qps"])
                for i, figures in self.rounds[k, threads][number].items()]

    def curves(self, k, threads):
        return [self.curve(k, threads, number) for number in range(len(self.rounds.get((k, threads), [])))]

    def step_for(self, k, target):
        """The cheapest setting that reaches the target, else the one that comes nearest: its number."""
        line = [(point["recalls"][k], point["figures"]["mean_ms"]) for point in self.points[k]]
        pair = around(line, target)
        return line.index(pair[1] if pair else frontier(line)[-1])


def climb(measured, data, near, k, queries):
    """Every setting once, each ladder until recall is high enough or rises no more."""
    points = measured.points[k] = []
    ladders = measured.peer.ladders(k)
    # Pages and caches are warm for the first settings, too.
    measured.peer.query_one(ladders[0][min(8, len(ladders[0]) - 1)], k, queries)
    for ladder in ladders:
        best, stuck = 0.0, 0
        for step in ladder:
            figures, ids = measured.peer.query_one(step, k, queries)
            found = recalls(data, ids, near)
            points.append(dict(step=step, what=measured.peer.describe(step), recalls=found, figures=figures))
            stuck = 0 if found[k] > best + LEAST else stuck + 1
            best = max(best, found[k])
            if found[k] > TOP or figures["mean_ms"] > SLOWEST_MS or (stuck == TRIES and best > 0.5):
                break
    top = max(points, key=lambda point: point["recalls"][k])
    print(f"  {measured.peer.label}: k {k}, {len(points)} settings, recall up to {top['recalls'][k]:.4f} "
          f"({top['what']}, {top['figures']['mean_ms']:.2f} ms)", flush=True)


def timed_queries(figures, queries, seconds):
    """So many that a slow setting takes no more than `seconds`, but at least a tenth."""
    return min(queries, max(queries // 10, int(1000 * seconds / figures["mean_ms"])))


def time_rounds(all_measured, ks, threads, rounds, queries, seconds):
    """Interleaved: each peer in turn, again and again."""
    for number in range(rounds):
        for measured in all_measured:
            for k in ks:
                for at_once in threads:
                    times = {}
                    for i in measured.needed(k, TARGETS if (k, at_once) == MAIN else (SIDE_TARGET,)):
                        point = measured.points[k][i]
                        count = timed_queries(point["figures"], queries, seconds)
                        if at_once == 1:
                            times[i] = measured.peer.query_one(point["step"], k, count)[0]
                        else:
                            times[i] = measured.peer.query_many(point["step"], k, count, at_once)
                    measured.rounds.setdefault((k, at_once), []).append(times)
        print(f"round {number + 1} of {rounds} timed", flush=True)
