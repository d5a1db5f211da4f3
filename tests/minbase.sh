#!/usr/bin/env bash
# ./bootstrap demo in a fresh minimal Debian (debootstrap --variant=minbase): no compiler, no curl, no Node.js.
# Needs root. The folder is made anew and removed; MINBASE_KEEP=1 keeps it for a look.
#
#     tests/minbase.sh [MAKE ARGUMENTS...]     default: demo
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${MINBASE_SUITE:-bookworm}
root=$(mktemp -d "${TMPDIR:-/tmp}/kinessis-minbase.XXXXXX")
mirror=$(awk '$1 == "URIs:" && !/security/ { print $2; exit } $1 == "deb" { print $2; exit }' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)

chmod 755 "$root"

finish() {
    for folder in dev/pts proc; do
        mountpoint -q "$root/$folder" && umount "$root/$folder"
    done
    [ "${MINBASE_KEEP:-}" = 1 ] || rm -rf --one-file-system "$root"
}
trap finish EXIT

[ "$(id -u)" = 0 ] || { echo "tests/minbase.sh: needs root" >&2; exit 2; }
command -v debootstrap >/dev/null || apt-get install -qq -y --no-install-recommends debootstrap >/dev/null

debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 || {
    tail -n 20 "$root.log"
    exit 1
}
rm -f "$root.log"
mount -t proc proc "$root/proc"
mount -t devpts devpts "$root/dev/pts"

# The project as a stranger gets it: what is committed, nothing that was built.
git clone -q --no-hardlinks . "$root/kinessis"

vectors=${KINESSIS_VECTORS:-../shared/vectors} # tests/run looks for them beside the checkout
if [ -d "$vectors" ]; then
    mkdir -p "$root/shared"
    cp -r "$vectors" "$root/shared/vectors"
fi

# This machine's way to the package registries: name resolution, registry settings, certificates.
cp /etc/resolv.conf /etc/hosts "$root/etc/"
settings=(HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb CI="${CI:-}")
registry=$(npm config get registry 2>/dev/null || true)
[ -z "$registry" ] || settings+=("npm_config_registry=$registry")
if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
    cp "$NODE_EXTRA_CA_CERTS" "$root/host-certificates.pem"
    settings+=(NODE_EXTRA_CA_CERTS=/host-certificates.pem npm_config_cafile=/host-certificates.pem
        PIP_CERT=/host-certificates.pem)
fi
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL; do
    [ -z "${!name:-}" ] || settings+=("$name=${!name}")
done

[ $# -gt 0 ] || set -- demo
env -i "${settings[@]}" chroot "$root" /bin/sh -c 'cd /kinessis && exec ./bootstrap "$@"' sh "$@"
