# Read by the kernel's netns.sh after its own helpers: links of type wireguard are
# devices of adit's, and each namespace has configuration sockets of its own, as
# the kernel's links have netlink.  A device's socket stays where it was made; a
# link to it moves with the device.

n0() { pretty 0 "$*"; maybe_exec ip netns exec $netns0 in-place 0 "$@"; }
n1() { pretty 1 "$*"; maybe_exec ip netns exec $netns1 in-place 1 "$@"; }
n2() { pretty 2 "$*"; maybe_exec ip netns exec $netns2 in-place 2 "$@"; }
ip0() { pretty 0 "ip $*"; compat_ip 0 "$@"; }
ip1() { pretty 1 "ip $*"; compat_ip 1 "$@"; }
ip2() { pretty 2 "ip $*"; compat_ip 2 "$@"; }

compat_devices=0

compat_netns() { local name=netns$1; echo "${!name}"; }

# compat_name WORD...: the device that is meant.
compat_name() { local word; for word; do [[ $word =~ ^wg[0-9]$ ]] && echo "$word" && return; done; }

compat_add()
{
	local place=$1 name=$2 own=/run/compat/device/$((++compat_devices))

	mkdir "$own"
	ip netns exec "$(compat_netns "$place")" bash -c \
		"mount --bind $own /run/wireguard && exec adit-device $name"
	ln -sfn "$own/$name.sock" "/run/compat/place/$place/$name.sock"
}

compat_move()
{
	local place=$1 name=$2 target=$3 other

	for other in 0 1 2; do
		[[ $(compat_netns $other) != "$target" ]] ||
			mv -fT "/run/compat/place/$place/$name.sock" "/run/compat/place/$other/$name.sock"
	done
}

compat_ip()
{
	local place=$1 name words target
	shift

	words=$*
	name=$(compat_name "$@") || true
	if [[ $words == "link add "*"type wireguard" ]]; then
		compat_add "$place" "$name"
		return
	fi
	if [[ $words == "link add dummy0 type dummy" ]]; then # not every kernel has it
		ip -n "$(compat_netns "$place")" "$@" 2>/dev/null ||
			ip -n "$(compat_netns "$place")" link add dummy0 type veth peer dummy1
		return
	fi
	ip -n "$(compat_netns "$place")" "$@"
	# the kernel opens a link's socket before `ip` returns, a program a moment later;
	# a question is answered when it has
	if [[ -n $name && " $words " == *" up "* ]]; then
		ip netns exec "$(compat_netns "$place")" in-place "$place" wg show "$name" >/dev/null
	fi
	if [[ -n $name && $words == "link set "*netns* ]]; then
		target=${words#*netns }
		compat_move "$place" "$name" "${target%% *}"
	fi
}
