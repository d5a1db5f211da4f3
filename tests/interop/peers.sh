#!/bin/sh
# Installs the foreign clients and servers that the tests run against, pinned with hashes and without
# running install scripts, under $BUILD/peers: node/node_modules (kinesalite, the AWS SDK for JavaScript)
# and venv (boto3, moto, pyarrow). Quick when they are present. Exits 1 and says so when one cannot be
# installed: its tests then skip, or fail where CI=true.
set -u
here=$(cd "$(dirname "$0")" && pwd)
peers=${BUILD:-$here/../../build}/peers
mkdir -p "$peers/node" || exit 1
peers=$(cd "$peers" && pwd)
missing=0

# present STAMP FILES...: what was installed came from these very files.
present() {
    stamp=$1
    shift
    [ -f "$stamp" ] && cat "$@" | cmp -s - "$stamp"
}

if ! present "$peers/node/installed" "$here/package-lock.json"; then
    rm -f "$peers/node/installed"
    cp "$here/package.json" "$here/package-lock.json" "$peers/node/"
    if (cd "$peers/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null); then
        cp "$here/package-lock.json" "$peers/node/installed"
    else
        echo "peers: kinesalite and the AWS SDK for JavaScript cannot be installed" >&2
        missing=1
    fi
fi

if ! present "$peers/venv/installed" "$here/requirements.txt"; then
    rm -f "$peers/venv/installed"
    if { [ -x "$peers/venv/bin/pip" ] || python3 -m venv "$peers/venv"; } &&
        "$peers/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
            --require-hashes -r "$here/requirements.txt"; then
        cp "$here/requirements.txt" "$peers/venv/installed"
    else
        echo "peers: boto3, moto and pyarrow cannot be installed" >&2
        missing=1
    fi
fi
exit $missing
