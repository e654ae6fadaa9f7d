"""Shares of functions' own time from `perf report`, put in groups. Standard library only."""
import re

# First match wins. What the rows of the table are called, and which functions belong to them.
GROUPS = [
    ("4-bit codes: scan in registers", r"ScanLut16|\bScan(Wide)?Impl|Combine|AddTotals|Lut16Wide"),
    ("8-bit codes: scan", r"ScanPq|ScanPairs|ScanBits"),
    ("codes: tables of a query", r"PqTable|BuildTableImpl|TableKernel|MergeTables|Quantize(Lut16|Impl|Query)|PrepareListTable|BuildSq8Table"),
    ("codes: training and encoding", r"Encode|TrainSubspace|TrainPq|Anisotropic|Descend|UpdateCodeword|Pack(Block|Code)|PutBlockCode|PqDim|TrainSq8|ResidualDots|AddByCode"),
    ("choosing the lists", r"ScoreCompactCentroids|DotU8|open_window|select_lists|ListScore|NearestLists"),
    ("nearest centroids: tiled kernel", r"MicroKernel|PackRows|Nearest|Tile|MultiplyRows|MultiplyImpl|MultiplyTransposed|MinusHalfNorms|Assign"),
    ("k-means, balance, replicas", r"KMeans|Trainer|Soar|Replica|Closure|Balance|Centroid"),
    ("transforms, linear algebra", r"Transform|Opq|Orthonormal|Eigen|gebp|gemm|Product|Reflect|Rotat|Tridiagonal|Covariance"),
    ("distance kernels", r"L[12](Squared)?F|DotF|Cosine|Distance|RowKernel|BlockKernel|F16ToF32|OneRow|^Block$"),
    ("collecting the best rows", r"TopK|TidSet|FinishBlock|Candidate|CompressBelow|Filter(Below|Impl)|push_row|keep_row|\bcollect|__(adjust_heap|introselect|introsort|insertion_sort|unguarded|push_heap|move_median)"),
    ("buffers: look-ups, pins, locks, page checks", r"Buffer|LWLock|LockBufHdr|hash_search|hash_bytes|pin_recent|read_posting|ResourceOwner|PrivateRef|page_problem"),
    ("heap rows: fetching, visibility", r"heap_|heapam|HeapTuple|table_|tts_|slot_|index_fetch|detoast|toast|reorder"),
    ("sort", r"tuplesort|comparetup|qsort|readtup|writetup|mergeonerun|LogicalTape|MinimalTuple"),
    ("memory: allocating, copying", r"malloc|palloc|AllocSet|memcpy|memmove|memset|memcmp|\bfree\b|MemoryContext|_int_"),
]
KERNEL, REST = "kernel: memory, files, sockets", "executor, protocol, the rest"

LINE = re.compile(r"^\s*([\d.]+)%\s+(\S+)\s+\[([k.])\]\s+(.+?)\s*$")


def parse(text):
    """[(share of samples, object, symbol, in the kernel?)] of `perf report --stdio --sort dso,symbol`."""
    return [(float(m.group(1)), m.group(2), m.group(4), m.group(3) == "k") for m in map(LINE.match, text.splitlines()) if m]


def group_of(symbol, in_kernel, dso=""):
    if in_kernel:
        return KERNEL
    # The function's own name first; then what it was made of: a lambda's place, template arguments.
    for text in (short(symbol), symbol):
        for title, pattern in GROUPS:
            if re.search(pattern, text):
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
