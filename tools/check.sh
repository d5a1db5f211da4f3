#!/bin/sh
# make check: formatting, lint, and who may include whom. Prints what is wrong; exits 1 when anything is.
set -u
cd "$(dirname "$0")/.."
bad=0
complain() { printf '%s\n' "$*" >&2; bad=1; }

if command -v clang-format >/dev/null; then
    unformatted=$(git ls-files 'src/*.[ch]' 'tests/*.[ch]' | xargs clang-format --dry-run 2>&1 |
        sed -n 's/^\([^:]*\):.*clang-format-violations.*/\1/p' | sort -u)
    [ -z "$unformatted" ] || complain "not formatted (make format):" $unformatted
else
    complain "clang-format is not installed"
fi

if command -v luacheck >/dev/null; then
    luacheck -q --codes lua scripts tests || bad=1
else
    complain "luacheck is not installed"
fi

if command -v terraform >/dev/null; then
    TF_CLI_CONFIG_FILE=/dev/null terraform fmt -check -diff terraform || complain "terraform files are not formatted"
fi

# Layers: a folder of src and the folders that it may include (itself always).
allowed() {
    case $1 in
    base) echo 'base' ;;
    gen) echo 'base gen' ;;
    net) echo 'base net' ;;
    aws) echo 'base net aws' ;;
    run) echo 'base gen net aws run' ;;
    lake) echo 'base net lake aws/sigv4.h' ;;
    bind) echo 'base gen net aws run lake bind' ;;
    esac
}
for folder in base gen net aws run lake bind; do
    pattern=$(allowed $folder | sed 's/[.]h/[.]h"/g; s/\([a-z]\)\( \|$\)/\1\/\2/g; s/ /|/g')
    grep -nE '^#include "' $(find src/$folder -name '*.[ch]') | grep -vE "#include \"($pattern)" &&
        complain "src/$folder may include only: $(allowed $folder)"
done
grep -nE '^#include "' src/main.c | grep -vE '"(bind|base)/' && complain "src/main.c may include only bind and base"

# A library's header belongs to one source, or to one folder.
only() { # HEADERS (a pattern) PLACE (a pattern below src/)
    strangers=$(grep -rlE "^#include <($1)" src | grep -vE "^src/$2")
    [ -z "$strangers" ] || complain "only src/$2 may include <$1>:" $strangers
}
only 'curl/' 'net/transfer[.]c$'
only 'expat' 'net/xml[.]c$'
only 'duckdb' 'lake/sql/'
only 'nghttp2/' 'lake/server/'
# The lake's server, and the page of a run's metrics: a run does not know the lake.
only 'microhttpd' '(lake/server/|net/page[.]c$)'
only 'sqlite3' 'lake/store/store[.]c$'
only 'lua|lauxlib|lualib' 'bind/'

# Every header compiles alone.
flags="-std=c11 -D_GNU_SOURCE -Isrc $(pkg-config --cflags lua5.4 jansson) -isystem ${DUCKDB_PREFIX:-node_modules/duckdb/src/duckdb/src}/include"
for header in $(git ls-files 'src/*.h'); do
    echo "#include \"${header#src/}\"" | ${CC:-cc} $flags -Wall -fsyntax-only -x c - ||
        complain "$header does not compile alone"
done

exit $bad
