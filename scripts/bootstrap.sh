#!/bin/bash
# Installs the Debian packages that a step needs, if any is missing, and says so; nothing else on the system changes.
# Usage: bootstrap.sh STEP...
# Steps: build (compiler, server headers, libraries), check (server and test tools), demo, bench,
# format, assert (a server from its source), sift (makes the benchmark's descriptors), gene (the aligner), profile (perf), deb (Debian packages), arm (compiler and emulator), sqlsmith, node, go.
set -eu
packages_of() {
    case $1 in
        build) echo g++ make postgresql-server-dev-all libhwy-dev libeigen3-dev ;;
        check) echo postgresql python3 python3-numpy libgtest-dev libipc-run-perl libfile-fcntllock-perl ;;
        demo) echo postgresql python3 python3-numpy python3-matplotlib libpq-dev ;;
        venv) echo python3 python3-venv ;;
        bench) echo postgresql python3 python3-venv python3-dev libpq-dev dpkg-dev debian-archive-keyring ;;
        format) echo clang-format ;;
        arm) echo qemu-user g++-aarch64-linux-gnu file ;;
        sqlsmith) echo sqlsmith ;;
        assert) echo gcc make bison flex dpkg-dev libreadline-dev zlib1g-dev libipc-run-perl valgrind debian-archive-keyring ;;
        sift) echo python3-opencv python3-numpy ;;
        gene) echo mmseqs2 ;;
        profile) echo linux-perf ;;
        deb) echo debhelper dpkg-dev fakeroot lintian postgresql-server-dev-all ;;
        node) echo nodejs npm ;;
        go) echo golang-go ;;
        *) echo "bootstrap.sh: no step named $1" >&2; exit 2 ;;
    esac
}
find_missing() {
    missing=
    for step in "$@"; do
        for package in $(packages_of "$step"); do
            dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' || missing="$missing $package"
        done
    done
}
find_missing "$@"
[ -n "$missing" ] || exit 0
# Makes that run side by side install one after the other.
exec 9>>"/tmp/vectorq-bootstrap-$(id -u).lock"
flock 9
find_missing "$@"
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing Debian packages:$missing" >&2
# A private cluster is all we ever start: while this file is there, the server's package makes none that a service would start.
made=/etc/postgresql-common/createcluster.d conf=/etc/postgresql-common/createcluster.d/vectorq-bootstrap.conf
[ ! -d "$made" ] || made=
tidy() {
    $sudo rm -f "$conf"
    [ -z "$made" ] || $sudo rmdir -p --ignore-fail-on-non-empty "$made"
}
case $missing in *postgresql*)
    trap tidy EXIT
    $sudo mkdir -p "${conf%/*}"
    echo 'create_main_cluster = false' | $sudo tee "$conf" >/dev/null ;;
esac
$sudo apt-get update -qq >&2 9>&- || true
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2 9>&-
