"""What people make by hand: the classic set of units netns@, wg@ and veth@, as their commands.

The names and addresses are those of lab/veth.py, so that one test can be tried on both.  In
place of the kernel's WireGuard is wireguard-go, whose socket in /run/wireguard answers whoever
sees that folder, as the kernel answers whoever is root in the namespace.
"""

import os
import subprocess
from contextlib import contextmanager

from lab import internet, netns
from lab.provider import CLIENT, CLIENT6, wait_for_uapi, wg
from lab.veth import HOST, HOST6, INNER, INSIDE, INSIDE6, LINK, TCP, Media

WG = "wg-media"  # as it is called in the host's namespace, and by wg(8)

ON_HOST = f"""
table ip nat {{
	chain pre {{
		type nat hook prerouting priority dstnat;
		tcp dport {{ {TCP}, 80 }} dnat to {INSIDE}:{INNER}
	}}
	chain post {{
		type nat hook postrouting priority srcnat;
		oifname "{LINK}" masquerade
		oifname "{internet.UPLINK}" masquerade
	}}
}}
"""

INSIDE_IT = """
table inet filter {
	chain output {
		type filter hook output priority 0; policy drop;
		oifname { "lo", "wg0" } accept
		ct state established,related accept
	}
	chain input {
		type filter hook input priority 0; policy drop;
		iifname != "lo" ip daddr 127.0.0.0/8 counter drop
		iifname { "lo", "eth-lan" } accept
		iifname "wg0" tcp dport { 1111, 2222 } accept
		ct state established,related accept
	}
}
"""


def _make_tunnel(net, space):
    """wg@: made in the host's namespace, moved, renamed."""
    process = net.host.popen("wireguard-go", "-f", WG, env=os.environ | {"LOG_LEVEL": "error"},
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    wait_for_uapi(process, WG)
    conf = net.provider.conf(dns=None).replace(f"Address = {CLIENT}/32, {CLIENT6}/128\n", "")
    wg("setconf", WG, "/dev/stdin", input=conf.partition("\n[Namespace]")[0])
    net.host.ip(f"link set {WG} up\nlink set {WG} netns {space.name} name wg0\n")
    space.ip(f"address add {CLIENT}/32 dev wg0\naddress add {CLIENT6}/128 dev wg0\n"
             "link set wg0 mtu 1420 up\nroute add default dev wg0\nroute add ::/0 dev wg0\n")
    return process


def _make_veth(net, space):
    netns.batch("ip", "-batch", "-", input=f"link add {LINK} netns {net.host.name} type veth "
                f"peer name eth-lan netns {space.name}\n")
    for one, link, own, other in ((net.host, LINK, (HOST, HOST6), (INSIDE, INSIDE6)),
                                  (space, "eth-lan", (INSIDE, INSIDE6), (HOST, HOST6))):
        one.ip(f"address add {own[0]}/32 dev {link}\naddress add {own[1]}/128 dev {link} nodad\n"
               f"link set {link} up\n"
               f"route add {other[0]}/32 dev {link}\nroute add {other[1]}/128 dev {link}\n")
    net.host.sysctl(net__ipv4__ip_forward=1)
    net.host.nft(ON_HOST)


@contextmanager
def made(net):
    space = netns.create([f"hand{os.getpid()}"])[0]
    space.ip("link set lo up\n")
    tunnel = _make_tunnel(net, space)
    try:
        _make_veth(net, space)
        space.nft(INSIDE_IT)
        yield Media(net, None, space)
    finally:
        tunnel.terminate()
        tunnel.wait()
        netns.delete([space])
