#!/usr/bin/python3
"""Offers every kind of traffic, steadily, to whatever network it finds itself in.

    traffic.py COUNTS.json TARGETS.json [SECONDS]

COUNTS.json is replaced every 100 ms, so that it survives a SIGKILL:
{"attempts": {kind: n}, "sent": {kind: n}, "errors": {kind: {errno: n}}, "replies": {kind: n}}.
An attempt is one try to send; it counts as sent when the kernel took it.
"""

import ctypes
import errno
import json
import os
import socket
import struct
import sys
import threading
import time
from collections import Counter, defaultdict

INTERVAL = 0.05  # seconds between two attempts of one kind
REPORT = 0.1
TIMEOUT = 0.3
SO_MARK, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER = 36, 10, 23
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
LARGE = 4000  # bytes of a datagram that must be cut into fragments
LIBC = ctypes.CDLL(None, use_errno=True)

counts = {"attempts": Counter(), "sent": Counter(), "replies": Counter(),
          "errors": defaultdict(Counter)}
targets = {}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def send_udp(kind, address, port, data=b"from inside", options=(), wants_reply=True):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
        for option in options:
            sock.setsockopt(*option)
        sock.settimeout(TIMEOUT)
        sock.sendto(data, (address, port))
        counts["sent"][kind] += 1
        if wants_reply:
            sock.recvfrom(65536)
            counts["replies"][kind] += 1


def send_tcp(kind, address, port):
    with socket.socket(family_of(address)) as sock:
        sock.settimeout(TIMEOUT)
        counts["sent"][kind] += 1  # its SYN goes out at once
        sock.connect((address, port))
        sock.send(b"from inside")
        sock.recv(100)
        counts["replies"][kind] += 1


class Steady:
    """One TCP connection that is kept and written to for as long as it lives."""

    def __init__(self):
        self.sock = None

    def __call__(self, kind):
        try:
            if self.sock is None:
                self.sock = socket.create_connection((targets["web"], 7), 2)
            self.sock.settimeout(TIMEOUT)
            self.sock.send(b"steady " * 20)
            counts["sent"][kind] += 1
            self.sock.recv(65536)
            counts["replies"][kind] += 1
        except TimeoutError:
            raise  # it may come back: the connection stays
        except OSError:
            if self.sock:
                self.sock.close()
            self.sock = None
            raise


def send_ping(kind, address):
    is_v6 = ":" in address
    protocol = socket.IPPROTO_ICMPV6 if is_v6 else socket.IPPROTO_ICMP
    echo = struct.pack("!BBHHH", 128 if is_v6 else 8, 0, 0, 1, 1) + b"from inside"
    with socket.socket(family_of(address), socket.SOCK_DGRAM, protocol) as sock:
        sock.settimeout(TIMEOUT)
        sock.sendto(echo, (address, 0))
        counts["sent"][kind] += 1
        sock.recvfrom(2048)
        counts["replies"][kind] += 1


def look_up(kind):
    name = f"n{counts['attempts'][kind]}.inside.test"
    counts["sent"][kind] += 1
    try:
        socket.getaddrinfo(name, 80)
    except socket.gaierror as e:
        if e.errno != socket.EAI_NONAME:
            raise OSError(errno.EHOSTUNREACH, "the resolver does not answer") from e
    counts["replies"][kind] += 1


def ask(kind, server):
    name = b"\5fixed\6inside\4test\0"
    send_udp(kind, server, 53, b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")


def send_multicast(kind):
    for address, port in (("239.1.2.3", 5000), ("224.0.0.251", 5353), ("239.255.255.250", 1900)):
        send_udp(kind, address, port, wants_reply=False,
                 options=[(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)])


def on_each(items, action):
    """All are tried; the last failure is raised."""
    failed = None
    for item in items:
        try:
            action(item)
        except OSError as e:
            failed = e
    if failed:
        raise failed


def send_multicast6(kind):
    on_each(socket.if_nameindex(), lambda link: send_udp(
        kind, "ff02::fb", 5353, wants_reply=False,
        options=[(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, link[0])]))


def join_multicast(kind):
    """IGMP and MLD are sent by the kernel, on every link."""
    def join(link):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            group = struct.pack("4s4si", socket.inet_aton("239.1.2.3"), bytes(4), link[0])
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            counts["sent"][kind] += 1

    on_each(socket.if_nameindex(), join)


def send_broadcast(kind):
    send_udp(kind, "255.255.255.255", 67, wants_reply=False,
             options=[(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)])


def send_fragments(kind, address):
    level, name = ((socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER) if ":" in address
                   else (socket.IPPROTO_IP, IP_MTU_DISCOVER))
    send_udp(kind, address, 7, bytes(LARGE), options=[(level, name, 0)])


def bind_devices(kind):
    """Each link there is, and the names that the host's links have."""
    links = {name for _, name in socket.if_nameindex()} | set(targets["host_links"])
    on_each(sorted(links), lambda link: send_udp(
        kind, targets["web"], 7, wants_reply=False,
        options=[(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())]))


def send_marked(kind):
    send_udp(kind, targets["web"], 7, wants_reply=False,
             options=[(socket.SOL_SOCKET, SO_MARK, 51820)])


def ipv4_packet(src, dst, data=b"a raw packet"):
    udp = struct.pack("!HHHH", 4000, 7, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + udp


def ipv6_packet(src, dst, data=b"a raw packet"):
    src, dst = (socket.inet_pton(socket.AF_INET6, a) for a in (src, dst))
    udp = struct.pack("!HHHH", 4000, 7, 8 + len(data), 0) + data
    pseudo = src + dst + struct.pack("!II", len(udp), 17)
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp)) + udp[8:]
    return struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + src + dst + udp


def send_raw(kind):
    """With the inner address, and with the host's own as its source."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        for src in (targets["client"], targets["host"]):
            sock.sendto(ipv4_packet(src, targets["web"]), (targets["web"], 0))
            counts["sent"][kind] += 1


def send_raw6(kind):
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, 253) as sock:
        sock.sendto(b"an unknown protocol", (targets["web6"], 0))
        counts["sent"][kind] += 1


def send_packet(kind):
    """Past routing and the output hook: into each link's driver."""
    data = ((ETH_P_IP, ipv4_packet(targets["client"], targets["web"])),
            (ETH_P_IP, ipv4_packet(targets["host"], targets["lan"])),
            (ETH_P_IPV6, ipv6_packet(targets["client6"], targets["web6"])))

    def send(each):
        link, (ethertype, packet) = each
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sock:
            sock.sendto(packet, (link, ethertype))
            counts["sent"][kind] += 1

    on_each([(name, packet) for _, name in socket.if_nameindex() for packet in data], send)


def in_child(kind, flags):
    """As root of a user namespace of its own: still not of the network's."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            if LIBC.unshare(flags) != 0:
                os._exit(ctypes.get_errno() or 255)
            send_raw(kind)
        except OSError as e:
            code = e.errno or 255
        os._exit(min(code, 255))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code > 0:
        raise OSError(code, os.strerror(code))
    counts["sent"][kind] += 1


KINDS = {
    "tcp": lambda kind: send_tcp(kind, targets["web"], 7),
    "tcp6": lambda kind: send_tcp(kind, targets["web6"], 7),
    "tcp-steady": Steady(),
    "tcp-lan": lambda kind: send_tcp(kind, targets["lan"], 80),
    "udp": lambda kind: send_udp(kind, targets["web"], 7),
    "udp6": lambda kind: send_udp(kind, targets["web6"], 7),
    "udp-lan": lambda kind: send_udp(kind, targets["lan"], 7),
    "udp-host": lambda kind: send_udp(kind, targets["host"], 7),
    "udp-metadata": lambda kind: send_udp(kind, "169.254.169.254", 80),
    "udp-endpoint": lambda kind: send_udp(kind, targets["endpoint"], targets["port"]),
    "icmp": lambda kind: send_ping(kind, targets["web"]),
    "icmp6": lambda kind: send_ping(kind, targets["web6"]),
    "dns": look_up,
    "dns-fixed": lambda kind: ask(kind, targets["dns"]),
    "dns-host": lambda kind: ask(kind, targets["gateway"]),
    "multicast": send_multicast,
    "multicast6": send_multicast6,
    "join": join_multicast,
    "broadcast": send_broadcast,
    "fragment": lambda kind: send_fragments(kind, targets["web"]),
    "fragment6": lambda kind: send_fragments(kind, targets["web6"]),
    "device": bind_devices,
    "mark": send_marked,
    "raw": send_raw,
    "raw6": send_raw6,
    "packet": send_packet,
    "userns-raw": lambda kind: in_child(kind, CLONE_NEWUSER),
    "netns-raw": lambda kind: in_child(kind, CLONE_NEWUSER | CLONE_NEWNET),
}


def offer(kind, action, stop):
    while not stop.is_set():
        counts["attempts"][kind] += 1
        try:
            action(kind)
        except OSError as e:
            code = errno.errorcode.get(e.errno, "timeout" if isinstance(e, TimeoutError) else "?")
            counts["errors"][kind][code] += 1
        stop.wait(INTERVAL)


def report(path):
    fresh = f"{path}.{os.getpid()}"
    with open(fresh, "w") as f:
        json.dump({name: dict(table) for name, table in counts.items()}, f)
    os.replace(fresh, path)


def main(path, targets_path, seconds="3600"):
    os.environ["RES_OPTIONS"] = "timeout:1 attempts:1"
    with open(targets_path) as f:
        targets.update(json.load(f))
    stop = threading.Event()
    kinds = {kind: action for kind, action in KINDS.items() if kind not in targets["skip"]}
    for kind, action in kinds.items():
        threading.Thread(target=offer, args=(kind, action, stop), daemon=True).start()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        time.sleep(REPORT)
        report(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
