#!/bin/bash
# pgvector's clients on a private server that has pgvector and vectorq_pgvector. Usage: run_clients.sh [CLIENT...]; default: all use_* of test/clients.
# Each client installs its own packages (the first line of its file names them) below $BUILD/clients, makes its tables with
# its own code in a database of its own, adds one index `ah`, runs ANALYZE as autovacuum would, and asks. The server logs the
# plan of every query: those for the nearest rows must use that index.
# The last line is the sum; it names the clients whose packages could not be had.
set -u
cd "$(dirname "$0")/.."
build=$(realpath "${BUILD:-build}")
work=$build/clients
number=0 passed=0 failed=0 skipped=
mkdir -p "$work"

# report CLIENT: counts and numbers the lines "ok - WHAT" and "not ok - WHAT" of standard input.
report() {
    while IFS= read -r line; do
        case $line in
            'ok - '*) passed=$((passed + 1)) word=ok ;;
            'not ok - '*) failed=$((failed + 1)) word='not ok' ;;
            *) continue ;;
        esac
        number=$((number + 1))
        echo "$word $number - $1: ${line#*- }"
    done
}

# Of the database's queries after its CREATE INDEX … USING ah: "ok - plans ..." if all for nearest rows used that index. A condition may make
# another plan cheaper; a client whose queries all have one must use it in some.
check_plans() {
    awk -v database="$1|" '
        function take() {
            if (index(entry, database) != 1) return
            if (entry ~ /(statement|execute [^:]*): *CREATE INDEX.*USING "?ah"?/) { made = 1; return }
            if (!made || entry !~ / plan:\n/ || entry ~ /Query Text: *EXPLAIN/ || entry !~ /(Order By|Sort Key): [^\n]*(<->|<#>|<=>)/) return
            mine = entry ~ /Index Scan using [a-z_]+_(ah|half) /
            if (entry ~ /\n[ \t]*Filter: /) { filtered++; filtered_mine += mine }
            else { all++; all_mine += mine; if (!mine && bad == "") bad = entry }
        }
        /^\t/ { entry = entry "\n" $0; next }
        { take(); entry = $0 }
        END {
            take()
            printf "%s - the index is used by %d of %d queries, and %d of %d with a condition\n", (all == all_mine && all_mine + filtered_mine != 0) ? "ok" : "not ok", all_mine, all, filtered_mine, filtered
            if (bad != "") print bad > "/dev/stderr"
        }' "$PGDATA/server.log"
}

# install CLIENT: prints the command that runs it; fails where its packages cannot be had.
install() {
    local file=test/clients/$1 packages
    packages=$(sed -n 's/^.* packages: //p;1q' "$file")
    case $1 in
        *.py)
            local python
            # langchain-postgres wants an older pgvector than others may have.
            python=$(BUILD=$work/$(sed -n 's/^# environment: //p' "$file" | grep . || echo plain) scripts/venv.sh $packages) || return 1
            echo "$python test/clients/$1" ;;
        *.mjs)
            command -v npm >/dev/null || scripts/bootstrap.sh node >&2 || return 1
            mkdir -p "$work/node"
            [ -e "$work/node/package.json" ] || echo '{"private": true}' >"$work/node/package.json"
            for package in $packages; do
                [ -d "$work/node/node_modules/$package" ] || npm install --prefix "$work/node" --silent --no-audit --no-fund "$package" >&2 || return 1
            done
            # Packages are looked for from the file's own folder on.
            cp test/clients/*.mjs "$work/node/"
            echo "node $work/node/$1" ;;
        *.go)
            command -v go >/dev/null || scripts/bootstrap.sh go >&2 || return 1
            mkdir -p "$work/go"
            cp "$file" "$work/go/main.go"
            (cd "$work/go" && { [ -e go.mod ] || go mod init clients; } && { [ -e "$1.got" ] || { go get $packages && touch "$1.got"; }; } && go build -o "$1.bin" main.go) >&2 || return 1
            echo "$work/go/$1.bin" ;;
    esac
}

scripts/pgvector.sh >"$work/pgvector.log" 2>&1 || { echo "0 passed, 0 failed (skipped: all, since pgvector could not be built: $(tail -1 "$work/pgvector.log"))"; exit 0; }
scripts/cluster.sh drop clients 2>/dev/null
VQ_AUTOVACUUM=off VQ_CONF="session_preload_libraries = auto_explain
auto_explain.log_min_duration = 0
log_statement = ddl
log_line_prefix = '%d|'" scripts/cluster.sh start clients || exit 1
trap 'scripts/cluster.sh stop clients' EXIT
eval "$(scripts/cluster.sh env clients)"
export VQ_SENTENCES=$work/sentences.json
/usr/bin/python3 test/clients/fake.py "$VQ_SENTENCES"

for client in ${*:-$(cd test/clients && echo use_*)}; do
    name=${client#use_} name=${name%.*}
    log=$work/$name.log
    if ! command=$(install "$client" 2>"$log"); then
        skipped="$skipped; $name: $(grep . "$log" | tail -1)"
        echo "skipped - $name"
        continue
    fi
    psql -q -d postgres -c "CREATE DATABASE $name" || exit 1
    PGDATABASE=$name PYTHONDONTWRITEBYTECODE=1 timeout 600 $command >"$log" 2>&1
    status=$?
    report "$name" <"$log"
    plans=$(check_plans "$name" 2>>"$log")
    report "$name" <<<"${plans:-not ok - the plans could not be read}"
    [ $status = 0 ] || { report "$name" <<<"not ok - ended with status $status, see $log"; tail -15 "$log"; }
done
echo "$passed passed, $failed failed${skipped:+ (skipped: ${skipped#; })}"
[ "$failed" = 0 ]
