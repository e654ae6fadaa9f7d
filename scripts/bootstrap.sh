#!/bin/bash
# Installs the Debian packages that a step needs, if any is missing. Usage: bootstrap.sh STEP...
# Steps: build (compiler, server headers, libraries), check (server and test tools), demo, bench,
# format, assert (a server from its source), sift (makes the benchmark's descriptors), gene (the aligner), profile (perf), arm (compiler and emulator), sqlsmith.
set -eu
packages_of() {
    case $1 in
        build) echo g++ make postgresql-server-dev-all libhwy-dev libeigen3-dev ;;
        check) echo postgresql python3 python3-numpy libgtest-dev libipc-run-perl libfile-fcntllock-perl ;;
        demo) echo postgresql python3 python3-venv libpq-dev ;;
        bench) echo postgresql python3 python3-venv python3-dev libpq-dev dpkg-dev debian-archive-keyring ;;
        format) echo clang-format ;;
        arm) echo qemu-user g++-aarch64-linux-gnu file ;;
        sqlsmith) echo sqlsmith ;;
        assert) echo gcc make bison flex dpkg-dev libreadline-dev zlib1g-dev libipc-run-perl valgrind debian-archive-keyring ;;
        sift) echo python3-opencv python3-numpy ;;
        gene) echo mmseqs2 ;;
        profile) echo linux-perf ;;
        *) echo "bootstrap.sh: no step named $1" >&2; exit 2 ;;
    esac
}
missing=
for step in "$@"; do
    for package in $(packages_of "$step"); do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' || missing="$missing $package"
    done
done
[ -z "$missing" ] && exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq || true
# A private cluster is all we ever start: no service and no default cluster from the packages.
$sudo mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
$sudo apt-get install -y -qq --no-install-recommends $missing
