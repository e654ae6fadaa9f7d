#!/bin/bash
# Builds vectorq and runs its tests on other versions of PostgreSQL. Usage: versions.sh [WHERE...]
# WHERE is
#   a Debian suite   a chroot of it is made below $BUILD/versions (debootstrap; needs root) and PostgreSQL comes
#                    from its packages: bookworm has 15, trixie 17, sid 18
#   16               no suite of Debian has it: the server of the Python package pgserver (16.2), unpacked below $BUILD/versions.
#                    It brings no contrib modules
#   a pg_config      of a server installed on this machine, as /opt/pg14/bin/pg_config
# Default: 16 trixie sid. Each gets a copy of the sources, a build with GCC and one with Clang (where there is one), neither of
# which may warn, and then `make CHECK` (environment; default: check). The last line is `N passed, N failed`.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-build}
case $build in /*) ;; *) build=$here/$build ;; esac
base=$build/versions
check=${CHECK:-check}
mkdir -p "$base"
passed=0 failed=0
[ $# != 0 ] || set -- 16 trixie sid
case $1 in -*) sed -n '2,11p' "$0" | cut -c3-; exit 2 ;; esac

# What runs in the copy of the sources: two builds without a warning, then the tests. $1: pg_config, $2: make's target.
inside='
set -u
pg_config=$1 target=$2 status=0
unset BUILD
echo "== $("$pg_config" --version)"
# GCC last: the tests take its build.
for cxx in clang++ g++; do
    command -v $cxx >/dev/null || { echo "== no $cxx here"; continue; }
    # The headers of a server that gcc built know attributes that clang ignores, its flags warnings that clang does not know.
    [ $cxx = g++ ] && cc=gcc flags= || { cc=clang; flags="-Wno-ignored-attributes -Wno-unknown-warning-option"; }
    find src \( -name "*.[od]" -o -name "*.bc" \) -delete
    rm -f vectorq.so
    if make all PG_CONFIG="$pg_config" CXX="$cxx $flags" CC=$cc >build-$cxx.log 2>&1; then
        warnings=$(grep -cE ":[0-9]+: warning:" build-$cxx.log)
        echo "== $($cxx --version | head -1): $warnings warnings"
        [ "$warnings" = 0 ] || { grep -E ":[0-9]+: warning:" build-$cxx.log | sort | uniq -c | sort -rn | head -20; status=1; }
    else
        tail -20 build-$cxx.log
        echo "== $($cxx --version | head -1): does not build"
        status=1
    fi
done
nice -n ${NICE:-0} make --no-print-directory "$target" PG_CONFIG="$pg_config" >check.log 2>&1 || status=1
grep -E "^== |not ok|FAILED|: no test ran" check.log || tail -30 check.log
grep -E "^[0-9]+ passed, [0-9]+ failed" check.log | tail -1
exit $status
'

run_pg_config() { # PATH
    name=$(echo "$1" | tr -c 'a-zA-Z0-9\n' _)
    "$here/scripts/copy_sources.sh" "$base/$name"
    (cd "$base/$name" && bash -c "$inside" versions "$1" "$check")
}

# The package's server, with the test modules of the server at hand. Its programs look for libpq by a path relative to
# themselves, which their copy below pgroot does not keep.
run_wheel() { # MAJOR
    server=$base/pg$1
    if [ ! -e "$server/.complete" ]; then
        python=$(BUILD=$build "$here/scripts/venv.sh" pgserver!) || return 1
        site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
        rm -rf "$server"
        cp -r "$site/pgserver/pginstall" "$server" && cp -r "$site/pgserver.libs" "$server/libs" || return 1
        cp -r "$(dirname "$("${PG_CONFIG:-pg_config}" --pgxs)")/../test/perl" "$server/lib/postgresql/pgxs/src/test/" || return 1
        touch "$server/.complete"
    fi
    "$server/bin/pg_config" --version | grep -q "^PostgreSQL $1\." || { echo "pgserver has another version"; return 1; }
    LD_LIBRARY_PATH=$server/libs run_pg_config "$server/bin/pg_config"
}

make_chroot() { # SUITE DIRECTORY
    [ -e "$2/.complete" ] && return 0
    [ "$(id -u)" = 0 ] || { echo "versions.sh: a chroot needs root"; return 1; }
    command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap
    rm -rf "$2"
    debootstrap --variant=minbase "$1" "$2" >"$base/$1-debootstrap.log" 2>&1 || { tail -5 "$base/$1-debootstrap.log"; return 1; }
    # Packages start no service there.
    printf '#!/bin/sh\nexit 101\n' >"$2/usr/sbin/policy-rc.d"
    chmod +x "$2/usr/sbin/policy-rc.d"
    # A mirror may lag behind; what it has is signed all the same.
    echo 'Acquire::Check-Valid-Until "false";' >"$2/etc/apt/apt.conf.d/90late"
    cp /etc/resolv.conf "$2/etc/resolv.conf" 2>/dev/null || true
    chroot "$2" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        make git clang libomp-dev procps' >"$base/$1-packages.log" 2>&1 || { tail -5 "$base/$1-packages.log"; return 1; }
    touch "$2/.complete"
}

run_suite() { # SUITE
    chroot=$base/$1
    make_chroot "$1" "$chroot" || return 1
    "$here/scripts/copy_sources.sh" "$chroot/vectorq"
    { echo 'cd /vectorq && scripts/bootstrap.sh build check >packages.log 2>&1 || { tail -5 packages.log; exit 1; }'
      echo 'set -- "$(command -v pg_config)" "$1"'
      echo "$inside"; } >"$chroot/vectorq-check.sh"
    # Mounts of a name space of its own: they go with it.
    unshare --mount bash -c 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/dev/shm" &&
        exec chroot "$0" bash /vectorq-check.sh "$1"' "$chroot" "$check"
}

for where in "$@"; do
    echo "==== $where"
    log=$base/$(echo "$where" | tr -c 'a-zA-Z0-9\n' _).log
    case $where in
        */*) run_pg_config "$where" ;;
        16) run_wheel "$where" ;;
        *) run_suite "$where" ;;
    esac >"$log" 2>&1
    status=$?
    cat "$log"
    sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
    p=$(echo "$sum" | grep -oE '^[0-9]+') f=$(echo "$sum" | grep -oE '[0-9]+ failed' | grep -oE '[0-9]+')
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0}))
    [ $status = 0 ] || [ "${f:-0}" != 0 ] || failed=$((failed + 1))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
