#!/bin/sh
# get-wireguard-go.sh [SUITE]     (default: sid)
# Fetches the newest wireguard-go of a Debian suite into .cache/wireguard-go,
# for comparison.  apt works with lists and a state of its own, so that the
# system's packages stay as they are; it checks the archive's signature.
set -eu

suite=${1:-sid}
cd "$(dirname "$0")/.."
out=$PWD/.cache/wireguard-go
if [ -x "$out/wireguard-go" ]; then
	cat "$out/version"
	exit 0
fi

# the variable is for apt to fill in
# shellcheck disable=SC2016
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
	sed 's#/*$##' | grep -v security | head -n 1)}
[ -n "$mirror" ] || {
	echo "get-wireguard-go: no Debian source is configured" >&2
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/lists/partial" "$work/cache/archives/partial" "$work/empty"
: >"$work/status"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<EOF
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "$work/empty";
Dir::Etc::preferencesparts "$work/empty";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
EOF
export APT_CONFIG="$work/apt.conf"
apt-get -qq update
(cd "$work/empty" && apt-get -qq download wireguard-go)
dpkg-deb -x "$work"/empty/wireguard-go_*.deb "$work/unpacked"
dpkg-deb -f "$work"/empty/wireguard-go_*.deb Version >"$out/version"
install -m 755 "$work/unpacked/usr/bin/wireguard-go" "$out/wireguard-go"
cat "$out/version"
