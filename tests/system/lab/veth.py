"""A namespace with a veth to the host, adit's or one made by hand (lab/handmade.py): its names
and addresses, and what is done and asked in it.

    with veth.placed(net) as media:             # adit's
        media.serve(servers.TcpEcho, veth.INSIDE, veth.INNER)
        media.take_rules_and_routes()           # as root inside would
        assert not veth.tries(media.space, internet.WEB, 7)
"""

import fcntl
import json
import os
import signal
import socket
import struct
from contextlib import contextmanager

from lab import internet, named, netns, servers
from lab.netns import CLONE_NEWNET, setns
from lab.relay import ask, ask_udp

LINK = "ve-media"
HOST, HOST6 = "192.168.10.10", "fd00:10::10"
INSIDE, INSIDE6 = "192.168.10.11", "fd00:10::11"
TCP, UDP, INNER = 2222, 5353, 22
CLONE_NEWUSER = 0x10000000
NS_GET_USERNS = 0xB701  # linux/nsfs.h
RTM_NEWLINK, RTM_DELLINK = 16, 17

LAN = f"""
[Lan]
HostAddress = {HOST}, {HOST6}
NamespaceAddress = {INSIDE}, {INSIDE6}
Forward = tcp:{TCP}->{INNER}, udp:{UDP}, tcp:7000-7002, tcp:8000-8001->9000-9001
"""

# Services of the host's, and what is beyond it.
HOSTS = [(internet.HOST, 2200), (internet.HOST6, 2200), (HOST, 2200), (HOST6, 2200)]
OTHERS = [(internet.LAN, 7), (internet.WEB, 7), (internet.GATEWAY, 53)]


class Media:
    """The namespace, with services in it.  place None: nobody looks after it."""

    def __init__(self, net, place, space):
        self.net, self.place, self.space = net, place, space

    def serve(self, kind, address, port):
        return self.net.serve(kind, self.space, address, port)

    def ip(self, text):
        self.space.run("ip", "-force", "-batch", "-", input=text, check=False)

    def stop(self):
        """Nobody puts anything back, until go_on()."""
        if supervisor := self.place and self.place.supervisor():
            os.kill(supervisor, signal.SIGSTOP)

    def go_on(self):
        if supervisor := self.place and self.place.supervisor():
            os.kill(supervisor, signal.SIGCONT)

    def take_rules_and_routes(self):
        """As root inside would: nothing is left in its way, and nobody puts it back."""
        self.stop()
        self.space.run("nft", "flush", "ruleset")
        self.ip("link set wg0 down\n"
                f"route replace default via {HOST} dev eth-lan onlink\n"
                f"route replace default via {HOST6} dev eth-lan onlink\n")


@contextmanager
def placed(net, text=None):
    with named.place(net, "media", text or net.provider.conf() + LAN) as place:
        place.up()
        place.wait()
        one = Media(net, place, netns.Netns(place.name))
        try:
            yield one
        finally:
            one.go_on()


def tries(space, address, port, kind=socket.SOCK_STREAM, source=None):
    """Whether an echo service there answers somebody in the namespace."""
    try:
        if kind == socket.SOCK_STREAM:
            return ask(space, address, port, timeout=0.4, source=source) == b"hello"
        return ask_udp(space, address, port, timeout=0.4, source=source) == b"hello"
    except OSError:
        return False


def serve_on_host(net):
    found = []
    for address, port in HOSTS:
        found += [net.serve(kind, net.host, address, port)
                  for kind in (servers.TcpEcho, servers.UdpEcho)]
    return found


def packets_out(net):
    """How many came out of the namespace by the link."""
    found = json.loads(net.host.output("ip", "-j", "-s", "link", "show", "dev", LINK))
    return found[0]["stats64"]["rx"]["packets"]


# ---- the number of the namespace at the other end


def nsid_of_host(space):
    found = json.loads(space.output("ip", "-j", "link", "show", "dev", "eth-lan"))
    return found[0]["link_netnsid"]


def _link_request(kind, flags, nsid, name, *attributes):
    """rtnetlink(7), with IFLA_TARGET_NETNSID; 0, or the errno."""
    text = name.encode() + b"\0"
    body = struct.pack("BxHiII", 0, 0, 0, 0, 0) + struct.pack("HHi", 8, 46, nsid)
    body += struct.pack("HH", 4 + len(text), 3) + text + b"\0" * (-len(text) % 4)
    body += b"".join(attributes)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.send(struct.pack("IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        return -struct.unpack_from("i", sock.recv(4096), 16)[0]


def delete_by_nsid(nsid, name):
    return _link_request(RTM_DELLINK, 5, nsid, name)


def push_by_nsid(nsid, name):
    """A veth over there."""
    kind = struct.pack("HH", 16, 18) + struct.pack("HH", 9, 1) + b"veth\0\0\0\0"
    return _link_request(RTM_NEWLINK, 0x605, nsid, name, kind)


@contextmanager
def in_users_namespace(place):
    """A function that calls another as root of adit's user namespace, inside."""
    with open(place.pin) as pin:
        userns = fcntl.ioctl(pin, NS_GET_USERNS)

    def call(function, *args):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                setns(f"/proc/self/fd/{userns}", CLONE_NEWUSER)
                setns(str(place.pin), CLONE_NEWNET)
                os.write(write, repr(function(*args)).encode())
                code = 0
            finally:
                os._exit(code)
        os.close(write)
        with os.fdopen(read) as end:
            said = end.read()
        assert os.waitpid(pid, 0)[1] == 0
        return said

    try:
        yield call
    finally:
        os.close(userns)


# ---- router advertisements


def hardware_address(space, link):
    address = json.loads(space.output("ip", "-j", "link", "show", "dev", link))[0]["address"]
    return bytes.fromhex(address.replace(":", ""))


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~((total >> 16) + (total & 0xFFFF)) & 0xFFFF


def advertisement(hardware):
    """Of a router fe80::99 with a prefix to make addresses of (RFC 4861 section 4.2)."""
    source = socket.inet_pton(socket.AF_INET6, "fe80::99")
    group = socket.inet_pton(socket.AF_INET6, "ff02::1")
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + \
        socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix
    pseudo = source + group + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", _checksum(pseudo + body)) + body[4:]
    return bytes.fromhex("333300000001") + hardware + b"\x86\xdd" + \
        struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + group + body


def send_frame(space, link, frame):
    with space.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.bind((link, 0))
        sock.send(frame)
