#!/bin/sh
# bare_root.sh ROOT [ARGUMENT...] - `./run ARGUMENT...` in a fresh clone on a bare Debian 12.
# bare_root.sh ROOT -c COMMANDS - a shell's commands there instead, and no clone.
#
# Makes the folder ROOT with debootstrap (minbase: not even make is in it) unless it is there, clones
# this repository's HEAD into ROOT/ferry, and runs its ./run there by chroot. Needs root. Mirrors,
# proxies and certificates are those this machine is set up with. The mounts live in a namespace of
# their own and end with it. ROOT stays, so that a second time is fast; a pristine one is kept beside
# it as ROOT.tar, and PRISTINE=1 starts from that again. What ./run reads of the environment (JOBS,
# DIR, ENGINES, KEEP, BREAK) is passed on.
set -eu
repository=$(cd "$(dirname "$0")/.." && pwd)
root=${1:?usage: bare_root.sh ROOT [ARGUMENT...], or ROOT -c COMMANDS}
shift
suite=bookworm
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# "URI SUITE COMPONENT" of the Debian archives that this machine's apt uses.
archives() {
    # shellcheck disable=SC2016 # apt-get fills these in
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        grep -E " $suite(-updates|-security)? main\$"
}

make_root() {
    mirror=$(archives | awk -v suite="$suite" '$2 == suite { print $1; exit }')
    echo "bare_root: debootstrap $suite from ${mirror:?no $suite archive in the configuration of apt}"
    debootstrap --variant=minbase --keyring="$keyring" "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail "$root.log"; rm -rf "$root"; exit 1; }
    archives | sed "s,^,deb [signed-by=$keyring] ," >"$root/etc/apt/sources.list"
    apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/99machine" || true
    tar -C "$root" -cf "$root.tar" .
}

# What names this machine's way out: proxies, and pip's settings.
way_out() { env | grep -iE '^((https?|no|all)_proxy|PIP_[A-Z_]*|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)='; }

# Puts the files that way_out names into the root, beside its own: installing ca-certificates there
# would write over them. Prints the variables as they are inside.
share_way_out() {
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    [ ! -f /etc/pip.conf ] || cp -L /etc/pip.conf "$root/etc/"
    way_out | while IFS='=' read -r name value; do
        if [ -f "$value" ]; then
            mkdir -p "$root/etc/machine/$(dirname "$value")"
            cp -L "$value" "$root/etc/machine/$value"
            value=/etc/machine$value
        elif [ "${value#/}" != "$value" ]; then
            continue # a folder of this machine, which the root has not
        fi
        printf '%s=%s\n' "$name" "$value"
    done
    # Java has certificates of its own, and whatever else Maven needs is in its settings.
    if [ -f /etc/ssl/certs/java/cacerts ]; then
        mkdir -p "$root/etc/machine"
        cp -L /etc/ssl/certs/java/cacerts "$root/etc/machine/cacerts"
        echo MAVEN_OPTS=-Djavax.net.ssl.trustStore=/etc/machine/cacerts
    fi
}

[ "$(id -u)" -eq 0 ] || { echo "bare_root: needs root, for chroot and mount" >&2; exit 1; }
if [ "${PRISTINE:-0}" = 1 ] && [ -f "$root.tar" ]; then
    rm -rf "$root" && mkdir -p "$root" && tar -C "$root" -xf "$root.tar"
fi
[ -f "$root/etc/debian_version" ] || make_root
variables=$(share_way_out)
if [ "${1:-}" != -c ]; then
    rm -rf "$root/ferry"
    git clone --quiet --no-hardlinks "$repository" "$root/ferry"
    # shellcheck disable=SC2016 # the inner shell expands
    set -- -c 'cd /ferry && exec ./run "$@"' sh "$@"
fi

# shellcheck disable=SC2016,SC2086 # the inner shell expands; one word for each variable
exec unshare --mount sh -c '
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
    exec chroot "$root" env -i "$@"
' sh "$root" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 $variables \
    ${JOBS:+JOBS=$JOBS} ${DIR:+DIR=$DIR} ${ENGINES:+ENGINES=$ENGINES} ${KEEP:+KEEP=$KEEP} ${BREAK:+BREAK=$BREAK} \
    sh "$@"
