#!/usr/bin/env python3
"""Prints a gzipped file of raw unsigned bytes as COPY text: id, tab, [1,2,...].

    u8_to_copy.py FILE.u8.gz [--dims 128] [--rows N] [--no-id]
"""
import argparse
import gzip
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--rows", type=int, help="only the first N rows")
    parser.add_argument("--no-id", action="store_true")
    options = parser.parse_args()
    with gzip.open(options.file) as file:
        data = file.read()
    if len(data) % options.dims:
        raise SystemExit(f"{options.file}: {len(data)} bytes are no multiple of {options.dims} dimensions")
    rows = len(data) // options.dims
    if options.rows is not None:
        rows = min(rows, options.rows)
    for row in range(rows):
        vector = "[" + ",".join(map(str, data[row * options.dims:(row + 1) * options.dims])) + "]\n"
        sys.stdout.write(vector if options.no_id else f"{row}\t{vector}")


if __name__ == "__main__":
    main()
