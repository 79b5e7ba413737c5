# Sourced by ./demo and ./check: installs what is missing, configures, builds.
# Needs nothing but a POSIX shell.  The caller is in the top folder and sets
# `me`, its own name in messages.
# shellcheck shell=sh

# Debian's own tools come first: the layout and the warnings are those of its
# clang 14 and its Python has the test modules.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export PATH

say()
{
	printf '%s: %s\n' "${me:?}" "$*" >&2
}

die()
{
	say "$@"
	exit 1
}

# The packages of the named groups in tools/packages, one a line.
packages_of()
{
	for group; do
		sed -n "s/^$group://p" tools/packages
	done | tr -s ' ' '\n' | sed '/^$/d'
}

# Those of the packages that are not installed.
missing_of()
{
	for package; do
		state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) || state=
		case $state in
		ii*) ;;
		*) printf '%s\n' "$package" ;;
		esac
	done
}

# Runs a command as root.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

apt()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 "$@"
}

# Whether apt-get's lists know all packages: on a fresh machine they are empty.
lists_know()
{
	for package; do
		apt-cache show "$package" >/dev/null 2>&1 || return 1
	done
}

# install_missing MAY_INSTALL WHY GROUP...
install_missing()
{
	may_install=$1
	why=$2
	shift 2
	# the lists are words on purpose
	# shellcheck disable=SC2046
	if ! command -v dpkg-query >/dev/null; then
		say "this is not Debian, so nothing is installed; you need what Debian calls:"
		say "   " $(packages_of "$@")
		return 0
	fi
	# shellcheck disable=SC2046
	missing=$(missing_of $(packages_of "$@"))
	[ -n "$missing" ] || return 0
	# shellcheck disable=SC2086
	set -- $missing
	say "$why needs $# Debian packages that are not installed:"
	say "    $*"
	if [ "$may_install" = no ]; then
		die "--no-install was given, so they are yours to install: apt-get install --no-install-recommends" "$@"
	fi
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		die "you are not root and there is no sudo: as root, run: apt-get install --no-install-recommends" "$@"
	fi
	as_root true || die "sudo refused; as root, run: apt-get install --no-install-recommends" "$@"
	if ! lists_know "$@"; then
		say "apt-get's package lists are empty or old: fetching them"
		apt update >&2 || die "apt-get update failed; is there a network?"
	fi
	say "installing them with apt-get"
	if ! apt install --no-install-recommends "$@" >&2; then
		say "that failed, perhaps since the lists are old: fetching them and trying again"
		apt update >&2 || die "apt-get update failed; is there a network?"
		apt install --no-install-recommends "$@" >&2 || die "apt-get install failed"
	fi
}

# configure DIR MESON_OPTION...: makes the folder, or changes its options.  They
# are kept in DIR/options, since meson is slow to find that nothing has changed.
configure()
{
	dir=$1
	shift
	[ "$(cat "$dir/options" 2>/dev/null)" != "$*" ] || return 0
	if [ -f "$dir/build.ninja" ]; then
		meson configure "$dir" "$@" >&2 || die "cannot change the options of $dir/"
	else
		say "configuring $dir/"
		mkdir -p "$dir"
		meson setup "$dir" "$@" >"$dir/setup.log" 2>&1 || {
			cat "$dir/setup.log" >&2
			die "meson could not configure $dir/"
		}
	fi
	printf '%s\n' "$*" >"$dir/options"
}
