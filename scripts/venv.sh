#!/bin/bash
# Prints the python of a virtual environment in $BUILD/venv after making sure that it has the packages named.
#   venv.sh PACKAGE...        as pip names them
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$here/build}
case $build in /*) ;; *) build=$here/$build ;; esac
python=$build/venv/bin/python
[ -x "$python" ] || /usr/bin/python3 -m venv "$build/venv" >&2
missing=
for package in "$@"; do
    [ -e "$build/venv/.has-$package" ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "installing in $build/venv:$missing" >&2
    "$python" -m pip install -q --disable-pip-version-check $missing >&2
    for package in $missing; do touch "$build/venv/.has-$package"; done
fi
echo "$python"
