#!/bin/sh
# Builds the Debian package, from Debian 12's packages alone and without a network:
#
#     packaging/debian/build.sh FOLDER
#
# The package is in FOLDER then. What is built is a copy of the tree as it is now.
set -eu

[ $# = 1 ] || {
	echo "usage: $0 FOLDER" >&2
	exit 2
}
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
copy=$folder/adit
rm -rf "$copy"
mkdir "$copy"
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$copy"
cd "$copy"
mv packaging/debian debian
rm -f debian/build.sh
dpkg-buildpackage --build=binary --no-sign --jobs="$(nproc)"
rm -rf "$copy"
