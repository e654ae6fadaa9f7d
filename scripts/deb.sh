#!/bin/bash
# Debian packages of vectorq for the servers at hand, into $BUILD/deb. Usage: deb.sh          builds them and asks lintian
#                                                                       deb.sh twice    builds them twice, from nothing: the same bytes?
set -eu
cd "$(dirname "$0")/.."
build=$(realpath -m "${BUILD:-build}")
version=$(sed -n 's/^EXTVERSION = //p' Makefile)
grep -q "^vectorq ($version-" debian/changelog && grep -q "\"version\": \"$version\"" META.json ||
    { echo "deb.sh: debian/changelog and META.json want version $version of the Makefile" >&2; exit 1; }
# build_in FOLDER: the sources' copy in FOLDER/vectorq, packages beside it.
build_in() {
    scripts/copy_sources.sh "$1/vectorq"
    (cd "$1/vectorq" && pg_buildext updatecontrol >/dev/null && MAKEFLAGS= dpkg-buildpackage -b -us -uc -nc) >"$1/build.log" 2>&1 ||
        { tail -20 "$1/build.log" >&2; exit 1; }
}
case ${1:-once} in
    once)
        build_in "$build/deb"
        ls "$build"/deb/*.deb
        lintian --fail-on error --tag-display-limit 0 "$build"/deb/*.changes ;;
    twice)
        for turn in first second; do rm -rf "$build/deb_$turn" && build_in "$build/deb_$turn"; done
        for package in "$build"/deb_first/*.deb; do
            cmp "$package" "$build/deb_second/${package##*/}" && echo "${package##*/}: the same bytes twice"
        done ;;
    *) echo "usage: deb.sh [twice]" >&2; exit 2 ;;
esac
