"""Congestion marks cross the tunnel as RFC 6040 says, and DSCP stays inside."""

import socket
import struct

import pytest
from lab.dataplane import Adit, Cable, wait_until

NOT_ECT, ECT1, ECT0, CE = range(4)


@pytest.fixture
def cable():
    cable = Cable()
    cable.start(Adit, Adit)
    assert wait_until(lambda: cable.ping(count=1) == 0)
    yield cable
    cable.close()


def receiver(cable, family):
    def make():
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        sock.settimeout(1)
        if family == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        sock.bind((cable.right.inside(family), 7000))
        return sock

    return cable.right.inner.call(make)


def send(cable, family, *marks):
    """One datagram for each mark, at once."""
    def make():
        with socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6,
                           socket.SOCK_DGRAM) as sock:
            for mark in marks:
                if family == 4:
                    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, mark)
                else:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, mark)
                sock.sendto(bytes([mark]) * 100, (cable.right.inside(family), 7000))

    cable.left.inner.call(make)


def mark_of(sock):
    """The mark that a datagram came with; None: none came."""
    try:
        data, control, _, _ = sock.recvmsg(2000, 100)
    except TimeoutError:
        return None
    mark = control[0][2]
    return mark[0] if len(mark) == 1 else struct.unpack("i", mark)[0]


def outer_marks(cable, act):
    """TOS of the WireGuard packets that arrive at the right while act runs."""
    def make():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        sock.bind(("eth0", 0x0800))
        sock.settimeout(0.5)
        return sock

    marks = []
    with cable.right.outer.call(make) as sock:
        act()
        try:
            while True:
                packet, address = sock.recvfrom(65535)
                if address[2] != 4 and packet[9] == 17:  # not our own, UDP
                    marks.append((packet[28], packet[1]))
        except TimeoutError:
            return marks


@pytest.mark.parametrize("family", [4, 6])
def test_the_outer_header_has_the_inner_ecn_and_no_dscp(cable, family):
    marks = [0xb8 | ecn for ecn in range(4)]
    seen = outer_marks(cable, lambda: send(cable, family, *marks))
    assert [mark for kind, mark in seen if kind == 4] == [0, 1, 2, 3]


def test_handshakes_are_marked_as_such(cable):
    # the device forgets its session with the process
    seen = outer_marks(cable, lambda: (cable.programs["left"].reopen(), cable.ping(count=1)))
    assert (1, 0x88) in seen


@pytest.mark.parametrize("family", [4, 6])
def test_congestion_on_the_way_is_told_to_those_who_understand(cable, family):
    cable.right.outer.nft("table ip congestion {\nchain pre {\ntype filter hook prerouting priority raw;\n"
                          "udp dport 51820 ip ecn set ce\n}\n}\n")
    with receiver(cable, family) as sock:
        send(cable, family, 0x20 | ECT0)
        assert mark_of(sock) == 0x20 | CE
        send(cable, family, ECT1)
        assert mark_of(sock) == CE
        send(cable, family, CE)
        assert mark_of(sock) == CE
        # RFC 6040 figure 4: a packet that cannot carry the mark is dropped
        send(cable, family, NOT_ECT)
        assert mark_of(sock) is None


@pytest.mark.parametrize("family", [4, 6])
def test_marks_that_differ_stay_with_their_packets(cable, family):
    with receiver(cable, family) as sock:
        send(cable, family, NOT_ECT, ECT0, ECT0, CE, ECT1)
        assert [mark_of(sock) for _ in range(5)] == [NOT_ECT, ECT0, ECT0, CE, ECT1]
