"""Shares of functions' own time from `perf report`, put in groups. Standard library only."""
import re

# First match wins. What the rows of the table are called, and which functions belong to them.
GROUPS = [
    ("4-bit codes: scan in registers", r"ScanLut16|CompressBelow|FilterBelow|CombineRows|AddTotals|Lut16Wide"),
    ("8-bit codes: scan", r"ScanPq|AddByCode|ResidualDots"),
    ("codes: tables of a query", r"PqTable|QuantizeLut16|PrepareListTable|BuildSq8Table|QuantizeQuery"),
    ("codes: training and encoding", r"Encode|TrainSubspace|TrainPq|Anisotropic|PackBlock|PackCode|PutBlockCode|PqDim|Codeword|TrainSq8"),
    ("choosing the lists: compact centroids", r"ScoreCompactCentroids|DotU8|ChooseLists|choose_lists"),
    ("nearest centroids: tiled kernel", r"Tile|MultiplyRows|MultiplyTransposed|MinusHalfNorms"),
    ("k-means, balance, replicas", r"KMeans|Soar|Replica|Closure|Balance|Centroid"),
    ("transforms", r"Transform|Opq|Orthonormal|Eigen|gebp|gemm"),
    ("distance kernels", r"L2Squared|L1F|DotF|Distance|RowKernel|BlockKernel|F16ToF32"),
    ("collecting the best rows", r"TopK|TidSet|Finish|heap_sift|__adjust_heap|__introselect|nth_element|__introsort|__insertion_sort"),
    ("buffers: look-ups, pins, locks", r"Buffer|LWLock|hash_search|hash_bytes|pin_recent|read_posting|ResourceOwner|PrivateRef"),
    ("heap rows: fetching, visibility", r"heap_|heapam|HeapTuple|table_|tts_|slot_|index_fetch|detoast|toast|reorder"),
    ("sort", r"tuplesort|comparetup|qsort|readtup|writetup|mergeonerun|LogicalTape"),
    ("memory: allocating, copying", r"malloc|palloc|AllocSet|memcpy|memmove|memset|\bfree\b|MemoryContext|_int_"),
]
KERNEL, REST = "kernel: memory, files, sockets", "executor, protocol, the rest"

LINE = re.compile(r"^\s*([\d.]+)%\s+(\S+)\s+\[([k.])\]\s+(.+?)\s*$")


def parse(text):
    """[(share of samples, object, symbol, in the kernel?)] of `perf report --stdio --sort dso,symbol`."""
    return [(float(m.group(1)), m.group(2), m.group(4), m.group(3) == "k") for m in map(LINE.match, text.splitlines()) if m]


def group_of(symbol, in_kernel, dso=""):
    if in_kernel:
        return KERNEL
    for title, pattern in GROUPS:
        if re.search(pattern, symbol):
            return title
    return "vectorq: other" if "vectorq" in dso else REST


def grouped(found):
    """title -> (share, [functions by share])."""
    out = {}
    for share, dso, symbol, in_kernel in found:
        title = group_of(symbol, in_kernel, dso)
        total, names = out.get(title, (0.0, []))
        out[title] = total + share, names + [(share, short(symbol))]
    return dict(sorted(out.items(), key=lambda item: -item[1][0]))


def short(symbol):
    """A C++ function without its arguments, namespaces and target."""
    symbol = re.sub(r"\(anonymous namespace\)::", "", symbol)
    depth, kept = 0, ""
    for letter in symbol:
        if letter in "<(":
            depth += 1
        if depth == 0:
            kept += letter
        if letter in ">)":
            depth = max(0, depth - 1)
    return kept.split()[-1].split("::")[-1] if kept.split() else symbol
