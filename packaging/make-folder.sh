#!/bin/sh
# Run by `meson install`: the folder of configurations, in which keys are.  One that is there is
# left as it is; who may not make it has ~/.config/adit.
folder=${DESTDIR:-}/etc/adit
[ -e "$folder" ] && exit 0
mkdir -p "${folder%/*}" 2>/dev/null && mkdir -m 0700 "$folder" 2>/dev/null ||
	echo "adit: $folder cannot be made; make it with mode 0700"
exit 0
