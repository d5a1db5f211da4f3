# Measures kinessis beside limits and rivals, on this machine and in this hour. Rivals are optional: one
# that cannot be installed (into $BUILD/rivals) is left out, with the reason.
#
#     make bench                 some three minutes
#     BENCH_QUICK=1 make bench   under half a minute, without the rivals
#     BENCH_LENGTH=8 make bench  sends up to 10^8 records in one run, too (instead of 10^7)
set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=$(cd "${BUILD:-build}" && pwd)
rivals=$BUILD/rivals
export BUILD KINESSIS="$BUILD/kinessis" BENCH_QUICK="${BENCH_QUICK:-}" BENCH_QUICKSTART="$here/../../scripts/quickstart.lua"

# install NAME FILE COMMAND...: once for every version of FILE.
install() {
    name=$1 pinned=$2
    shift 2
    cmp -s "$pinned" "$rivals/$name.installed" && return
    rm -f "$rivals/$name.installed"
    "$@" >"$rivals/$name.log" 2>&1 && cp "$pinned" "$rivals/$name.installed"
}
python_faker() {
    python3 -m venv "$rivals/venv" && "$rivals/venv/bin/pip" install --quiet --disable-pip-version-check \
        --only-binary :all: --require-hashes -r "$here/rivals/requirements.txt"
}
node_faker() {
    mkdir -p "$rivals/node" && cp "$here/rivals/package.json" "$here/rivals/package-lock.json" "$rivals/node/" &&
        cd "$rivals/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
}
producer_library() {
    mkdir -p "$rivals/kpl" && cp "$here/rivals/kpl/pom.xml" "$here/rivals/kpl/Put.java" "$rivals/kpl/" && cd "$rivals/kpl" &&
        mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies -DoutputDirectory=lib &&
        javac -cp 'lib/*' Put.java
}
gofakeit() { (cd "$here/rivals/gofakeit" && go build -o "$rivals/gofakeit" .); }

if [ -z "$BENCH_QUICK" ]; then
    mkdir -p "$rivals"
    install python "$here/rivals/requirements.txt" python_faker
    (install node "$here/rivals/package-lock.json" node_faker)
    (install kpl "$here/rivals/kpl/Put.java" producer_library)
    install go "$here/rivals/gofakeit/go.sum" gofakeit
fi
exec python3 "$here/run.py"
