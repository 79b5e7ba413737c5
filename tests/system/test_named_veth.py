"""LAN flows by a veth: who reaches whom, and what root inside can do about it."""

import pytest

from lab import internet, named, netns, servers
from lab.relay import ask, ask_udp

HOST, HOST6 = "192.168.10.10", "fd00:10::10"
INSIDE, INSIDE6 = "192.168.10.11", "fd00:10::11"
TCP, UDP, INNER = 2222, 5353, 22

LAN = f"""
[Lan]
HostAddress = {HOST}, {HOST6}
NamespaceAddress = {INSIDE}, {INSIDE6}
Forward = tcp:{TCP}->{INNER}, udp:{UDP}, tcp:7000-7002, tcp:8000-8001->9000-9001
"""


class Media:
    """The namespace, with services in it."""

    def __init__(self, net, place):
        self.net, self.place = net, place
        self.space = netns.Netns(place.name)
        self.seen = []

    def serve(self, kind, address, port):
        server = self.net.serve(kind, self.space, address, port)
        return server


@pytest.fixture
def media(net):
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        place.up()
        place.wait()
        yield Media(net, place)


def test_clients_of_the_lan_reach_what_is_forwarded_and_look_like_the_host(net, media):
    for address, lan, host in ((INSIDE, internet.HOST, HOST), (INSIDE6, internet.HOST6, HOST6)):
        tcp = media.serve(servers.TcpEcho, address, INNER)
        udp = media.serve(servers.UdpEcho, address, UDP)
        assert ask(net.lan, lan, TCP) == b"hello"
        assert ask_udp(net.lan, lan, UDP) == b"hello"
        assert {seen.address for seen in tcp.seen + udp.seen} == {host}
