"""Says whether anything left the host that should not have.

It records every link of the host, lo included, and, as a second pair of eyes
that a sender on the host cannot avoid, the router's end of the uplink's cable.
Each packet must be one of few kinds:

    link         ARP and neighbour discovery between the host and its gateway,
                 MLD reports of the addresses the host itself has
    wireguard    well-formed WireGuard messages from or to a provider's address
    about        ICMP errors that quote such a message
    resolving    DNS questions for the endpoint's own name, and their answers
    declared     what a test said that it would send itself, by address and port

Everything else is a leak.  A verdict counts only if the capture began before
adit did, lost nothing, saw WireGuard, the traffic inside was really offered,
and canaries leaked on purpose at the end were caught: `finish` insists on each.
"""

import ipaddress
import os
import socket
import struct
import time
from collections import Counter

from lab import dnswire, internet
from lab.capture import Capture
from lab.packets import ETH_ARP, ICMPV6, TCP, UDP
from lab.provider import NAME, PORT

HANDSHAKE_LENGTHS = {1: 148, 2: 92, 3: 64}
DATA, DATA_LEAST = 4, 32
FULL = 1200  # bytes inside: such a packet may be as large as the MTU, and is then not padded
ND_ROUTER_SOLICIT, ND_SOLICIT, ND_ADVERT, MLD2_REPORT = 133, 135, 136, 143
# Groups that a host joins for its addresses and its being a node: RFC 4291 2.7.1.
OWN_GROUPS = [ipaddress.ip_network("ff02::1:ff00:0/104"), ipaddress.ip_network("ff02::1/128"),
              ipaddress.ip_network("ff02::2/128"), ipaddress.ip_network("ff02::6a/128"),
              ipaddress.ip_network("ff05::2/128")]
CANARY = b"a canary that the oracle must see"
SETTLE = 0.1  # seconds for packets under way
CATCH = 3  # seconds within which a canary must be in the capture


def is_wireguard(payload):
    """One message of the whitepaper's section 5.4, by form."""
    if len(payload) < 4 or payload[1:4] != b"\0\0\0":
        return False
    if payload[0] == DATA:
        inner = len(payload) - DATA_LEAST
        return inner >= 0 and (inner % 16 == 0 or inner >= FULL)
    return len(payload) == HANDSHAKE_LENGTHS.get(payload[0])


class Oracle:
    catch = CATCH  # longer where others have the processor

    def __init__(self, net, endpoint_name=NAME):
        self.net = net
        self.endpoint_name = endpoint_name
        self._declared = []
        self._neighbours = {internet.GATEWAY, internet.GATEWAY6}
        self._fragments = set()
        self._walled = set()
        self._captures = [Capture(net.host), Capture(net.router, "p-host")]
        self.began = max(capture.began for capture in self._captures)

    def declare(self, address, port, protocol=TCP):
        """Flows of the test itself with this outer address and port (either end)."""
        self._declared.append((protocol, address, port))

    def declare_neighbour(self, *addresses):
        """Of the LAN, with whom the host exchanges flows that were declared: their ARP and ND."""
        self._neighbours |= set(addresses)

    def wall_off(self, link):
        """A link from inside to the host: what root puts there has not left the host yet, and
        is caught on the others when it does."""
        self._walled.add(link)

    def kind(self, packet):
        """The packet's kind, or None for a leak."""
        if packet.link in self._walled:
            return "walled"
        for name, matches in (("link", self._is_link), ("wireguard", self._is_wireguard),
                              ("about", self._is_about), ("resolving", self._is_resolving),
                              ("declared", self._is_declared)):
            if matches(packet):
                return name
        return None

    def _is_link(self, packet):
        if packet.link == "lo":
            return False
        if packet.ethertype == ETH_ARP:
            return set(packet.arp[1:]) <= \
                self.net.host_addresses | self._neighbours | {"0.0.0.0"}
        if packet.protocol != ICMPV6 or packet.inner:
            return False
        if packet.icmp_type in (ND_SOLICIT, ND_ADVERT):
            target = ipaddress.IPv6Address(packet.payload[4:20])
            return target.is_link_local or \
                str(target) in self.net.host_addresses | self._neighbours
        if packet.icmp_type == MLD2_REPORT:
            return all(_is_own_group(group) for group in _mld2_groups(packet.payload))
        return packet.icmp_type == ND_ROUTER_SOLICIT

    def _is_wireguard(self, packet):
        """A fragment counts when its first piece was of a message."""
        peers = {packet.src, packet.dst} & self.net.provider.addresses
        if packet.protocol != UDP or not peers or packet.link == "lo":
            return False
        whole = (packet.src, packet.dst, packet.ident)
        if packet.later_fragment:
            return whole in self._fragments
        port = packet.sport if packet.src in peers else packet.dport
        if packet.has_more_fragments:
            if port == PORT and packet.payload[1:4] == b"\0\0\0" and packet.payload[0] == DATA:
                self._fragments.add(whole)
                return True
            return False
        return port == PORT and is_wireguard(packet.payload)

    def _is_about(self, packet):
        """The quoted packet is cut short, so only its first bytes can be judged."""
        inner = packet.inner
        if inner is None or inner.protocol != UDP or packet.link == "lo":
            return False
        peers = {inner.src, inner.dst} & self.net.provider.addresses
        port = inner.sport if inner.src in peers else inner.dport
        return bool(peers) and port == PORT and inner.payload[:1] in (b"", b"\1", b"\2", b"\3", b"\4")

    def _is_resolving(self, packet):
        if packet.protocol != UDP or 53 not in (packet.sport, packet.dport):
            return False
        if packet.dport == 53:
            question = dnswire.read_question(packet.payload)
            name = question and question[0]
        else:
            name = dnswire.read_answered_name(packet.payload)
        return name is not None and name == self.endpoint_name

    def _is_declared(self, packet):
        ends = {(packet.protocol, packet.src, packet.sport),
                (packet.protocol, packet.dst, packet.dport)}
        return packet.src != "" and not ends.isdisjoint(self._declared)

    def packets(self):
        time.sleep(SETTLE)
        return [packet for capture in self._captures for packet in capture.packets()]

    def leaks(self):
        return [packet for packet in self.packets() if self.kind(packet) is None]

    def kinds(self):
        """How many packets of each kind; leaks under None."""
        return Counter(self.kind(packet) for packet in self.packets())

    def finish(self, *, started=None, offered=None, least=None, wireguard=1):
        """Asserts that nothing leaked and that the verdict means something.

        started: when adit did (CLOCK_MONOTONIC).  offered: kind of traffic to count, as
        counted inside; least: the same, what is asked.  wireguard: packets, at the least.
        """
        leaks = self.leaks()
        seen = self.kinds()
        self.prove_awake()
        for capture in self._captures:
            assert capture.lost() == 0, f"{capture.netns.name}: the capture lost packets"
        self.stop()
        assert started is None or self.began < started, "the capture began after adit"
        for kind, number in (least or {}).items():
            got = (offered or {}).get(kind, 0)
            assert got >= number, f"only {got} of {kind} was offered, {number} expected"
        assert seen["wireguard"] >= wireguard, f"WireGuard was hardly seen: {dict(seen)}"
        assert not leaks, f"{len(leaks)} packets leaked:\n" + "\n".join(map(str, leaks[:20]))
        return seen

    def prove_awake(self):
        """Leaks one packet of each sort on purpose; each must be caught, by both captures."""
        before = [len(capture) for capture in self._captures]
        self.net.host.call(_leak_canaries)
        deadline = time.monotonic() + self.catch
        wanted = {(internet.UNUSED, 0), (internet.UNUSED6, 0), ("127.0.0.1", 0),
                  (internet.UNUSED, 1), (internet.UNUSED6, 1)}
        while wanted and time.monotonic() < deadline:
            time.sleep(0.02)
            for i, capture in enumerate(self._captures):
                for packet in capture.packets()[before[i]:]:
                    if CANARY in packet.payload and self.kind(packet) is None:
                        wanted.discard((packet.dst, i))
        assert not wanted, f"the oracle missed canaries: {wanted}"

    def stop(self):
        for capture in self._captures:
            capture.stop()


def _is_own_group(group):
    return any(group in own for own in OWN_GROUPS)


def _mld2_groups(payload):
    """RFC 3810 5.2; `payload` begins after the checksum."""
    number, = struct.unpack_from("!H", payload, 2)
    at = 4
    for _ in range(number):
        data_words, n_sources = struct.unpack_from("!BH", payload, at + 1)
        yield ipaddress.IPv6Address(payload[at + 4:at + 20])
        at += 20 + 16 * n_sources + 4 * data_words


def _leak_canaries():
    for address in (internet.UNUSED, internet.UNUSED6, "127.0.0.1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.sendto(CANARY + os.urandom(4), (address, 9))
