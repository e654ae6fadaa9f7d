#!/usr/bin/python3
"""SIFT descriptors (128 dimensions, integers 0..255) of photographs in Debian packages.

    make_sift.py [--rows N]      bench set: N base rows (default 1,000,000) and 10,000 queries, in
                                 $VQ_DATA (default build/data): sift-photo-N.{base,query}.npy, .json. Above the 1.7 million
                                 that the photographs give as they are (10,000,000, say) their mirror images and negatives,
                                 and if need be views of them at an angle, give the rest (sift_views.py); 1 GB of memory
    make_sift.py --small DIR     the committed set of test/data: 20,000 base rows, 1,000 queries,
                                 raw bytes in .gz, only from photographs under CC-BY-4.0 and CC0-1.0

Queries come from other photographs than base rows. Identical rows are kept once. Rows are in random
order, so a prefix of the base rows is a fair sample of them. The same package versions give the same
bytes. Needs python3-opencv and python3-numpy (`scripts/bootstrap.sh sift`); photographs that are not
installed are taken from their packages (`apt-get download`), which are unpacked, not installed.
"""
import argparse
import gzip
import hashlib
import json
import multiprocessing
import os
import sys
import time

import cv2
import numpy as np

from debian import package_file
from sift_views import SYMMETRIES, VIEWS, expand, view

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("VQ_DATA") or os.path.join(ROOT, "build", "data")
SEED = 20261
PROCESSES = int(os.environ.get("VQ_PROCESSES") or os.cpu_count())
NUM_QUERIES = 10_000

# Photographs only: most wallpapers of these packages are drawings, which have few and flat features.
LOMIRI, MATE, PLASMA = "usr/share/backgrounds/%s.jpg", "usr/share/backgrounds/mate/nature/%s.jpg", \
    "usr/share/wallpapers/%s/contents/images/2560x1600.jpg"
PACKAGES = [
    ("lomiri-wallpapers-16.04", LOMIRI,
     "Bridge_by_Sander_Klootwijk Dragonfly_by_Bolly Picture_0B_by_freespace Picture_1A_by_freespace "
     "Wine_by_Jakkub_Mede aitzgorri_by_Aitzol_Berasategi analogpattern_by_Peter_Nerlich free_by_Peter_Nerlich "
     "friends_by_Aitzol_Berasategi greentock_by_Peter_Nerlich life_by_Aitzol_Berasategi "
     "picosdeeuropa_by_Aitzol_Berasategi seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi"),
    ("lomiri-wallpapers-20.04", LOMIRI, "Infinite-Sea_by_Aury88 Kleiber_by_Lukas_Baubkus"),
    ("mate-backgrounds", MATE,
     "Aqua Blinds Dune FreshFlower Garden GreenMeadow LadyBird RainDrops TwoWings Wood YellowFlower"),
    ("plasma-workspace-wallpapers", PLASMA,
     "BytheWater ColdRipple ColorfulCups DarkestHour EveningGlow FallenLeaf Grey Kite OneStandsOut Path summer_1am"),
]
# Chosen to differ: a valley, a still life, grass, a tree, a pier, boats.
QUERY_PHOTOS = {"picosdeeuropa_by_Aitzol_Berasategi", "Picture_0B_by_freespace", "Dune", "Dragonfly_by_Bolly",
                "BytheWater", "EveningGlow"}
# The bench needs a million rows from 33 photographs, hence the low threshold and three scales.
BENCH = dict(scales=(1.0, 0.7, 0.5), contrast=0.01)
AT_AN_ANGLE = dict(scales=(0.7, 0.5), contrast=0.01)
MOST_AS_THEY_ARE = 1_500_000  # rows: more of them take the symmetries
WRITTEN_AT_ONCE = 200_000

# The committed set: only licences that ask for no more than naming the photographer.
SMALL = dict(scales=(0.5, 0.25), contrast=0.02)
SMALL_BASE = ["Picture_1A_by_freespace", "Wine_by_Jakkub_Mede", "aitzgorri_by_Aitzol_Berasategi",
              "friends_by_Aitzol_Berasategi", "life_by_Aitzol_Berasategi", "seeding_by_Clements_Engelhardt",
              "sunset_by_Aitzol_Berasategi"]
SMALL_QUERY = ["picosdeeuropa_by_Aitzol_Berasategi", "Picture_0B_by_freespace"]
SMALL_ROWS, SMALL_QUERIES = 20_000, 1_000


def photographs(wanted=None):
    """Name -> path, of all photographs or of the wanted ones (so that no other package is fetched)."""
    return {name: package_file(package, pattern % name, os.path.join(DATA, "photos")) for package, pattern, names in PACKAGES
            for name in names.split() if wanted is None or name in wanted}


def describe(job):
    """All descriptors of one photograph, or of a view of it, as uint8 rows in a fixed order."""
    name, path, scales, contrast, angle = job
    cv2.setNumThreads(1)
    grey, mask = cv2.imread(path, cv2.IMREAD_GRAYSCALE), None
    if grey is None:
        raise SystemExit(f"make_sift.py: cannot read {path}")
    if angle is not None:
        grey, mask = view(grey, *angle)
    sift = cv2.SIFT_create(nfeatures=0, contrastThreshold=contrast, edgeThreshold=12)
    parts = []
    for scale in scales:
        image = grey if scale == 1.0 else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        part = None if mask is None else cv2.resize(mask, image.shape[::-1], interpolation=cv2.INTER_NEAREST)
        _, rows = sift.detectAndCompute(image, part)
        if rows is not None:
            parts.append(rows.astype(np.uint8))
    return name, np.concatenate(parts) if parts else np.empty((0, 128), np.uint8)


def describe_all(names, paths, scales, contrast, angle=None):
    # Largest files first, so that the pool ends evenly; the result does not depend on it.
    jobs = sorted(((n, paths[n], scales, contrast, angle) for n in names), key=lambda job: -os.path.getsize(job[1]))
    found = {}
    with multiprocessing.Pool(PROCESSES) as pool:
        for name, rows in pool.imap_unordered(describe, jobs):
            print(f"{name:40s} {len(rows):8d}" + ("" if angle is None else f"  tilt {angle[0]:.2f}, {angle[1]} degrees"), flush=True)
            found[name] = rows
    return {name: found[name] for name in sorted(names)}


def row_keys(rows):
    """64-bit keys of rows: multiply-add over eight-byte words; a collision of different rows is unlikely (n^2 / 2^65)."""
    words = np.ascontiguousarray(rows).view(np.uint64)
    factors = np.random.default_rng(SEED).integers(1, 2**63, size=words.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    key = np.zeros(len(words), np.uint64)
    for column in range(words.shape[1]):
        key = (key ^ words[:, column]) * factors[column]
        key ^= key >> np.uint64(29)
    return key


def distinct(rows):
    _, first = np.unique(row_keys(rows), return_index=True)
    return rows[np.sort(first)]


def balanced(per_photo, count, rng):
    """`count` rows in random order, as equally from each photograph as its number of rows allows."""
    left, chosen = count, []
    order = sorted(per_photo, key=lambda name: (len(per_photo[name]), name))
    for position, name in enumerate(order):
        rows = per_photo[name]
        take = min(len(rows), -(-left // (len(order) - position)))
        chosen.append(rows[rng.permutation(len(rows))[:take]])
        left -= take
    if left:
        raise SystemExit(f"make_sift.py: the photographs have only {count - left} distinct descriptors, {count} wanted")
    rows = np.concatenate(chosen)
    return rows[rng.permutation(count)]


def split(base_photos, query_photos, rows, queries):
    rng = np.random.default_rng(SEED)
    pool = distinct(np.concatenate(list(base_photos.values())))
    per_query_photo = {name: distinct(found) for name, found in query_photos.items()}
    per_query_photo = {name: found[~np.isin(row_keys(found), row_keys(pool))] for name, found in per_query_photo.items()}
    if len(pool) < rows:
        raise SystemExit(f"make_sift.py: the photographs have only {len(pool)} distinct descriptors, {rows} wanted")
    return pool[rng.permutation(len(pool))[:rows]], balanced(per_query_photo, queries, rng), len(pool)


def enough_descriptors(paths, rows):
    """(pool, views used): distinct descriptors of the photographs and of as many views as it takes for a quarter of the rows."""
    names = sorted(set(paths) - QUERY_PHOTOS)
    pool = distinct(np.concatenate(list(describe_all(names, paths, **BENCH).values())))
    used = []
    for angle in VIEWS:
        # A little more, for rows that a symmetry of another row equals.
        if len(pool) * len(SYMMETRIES) >= 1.01 * rows:
            break
        found = describe_all(names, paths, **AT_AN_ANGLE, angle=angle)
        pool = distinct(np.concatenate([pool, *found.values()]))
        used.append(angle)
        print(f"{len(pool)} distinct descriptors", flush=True)
    return pool, used


def large_split(paths, rows, file):
    """Writes the base rows to `file` in pieces, so that memory holds the descriptors only, not the rows. -> queries, header."""
    rng = np.random.default_rng(SEED)
    pool, used = enough_descriptors(paths, rows)
    keys = np.concatenate([row_keys(np.ascontiguousarray(pool[:, order])) for order in SYMMETRIES])
    _, first = np.unique(keys, return_index=True)
    if len(first) < rows:
        raise SystemExit(f"make_sift.py: the photographs and their views have only {len(first)} distinct descriptors, {rows} wanted")
    chosen = np.sort(first)[rng.permutation(len(first))[:rows]]
    base, digest = np.lib.format.open_memmap(file, "w+", np.uint8, (rows, 128)), hashlib.sha256()
    for start in range(0, rows, WRITTEN_AT_ONCE):
        base[start:start + WRITTEN_AT_ONCE] = part = expand(pool, chosen[start:start + WRITTEN_AT_ONCE])
        digest.update(part.tobytes())
    base.flush()
    per_query_photo = {name: distinct(found) for name, found in describe_all(sorted(QUERY_PHOTOS), paths, **BENCH).items()}
    per_query_photo = {name: found[~np.isin(row_keys(found), keys)] for name, found in per_query_photo.items()}
    return balanced(per_query_photo, NUM_QUERIES, rng), dict(distinct_descriptors=len(pool), symmetries=len(SYMMETRIES),
                                                             views=[list(angle) for angle in used], settings_of_views=AT_AN_ANGLE,
                                                             sha256_base=digest.hexdigest())


def small_split(paths, rows, file):
    found = describe_all(paths, paths, **BENCH)
    base, queries, pool = split({n: r for n, r in found.items() if n not in QUERY_PHOTOS},
                                {n: r for n, r in found.items() if n in QUERY_PHOTOS}, rows, NUM_QUERIES)
    np.save(file, base)
    return queries, dict(distinct_descriptors=pool, sha256_base=hashlib.sha256(base.tobytes()).hexdigest())


def make_bench(rows, large):
    stem = os.path.join(DATA, f"sift-photo-{rows}")
    if all(os.path.exists(stem + end) for end in (".base.npy", ".query.npy", ".json")):
        print("already there:", stem)
        return
    started = time.time()
    os.makedirs(DATA, exist_ok=True)
    paths = photographs()
    queries, found = (large_split if large or rows > MOST_AS_THEY_ARE else small_split)(paths, rows, stem + ".base.npy")
    np.save(stem + ".query.npy", queries)
    header = dict(rows=rows, dims=128, queries=NUM_QUERIES, dtype="uint8", metric="l2", **found,
                  opencv=cv2.__version__, seconds=round(time.time() - started, 1), seed=SEED, settings=BENCH,
                  query_photographs=sorted(QUERY_PHOTOS), base_photographs=sorted(set(paths) - QUERY_PHOTOS),
                  sha256_query=hashlib.sha256(queries.tobytes()).hexdigest())
    with open(stem + ".json", "w") as file:
        json.dump(header, file, indent=1)
    print(f"{stem}.*: {rows} rows of {found['distinct_descriptors']} distinct descriptors, {header['seconds']} s")


def make_small(folder):
    paths = photographs(SMALL_BASE + SMALL_QUERY)
    found = describe_all(SMALL_BASE + SMALL_QUERY, paths, **SMALL)
    rng = np.random.default_rng(SEED)
    per_photo = {name: distinct(found[name]) for name in SMALL_BASE}
    base = distinct(balanced(per_photo, SMALL_ROWS, rng))
    if len(base) != SMALL_ROWS:
        raise SystemExit("make_sift.py: two photographs share a descriptor; choose another seed")
    queries = {n: distinct(found[n]) for n in SMALL_QUERY}
    queries = balanced({n: r[~np.isin(row_keys(r), row_keys(base))] for n, r in queries.items()}, SMALL_QUERIES, rng)
    for name, rows in (("sift_base", base), ("sift_query", queries)):
        # mtime=0 and no name inside: the same rows give the same file.
        with open(os.path.join(folder, name + ".u8.gz"), "wb") as raw, \
                gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as file:
            file.write(rows.tobytes())
        print(name, rows.shape, os.path.getsize(os.path.join(folder, name + ".u8.gz")), "bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--large", action="store_true", help="with mirror images and negatives, however few rows are wanted")
    parser.add_argument("--small", metavar="DIR")
    options = parser.parse_args()
    if options.small:
        make_small(options.small)
    else:
        make_bench(options.rows, options.large)


if __name__ == "__main__":
    sys.exit(main())
