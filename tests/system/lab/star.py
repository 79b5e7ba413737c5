"""One WireGuard interface with several peers, each over a cable of its own.

    spoke1-in [wg0] == spoke1 ──eth0── eth1 ── hub == [wg0] hub-in
    spoke2-in [wg0] == spoke2 ──eth0── eth2 ──┘

All are programs in wireguard-go's place, set up by wg(8); a device is made
outside and moved inside, as wireguard.com/netns does.
"""

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from lab import adit, dataplane, netns
from lab.provider import Key, wait_for_uapi, wg

PORT = 51820
SETTLE = 0.3  # seconds


def adit_device():
    return [adit.source(), "device"]


def wireguard_go():
    return [dataplane.packaged_wireguard_go()]


@dataclass
class Node:
    """n: 0 for the hub."""

    name: str
    n: int
    outer: netns.Netns
    inner: netns.Netns
    argv: list
    key: Key = field(default_factory=Key)
    process: subprocess.Popen = None

    def __post_init__(self):
        self.link = f"wgs{self.n}"
        self.process = self.outer.popen(*self.argv, "-f", self.link, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env=os.environ | {"LOG_LEVEL": "error"})
        wait_for_uapi(self.process, self.link)
        self.set("private-key", "/dev/stdin", "listen-port", PORT, input=self.key.private)
        self.outer.ip(f"link set {self.link} netns {self.inner.name}\n")
        self.inner.ip(f"link set lo up\nlink set {self.link} name wg0\n"
                      f"address add {self.inside(4)}/24 dev wg0\n"
                      f"address add {self.inside(6)}/64 dev wg0 nodad\n"
                      "link set wg0 mtu 1420 up\n")

    def inside(self, family=4):
        return f"10.81.0.{self.n + 1}" if family == 4 else f"fd81::{self.n + 1}"

    def address(self, family=4):
        """A spoke's, outside."""
        return f"10.80.{self.n}.2" if family == 4 else f"fd80:0:0:{self.n}::2"

    def set(self, *words, input=None):
        wg("set", self.link, *map(str, words), input=input)

    def show(self, what):
        """{public key: value}"""
        lines = wg("show", self.link, what).splitlines()
        return dict(line.split("\t", 1) for line in lines)

    def ping(self, other, family=4, count=3, patience=2):
        """How many of `count` answers are missing after so many seconds."""
        out = self.inner.run("ping", f"-{family}", "-c", count, "-w", patience, "-i", "0.02",
                             other.inside(family), check=False).stdout
        received = [line for line in out.splitlines() if "received" in line]
        return count - int(received[0].split(",")[1].split()[0]) if received else count

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        Path(f"/run/wireguard/{self.link}.sock").unlink(missing_ok=True)


def hub_address(n, family=4):
    """The hub's, on the cable to spoke n."""
    return f"10.80.{n}.1" if family == 4 else f"fd80:0:0:{n}::1"


def second_address(n, family=4):
    """Another of the hub's there, which the kernel would not choose."""
    return f"10.80.{n}.99" if family == 4 else f"fd80:0:0:{n}::99"


def endpoint(address, port=PORT):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Star:
    """hub, spokes: how each is started, adit_device() or wireguard_go()."""

    def __init__(self, hub, *spokes):
        names = ["hub", *(f"spoke{n}" for n in range(1, len(spokes) + 1))]
        spaces = netns.create([name + suffix for name in names for suffix in ("", "-in")])
        self._spaces = spaces
        for n in range(1, len(spokes) + 1):
            self._wire(spaces[0], spaces[2 * n], n)
        self.hub, *self.spokes = [
            Node(name, n, spaces[2 * n], spaces[2 * n + 1], argv)
            for n, (name, argv) in enumerate(zip(names, [hub, *spokes]))]
        self._placed = None
        self.reset()

    def _addresses(self):
        return [node.outer.output("ip", "-br", "address") for node in (self.hub, *self.spokes)]

    def _place_all(self):
        """Not without need: an address that was gone for a moment is not sent from any more."""
        if self._addresses() == self._placed:
            return
        for spoke in self.spokes:
            self._place(self.hub.outer, spoke.outer, spoke.n)
        self._placed = self._addresses()
        time.sleep(SETTLE)

    def reset(self):
        """Ports, peers and addresses as at first, and no session."""
        self._place_all()
        self.hub.set("listen-port", PORT, "fwmark", 0)
        for spoke in self.spokes:
            spoke.set("listen-port", PORT, "peer", self.hub.key.public, "remove")
            self.hub.set("peer", spoke.key.public, "remove")
            self.hub.set("peer", spoke.key.public, "allowed-ips",
                         f"{spoke.inside(4)}/32,{spoke.inside(6)}/128")
            spoke.set("peer", self.hub.key.public, "allowed-ips", "10.81.0.0/24,fd81::/64",
                      "endpoint", endpoint(hub_address(spoke.n)))

    @staticmethod
    def _wire(hub, spoke, n):
        for space in (hub, spoke):  # one address may go, the others stay
            space.sysctl(net__ipv4__conf__all__promote_secondaries=1)
        hub.ip(f"link add eth{n} type veth peer name eth0 netns {spoke.name}\n"
               f"link set eth{n} up\nlink set lo up\n")
        spoke.ip("link set eth0 up\nlink set lo up\n")

    @staticmethod
    def _place(hub, spoke, n):
        hub.ip(f"address flush dev eth{n}\naddress add {hub_address(n, 4)}/24 dev eth{n}\n"
               f"address add {hub_address(n, 6)}/64 dev eth{n} nodad\n"
               f"address add {second_address(n, 4)}/24 dev eth{n}\n"
               f"address add {second_address(n, 6)}/64 dev eth{n} nodad\n")
        spoke.ip(f"address flush dev eth0\naddress add 10.80.{n}.2/24 dev eth0\n"
                 f"address add fd80:0:0:{n}::2/64 dev eth0 nodad\n")

    def close(self):
        for node in (self.hub, *self.spokes):
            node.close()
        netns.delete(self._spaces)
