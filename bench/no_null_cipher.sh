#!/bin/sh
# no_null_cipher.sh PROGRAM… [-- PROGRAM…]
# The first have nothing of the null cipher; the second, which show that it would
# be found, have it.
set -eu

mark=ADIT-NULL-CIPHER # aead_null.c's tag
is_expected=false
for program; do
	if [ "$program" = -- ]; then
		is_expected=true
	elif grep -q "$mark" "$program"; then
		$is_expected || {
			echo "$program holds the null cipher" >&2
			exit 1
		}
	elif $is_expected; then
		echo "$program lacks the null cipher: is '$mark' still its mark?" >&2
		exit 1
	fi
done
