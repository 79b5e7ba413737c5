"""Just enough of a dissector to say what a captured packet is.

It sees network-layer bytes and the ethertype, as AF_PACKET's SOCK_DGRAM gives
them.  What cannot be understood stays `None` and is for the oracle to condemn.
"""

import ipaddress
import struct
from dataclasses import dataclass

ETH_IP, ETH_ARP, ETH_IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmp6", 2: "igmp"}
_EXTENSIONS = {0, 43, 60}  # hop-by-hop, routing, destination options
_FRAGMENT = 44


@dataclass
class Packet:
    ethertype: int
    link: str = ""
    is_outgoing: bool = False
    raw: bytes = b""
    src: str = ""
    dst: str = ""
    protocol: int | None = None
    ident: int = 0
    fragment_offset: int = 0  # bytes
    has_more_fragments: bool = False
    sport: int | None = None
    dport: int | None = None
    icmp_type: int | None = None
    payload: bytes = b""  # above UDP and TCP; above the type, code and checksum of ICMP
    inner: "Packet | None" = None  # what an ICMP error quotes
    arp: tuple | None = None  # operation, sender, target

    @property
    def later_fragment(self):
        return self.fragment_offset > 0

    def __str__(self):
        arrow = "out" if self.is_outgoing else "in "
        if self.ethertype == ETH_ARP:
            return f"{self.link} {arrow} arp {self.arp}"
        if not self.src:
            return f"{self.link} {arrow} ethertype {self.ethertype:#06x} {self.raw[:24].hex()}"
        words = [self.link, arrow, self.src, ">", self.dst,
                 NAMES.get(self.protocol, f"protocol {self.protocol}")]
        if self.sport is not None:
            words.append(f"{self.sport}->{self.dport}")
        if self.icmp_type is not None:
            words.append(f"type {self.icmp_type}")
        if self.later_fragment:
            words.append(f"fragment@{self.fragment_offset}")
        words.append(f"quoting [{self.inner}]" if self.inner else repr(self.payload[:24]))
        return " ".join(words)


def parse(ethertype, data, link="", is_outgoing=False):
    packet = Packet(ethertype, link, is_outgoing, data)
    try:
        if ethertype == ETH_ARP:
            _parse_arp(packet, data)
        elif ethertype == ETH_IP:
            _parse_ipv4(packet, data)
        elif ethertype == ETH_IPV6:
            _parse_ipv6(packet, data)
    except (struct.error, ValueError, IndexError):
        packet.protocol = None
    return packet


def _parse_arp(packet, data):
    operation, = struct.unpack_from("!H", data, 6)
    packet.arp = (operation, str(ipaddress.IPv4Address(data[14:18])),
                  str(ipaddress.IPv4Address(data[24:28])))


def _parse_ipv4(packet, data):
    header = (data[0] & 15) * 4
    length, packet.ident, flags = struct.unpack_from("!HHH", data, 2)
    packet.src = str(ipaddress.IPv4Address(data[12:16]))
    packet.dst = str(ipaddress.IPv4Address(data[16:20]))
    packet.fragment_offset = (flags & 0x1FFF) * 8
    packet.has_more_fragments = bool(flags & 0x2000)
    packet.protocol = data[9]
    # a quoted packet, or one cut by the capture, is shorter than it says
    _parse_above(packet, data[header:max(length, header)])


def _parse_ipv6(packet, data):
    packet.src = str(ipaddress.IPv6Address(data[8:24]))
    packet.dst = str(ipaddress.IPv6Address(data[24:40]))
    following, at = data[6], 40
    while following in _EXTENSIONS or following == _FRAGMENT:
        here, following = following, data[at]
        if here == _FRAGMENT:
            flags, packet.ident = struct.unpack_from("!HI", data, at + 2)
            packet.fragment_offset = flags & 0xFFF8
            packet.has_more_fragments = bool(flags & 1)
            at += 8
        else:
            at += (data[at + 1] + 1) * 8
    packet.protocol = following
    _parse_above(packet, data[at:])


def _parse_above(packet, data):
    if packet.later_fragment:
        packet.payload = data
    elif packet.protocol == UDP:
        packet.sport, packet.dport = struct.unpack_from("!HH", data)
        packet.payload = data[8:]
    elif packet.protocol == TCP:
        packet.sport, packet.dport = struct.unpack_from("!HH", data)
        packet.payload = data[(data[12] >> 4) * 4:] if len(data) > 12 else b""
    elif packet.protocol in (ICMP, ICMPV6):
        packet.icmp_type = data[0]
        packet.payload = data[4:]
        _parse_quoted(packet, data[8:])
    else:
        packet.payload = data


def _parse_quoted(packet, data):
    is_error = {ICMP: packet.icmp_type in (3, 4, 5, 11, 12),
                ICMPV6: packet.icmp_type < 128}[packet.protocol]
    if is_error and data:
        ethertype = ETH_IP if packet.protocol == ICMP else ETH_IPV6
        packet.inner = parse(ethertype, data, packet.link, packet.is_outgoing)
