"""The configurations of the study's Table 1 and Figures 2 and 3: for FAISS, for ScaNN, and vectorq's DDL for each."""
from gene.in_server import ServerRecipe
from gene.libraries import Faiss, Recipe, Scann

PROBES = ({"nprobe": 1}, {"nprobe": 8}, {"nprobe": 32})


def leaf_probes(leaves):
    return tuple({"nprobe": max(1, round(leaves * share))} for share in (0.01, 0.05, 0.15))


def faiss_recipes(lists):
    factories = [("Flat", ({},)), ("PCA64,Flat", ({},)), ("PCAW64,Flat", ({},)), (f"IVF{lists},Flat", PROBES),
                 (f"PCAWR64,IVF{lists},Flat", PROBES), (f"OPQ32_64,IVF{lists},PQ16", PROBES), (f"OPQ32,IVF{lists},PQ16", PROBES)]
    return [Recipe(Faiss, f"FAISS {factory}", factory, steps, factory=factory) for factory, steps in factories]


def scann_recipes(leaves):
    return [Recipe(Scann, "ScaNN brute force", "scann brute force", brute=True),
            Recipe(Scann, "ScaNN AH", "scann AH"),
            Recipe(Scann, "ScaNN AH, reorder 100", "scann AH reorder", reorder=100),
            Recipe(Scann, f"ScaNN tree {leaves}, AH, reorder 100", "scann tree", leaf_probes(leaves), leaves=leaves, reorder=100)]


def server_recipes(lists, leaves):
    """In the order of the others, so that rows of the tables correspond; the last two are vectorq's own."""
    def reordered(steps):
        return tuple({**step, "reorder_rows": 100} for step in steps)

    pq16 = f"lists = {lists}, quantizer = pq, subvectors = 16, reorder = off"
    return [
        ServerRecipe("Flat (no index)", "Flat", ""),
        ServerRecipe("PCA64,Flat", "PCA64,Flat", "USING ivf (embedding) WITH (lists = 1, transform = 'pca64', reorder = off)"),
        ServerRecipe("PCAW64,Flat", "PCAW64,Flat", "USING ivf (embedding) WITH (lists = 1, transform = 'pcaw64', reorder = off)"),
        ServerRecipe(f"IVF{lists},Flat", f"IVF{lists},Flat", f"USING ivf (embedding) WITH (lists = {lists})", PROBES),
        ServerRecipe(f"PCAWR64,IVF{lists},Flat", f"PCAWR64,IVF{lists},Flat",
                     f"USING ivf (embedding) WITH (lists = {lists}, transform = 'pcawr64', reorder = off)", PROBES),
        ServerRecipe(f"OPQ32_64,IVF{lists},PQ16", f"OPQ32_64,IVF{lists},PQ16",
                     f"USING ivf (embedding) WITH ({pq16}, transform = 'opq32_64')", PROBES),
        ServerRecipe(f"OPQ32,IVF{lists},PQ16", f"OPQ32,IVF{lists},PQ16", f"USING ivf (embedding) WITH ({pq16}, transform = 'opq32')",
                     PROBES),
        ServerRecipe("brute force", "scann brute force", "USING ivf (embedding) WITH (lists = 1)"),
        ServerRecipe("AH", "scann AH", "USING ah (embedding) WITH (lists = 1, reorder = off)"),
        ServerRecipe("AH, reorder 100", "scann AH reorder", "USING ah (embedding) WITH (lists = 1, reorder = f32)",
                     ({"reorder_rows": 100},)),
        ServerRecipe(f"tree {leaves}, AH, reorder 100", "scann tree",
                     f"USING ah (embedding) WITH (lists = {leaves}, replicas = none, reorder = f32)", reordered(leaf_probes(leaves))),
        ServerRecipe("ah, no options", "ah", "USING ah (embedding)"),
        ServerRecipe("ah, records", "ah records", "USING ah (embedding) WITH (reorder = f16)"),
    ]
