"""adit's data plane and wireguard-go understand each other: families, MTUs, roles, all kinds of packets."""

import hashlib
import secrets
import socket
import threading

import pytest
from lab import dataplane
from lab.dataplane import Adit, go
from lab.provider import wg

PACKAGED, NEWEST = dataplane.packaged_wireguard_go(), dataplane.newest_wireguard_go()
OTHERS = [
    pytest.param(go(PACKAGED), id="packaged",
                 marks=pytest.mark.skipif(not PACKAGED, reason="wireguard-go is not installed")),
    pytest.param(go(NEWEST), id="newest",
                 marks=[] if NEWEST else [pytest.mark.long,
                                          pytest.mark.skip(reason="run bench/get-wireguard-go.sh")]),
    pytest.param(Adit, id="adit"),
]


def listen(side, family, kind):
    def make():
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
        sock.bind((side.inside(family), 7000))
        sock.settimeout(10)
        if kind == socket.SOCK_STREAM:
            sock.listen()
        return sock

    return side.inner.call(make)


def connect(side, other, family, kind):
    def make():
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
        sock.settimeout(10)
        sock.connect((other.inside(family), 7000))
        return sock

    return side.inner.call(make)


def transfer(sender, receiver, family, n_bytes):
    """The hash of what arrives over TCP, and that of what was sent."""
    received = hashlib.sha256()
    block = secrets.token_bytes(1 << 20)
    sent = hashlib.sha256()

    def receive(listener):
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(1 << 18):
                received.update(data)

    with listen(receiver, family, socket.SOCK_STREAM) as listener:
        thread = threading.Thread(target=receive, args=(listener,))
        thread.start()
        with connect(sender, receiver, family, socket.SOCK_STREAM) as sock:
            for _ in range(n_bytes // len(block)):
                sock.sendall(block)
                sent.update(block)
        thread.join()
    return received.hexdigest(), sent.hexdigest()


def check_tcp(cable, family, both=True):
    ways = [(cable.left, cable.right), (cable.right, cable.left)]
    for sender, receiver in ways if both else ways[:1]:
        received, sent = transfer(sender, receiver, family, 20 << 20)
        assert received == sent


def check_udp(cable, family, sizes):
    """Datagrams of every size arrive whole, both ways; the large ones in fragments."""
    with listen(cable.right, family, socket.SOCK_DGRAM) as server, \
            connect(cable.left, cable.right, family, socket.SOCK_DGRAM) as client:
        for size in sizes:
            data = secrets.token_bytes(size)
            client.send(data)
            seen, peer = server.recvfrom(65535)
            assert seen == data
            server.sendto(seen[::-1], peer)
            assert client.recv(65535) == data[::-1]


def udp_sizes(mtu):
    edges = [mtu - 28, mtu - 48]
    return [0, 1, 15, 16, 17, 100, 1000, *[e + d for e in edges for d in (-1, 0, 1)], 5000, 30000]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("mtu, outer", [(1280, 1500), (1420, 1500), (9000, 9100), (9000, 1500)])
@pytest.mark.parametrize("other", OTHERS)
def test_every_mtu_and_outer_family(make_cable, other, mtu, outer, family):
    cable = make_cable(Adit, other, mtu=mtu, outer_mtu=outer, family=family)
    for inner in (4, 6):
        assert cable.ping(inner, 3, 56) == 0
        assert cable.ping(inner, 3, mtu - 48) == 0
        assert cable.ping(inner, 2, 20000) == 0
        # wireguard-go 0.0.20260522 loses trains of datagrams that its own uplink has to cut
        check_tcp(cable, inner, both=mtu < outer or other is Adit)
        check_udp(cable, inner, udp_sizes(mtu))


@pytest.mark.parametrize("other", OTHERS)
def test_adit_answers_where_the_other_begins(make_cable, other):
    cable = make_cable(other, Adit)
    check_tcp(cable, 4)
    check_udp(cable, 6, udp_sizes(1420))
    stats = cable.programs["right"].stats()
    assert stats["handshake"] == 1 and stats["rx"] > 20 << 20


@pytest.mark.parametrize("adit_begins", [True, False])
@pytest.mark.parametrize("other", OTHERS)
def test_preshared_key(make_cable, other, adit_begins):
    sides = (Adit, other) if adit_begins else (other, Adit)
    cable = make_cable(*sides, preshared=wg("genpsk"))
    check_tcp(cable, 6)


def test_udp_trains_are_cut_and_merged(make_cable):
    """UDP_SEGMENT inside: the device takes one frame for many datagrams."""
    cable = make_cable(Adit, Adit)
    with listen(cable.right, 4, socket.SOCK_DGRAM) as server, \
            connect(cable.left, cable.right, 4, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.IPPROTO_UDP, 103, 1200)  # UDP_SEGMENT
        data = secrets.token_bytes(1200 * 40 + 77)
        client.send(data)
        seen = [server.recv(65535) for _ in range(41)]
        assert b"".join(seen) == data
        assert [len(part) for part in seen] == [1200] * 40 + [77]


def test_ip_options_and_raw_protocols_pass(make_cable):
    cable = make_cable(Adit, Adit)
    # record route and timestamp are IPv4 options
    out = cable.left.inner.output("ping", "-c", "1", "-R", cable.right.inside())
    assert f"{cable.right.inside()}" in out and "1 received" in out

    def receive():
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)  # RFC 3692: for experiments
        sock.settimeout(5)
        return sock

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, 253) as sock:
            sock.sendto(b"raw", (cable.right.inside(), 0))

    with cable.right.inner.call(receive) as sock:
        cable.left.inner.call(send)
        assert sock.recv(100)[20:] == b"raw"


def test_no_route_for_an_address_of_no_peer(make_cable):
    cable = make_cable(Adit, Adit)
    cable.left.inner.ip("route add 10.99.0.0/16 dev wg0\nroute add fd99::/16 dev wg0\n")
    for family, address in ((4, "10.99.0.1"), (6, "fd99::1")):
        out = cable.left.inner.run("ping", f"-{family}", "-c", "1", "-W", "2", address,
                                   check=False).stdout
        assert "nreachable" in out


@pytest.mark.long
@pytest.mark.parametrize("other", OTHERS)
def test_a_session_is_renewed_without_a_gap(make_cable, other):
    """Whitepaper 6.2: the initiator renews after 120 s of traffic."""
    cable = make_cable(Adit, other)
    before = cable.programs["left"].stats()["sent"]
    out = cable.left.inner.run("ping", "-i", "0.1", "-c", "1450", "-W", "1", cable.right.inside(),
                               timeout=170).stdout
    assert "1450 received" in out
    assert cable.programs["left"].stats()["sent"] > before
