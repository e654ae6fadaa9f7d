#!/bin/bash
# Prints the python of a virtual environment in $BUILD/venv after making sure that it has the packages named.
#   venv.sh PACKAGE...             as pip names them; PACKAGE! comes without what it depends on
#   venv.sh --system PACKAGE...    prints the system's python instead if it has the packages (named as they are imported)
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$here/build}
case $build in /*) ;; *) build=$here/$build ;; esac
if [ "${1:-}" = --system ]; then
    shift
    if /usr/bin/python3 -c "import $(echo "$*" | tr ' ' ,)" 2>/dev/null; then
        echo /usr/bin/python3
        exit 0
    fi
    "$here/scripts/bootstrap.sh" venv
fi
python=$build/venv/bin/python
[ -x "$python" ] || /usr/bin/python3 -m venv "$build/venv" >&2
missing= alone=
for package in "$@"; do
    [ -e "$build/venv/.has-$package" ] && continue
    case $package in *!) alone="$alone $package" ;; *) missing="$missing $package" ;; esac
done
# install PIP-OPTION PACKAGE...
install() {
    option=$1; shift
    [ $# != 0 ] || return 0
    echo "installing in $build/venv: $*" >&2
    "$python" -m pip install -q --disable-pip-version-check $option "${@%!}" >&2
    for package in "$@"; do touch "$build/venv/.has-$package"; done
}
install "" $missing
install --no-deps $alone
echo "$python"
