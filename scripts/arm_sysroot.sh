#!/bin/bash
# Fetches the ARM packages that the core's tests link with and unpacks them below $BUILD/arm: nothing is installed, and the
# machine's own list of packages stays as it is. Prints the directory.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$here/build}
case $build in /*) ;; *) build=$here/$build ;; esac
root=$build/arm/root
if [ ! -e "$root/.complete" ]; then
    mkdir -p "$root" "$build/arm/lists/partial" "$build/arm/cache/archives/partial"
    touch "$build/arm/status"
    apt=(apt-get -qq -o "Dir::State::lists=$build/arm/lists" -o "Dir::State::status=$build/arm/status" -o "Dir::Cache=$build/arm/cache"
        -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root)
    "${apt[@]}" update >&2 || true
    (cd "$build/arm/cache/archives" && "${apt[@]}" download libhwy-dev libhwy1 libgtest-dev libeigen3-dev >&2)
    for package in "$build"/arm/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
    touch "$root/.complete"
fi
echo "$root"
