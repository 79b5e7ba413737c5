"""The small internet.

    lan ──┐
          ├── router (NAT for IPv4) ── core ──┬── provider (WireGuard, DNS inside the tunnel)
    host ─┘                                   └── far (web, echo, DNS)

`host` is the machine that adit runs on; its uplink is enp3s0.  Everything has
IPv4 and IPv6.  Servers on the far side say which address they saw: ROUTER when
the host's own traffic reached them, the provider's when the tunnel's did.
"""

import itertools
from pathlib import Path

from lab import netns, servers
from lab.provider import WireguardGo

UPLINK = "enp3s0"
HOST, HOST6 = "192.168.77.2", "2001:db8:77::2"
NEW_HOST, NEW_HOST6 = "192.168.77.3", "2001:db8:77::3"  # after its address changed
GATEWAY, GATEWAY6 = "192.168.77.1", "2001:db8:77::1"
LAN, LAN6 = "192.168.77.50", "2001:db8:77::50"
ROUTER = "198.51.100.2"  # what a server sees of the host, IPv4; IPv6 is not translated
WEB, WEB6 = "198.18.0.80", "2001:db8:18::80"
DNS, DNS6 = "198.18.0.53", "2001:db8:18::53"
UNUSED, UNUSED6 = "198.18.0.99", "2001:db8:18::99"  # lost on the way, without a word

_ids = itertools.count(1)

_ROUTER_NFT = """
table ip nat {
	chain post {
		type nat hook postrouting priority srcnat;
		oifname "wan" masquerade
	}
}
"""


class Internet:
    """Made in one go; close() takes it down.  `provider` runs from the start."""

    def __init__(self, provider=WireguardGo):
        self._id = next(_ids)
        self.host_addresses = {HOST, HOST6}  # that the uplink ever had
        names = ("host", "lan", "router", "core", "provider", "far")
        self.spaces = netns.create([f"{name}{self._id}" for name in names])
        self.host, self.lan, self.router, self.core, self.provider_ns, self.far = self.spaces
        self._wire()
        self._loop = servers.Loop()
        self._serve()
        self.provider = provider(self.provider_ns, f"wgp{self._id}", self._loop, self.zone)
        self.provider.start()
        self.use()

    def use(self):
        """Makes the host's resolver the one in /etc/resolv.conf."""
        write_resolv_conf(f"nameserver {GATEWAY}\noptions timeout:1 attempts:1\n")

    def _veth(self, a, a_name, b, b_name):
        # gso_max_segs 1: the kernel segments before a capture sees the packet
        return (f"link add {a_name} netns {a.name} gso_max_segs 1 type veth "
                f"peer name {b_name} netns {b.name} gso_max_segs 1\n")

    def _wire(self):
        for space in self.spaces:
            space.sysctl(net__ipv6__conf__default__accept_dad=0,
                         net__ipv6__conf__all__accept_dad=0)
        for space in (self.router, self.core, self.provider_ns):
            space.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
        self.host.sysctl(net__ipv4__ping_group_range="0 2147483647")
        netns.batch("ip", "-batch", "-", input=self._veth(self.host, UPLINK, self.router, "p-host")
                   + self._veth(self.lan, "eth0", self.router, "p-lan")
                   + self._veth(self.router, "wan", self.core, "c-router")
                   + self._veth(self.provider_ns, "eth0", self.core, "c-provider")
                   + self._veth(self.far, "eth0", self.core, "c-far"))
        self.router.ip(_up("p-host", "p-lan") + "link add br0 type bridge mcast_snooping 0\n"
                       "link set p-host master br0\nlink set p-lan master br0\n"
                       + _link("br0", f"{GATEWAY}/24", f"{GATEWAY6}/64")
                       + _link("wan", f"{ROUTER}/24", "2001:db8:51::2/64")
                       + _default("198.51.100.1", "2001:db8:51::1"))
        self.router.nft(_ROUTER_NFT)
        self.core.ip(_link("c-router", "198.51.100.1/24", "2001:db8:51::1/64")
                     + _link("c-provider", "203.0.113.1/24", "2001:db8:113::1/64")
                     + _link("c-far", "198.18.0.1/24", "2001:db8:18::1/64")
                     + "route add 2001:db8:77::/64 via 2001:db8:51::2\n"
                     f"route add blackhole {UNUSED}/32\nroute add blackhole {UNUSED6}/128\n")
        self.lan.ip(_link("eth0", f"{LAN}/24", f"{LAN6}/64") + _default(GATEWAY, GATEWAY6))
        self.provider_ns.ip(_link("eth0") + _default_via_link("203.0.113.1", "2001:db8:113::1"))
        self.far.ip(_link("eth0", f"{WEB}/24", f"{DNS}/24", f"{WEB6}/64", f"{DNS6}/64")
                    + _default("198.18.0.1", "2001:db8:18::1"))
        self.plug_uplink()

    def plug_uplink(self, address=HOST, address6=HOST6):
        """Addresses and routes of the host's uplink; also after it was down, or had others."""
        self.host_addresses |= {address, address6}
        self.host.ip(f"address flush dev {UPLINK} scope global\n"
                     + _link(UPLINK, f"{address}/24", f"{address6}/64")
                     + _default(GATEWAY, GATEWAY6))

    def unplug_uplink(self):
        self.host.ip(f"link set {UPLINK} down\n")

    def _serve(self):
        loop, far = self._loop, self.far
        self.zone = {"web.test": [WEB, WEB6], "host.lan.test": [LAN, LAN6]}
        self.web, self.web6 = servers.Web(loop, far, WEB), servers.Web(loop, far, WEB6)
        self.tcp, self.tcp6 = (servers.TcpEcho(loop, far, a, 7) for a in (WEB, WEB6))
        self.udp, self.udp6 = (servers.UdpEcho(loop, far, a, 7) for a in (WEB, WEB6))
        self.ssh = servers.Banner(loop, far, WEB, 22)
        self.dns = servers.Dns(loop, far, DNS, self.zone, "far")
        self.dns6 = servers.Dns(loop, far, DNS6, self.zone, "far")
        self.resolver = servers.Dns(loop, self.router, GATEWAY, self.zone, "host")
        self.lan_web = servers.Web(loop, self.lan, LAN)
        self.lan_udp = servers.UdpEcho(loop, self.lan, LAN, 7)

    def serve(self, kind, space, address, port):
        """One more server, e.g. serve(servers.TcpEcho, net.host, "127.0.0.1", 631)."""
        return kind(self._loop, space, address, port)

    def close(self):
        self.provider.close()
        self._loop.stop()
        netns.delete(self.spaces)


def write_resolv_conf(text):
    """Replaces the host's file by rename, as NetworkManager and resolvconf do."""
    fresh = Path("/etc/.resolv.conf.lab")
    fresh.write_text(text)
    fresh.rename("/etc/resolv.conf")


def _up(*links):
    return "".join(f"link set {link} up\n" for link in ("lo", *links))


def _link(name, *addresses):
    return "".join(f"address replace {address} dev {name}\n" for address in addresses) + _up(name)


def _default(gateway, gateway6):
    return f"route replace default via {gateway}\nroute replace default via {gateway6}\n"


def _default_via_link(gateway, gateway6):
    return (f"route replace default via {gateway} dev eth0 onlink\n"
            f"route replace default via {gateway6} dev eth0 onlink\n")
