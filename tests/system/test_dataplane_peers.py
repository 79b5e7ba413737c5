"""Several peers, and everybody on the move: as the kernel module, for what a user can see."""

import socket
import time

import pytest
from lab import dataplane
from lab.dataplane import Adit, Cable, Settings
from lab.star import PORT, Star, adit_device, endpoint, hub_address, second_address, wireguard_go


@pytest.fixture(scope="module")
def shared_star():
    other = wireguard_go() if dataplane.packaged_wireguard_go() else adit_device()
    star = Star(adit_device(), other, adit_device())
    yield star
    star.close()


@pytest.fixture
def star(shared_star):
    """The first spoke is wireguard-go where it is installed; hub and second are adit's."""
    shared_star.reset()
    for spoke in shared_star.spokes:
        assert dataplane.wait_until(lambda: spoke.ping(shared_star.hub, 4, 1, 1) == 0)
    return shared_star


def sources(outer, link, act, seconds=0.3):
    """Where WireGuard datagrams that arrive at the link come from, while act() runs."""
    def make():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        sock.bind((link, 3))
        sock.settimeout(seconds)
        return sock

    found = set()
    with outer.call(make) as sock:
        act()
        try:
            while True:
                packet, address = sock.recvfrom(65535)
                if address[2] == socket.PACKET_OUTGOING:
                    continue
                if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_UDP:
                    found.add(socket.inet_ntop(socket.AF_INET, packet[12:16]))
                elif packet[0] >> 4 == 6 and packet[6] == socket.IPPROTO_UDP:
                    found.add(socket.inet_ntop(socket.AF_INET6, packet[8:24]))
        except TimeoutError:
            return found


def test_each_peer_has_its_own_session_and_addresses(star):
    first, second = star.spokes
    for family in (4, 6):
        for spoke in star.spokes:
            assert star.hub.ping(spoke, family) == 0 and spoke.ping(star.hub, family) == 0
    handshakes = star.hub.show("latest-handshakes")
    assert all(int(when) > 0 for when in handshakes.values()) and len(handshakes) == 2
    # what comes from the first with the second's address is not the second
    first.inner.ip(f"address add {second.inside()}/32 dev wg0\n")
    out = first.inner.run("ping", "-c", "2", "-i", "0.05", "-w", "1", "-I", second.inside(),
                          star.hub.inside(), check=False).stdout
    assert " 0 received" in out
    assert second.ping(star.hub) == 0


def test_an_allowed_ip_that_moves_takes_its_traffic_along(star):
    first, second = star.spokes
    star.hub.set("peer", second.key.public, "allowed-ips",
                 f"{first.inside()}/32,{second.inside()}/32")
    assert first.ping(star.hub, patience=1) == 3 and second.ping(star.hub) == 0
    assert first.inside() not in star.hub.show("allowed-ips")[first.key.public]
    star.hub.set("peer", first.key.public, "allowed-ips", f"{first.inside()}/32")
    assert first.ping(star.hub) == 0 and second.ping(star.hub) == 0


def test_a_peer_that_is_removed_is_heard_no_more(star):
    first, second = star.spokes
    star.hub.set("peer", first.key.public, "remove")
    assert first.ping(star.hub, patience=1) == 3 and second.ping(star.hub) == 0


@pytest.mark.parametrize("family", [4, 6])
def test_the_answer_leaves_from_the_address_that_was_asked(star, family):
    """Which is not the one that the kernel would choose."""
    spoke, address = star.spokes[0], second_address(1, family)
    spoke.set("peer", star.hub.key.public, "endpoint", endpoint(address))
    seen = sources(spoke.outer, "eth0", lambda: spoke.ping(star.hub))
    assert seen == {address}
    # also what the hub sends of itself, some time later
    assert sources(spoke.outer, "eth0", lambda: star.hub.ping(spoke)) == {address}


@pytest.mark.parametrize("family", [4, 6])
def test_the_answer_leaves_from_there_whatever_else_changes(star, family):
    """Routes and addresses that are none of its way; until its own address is gone."""
    spoke, address = star.spokes[0], second_address(1, family)
    length = 24 if family == 4 else 64
    spoke.set("peer", star.hub.key.public, "endpoint", endpoint(address))
    assert spoke.ping(star.hub) == 0
    star.hub.outer.ip("link add other type veth peer name another\nlink set other up\n"
                      "address add 192.0.2.1/24 dev other\nroute add 198.51.100.0/24 dev other\n"
                      "address add 2001:db8:2::1/64 dev other nodad\n")
    try:
        time.sleep(0.2)
        assert sources(spoke.outer, "eth0", lambda: star.hub.ping(spoke, count=1)) == {address}
        star.hub.outer.ip(f"address del {address}/{length} dev eth1\n")
        time.sleep(0.2)
        left = sources(spoke.outer, "eth0", lambda: star.hub.ping(spoke, count=1))
        assert left == {hub_address(1, family)}
    finally:
        star.hub.outer.ip("link del other\n")
        star.hub.outer.run("ip", "address", "add", f"{address}/{length}", "dev", "eth1",
                           *(["nodad"] if family == 6 else []), check=False)


def test_a_peer_may_change_address_port_and_family(star):
    spoke = star.spokes[1]
    key = spoke.key.public

    def is_at(expected):
        return dataplane.wait_until(lambda: spoke.ping(star.hub, count=1) == 0 and
                                    star.hub.show("endpoints")[key] == expected)

    assert is_at(endpoint(spoke.address()))
    spoke.outer.ip(f"address add 10.80.2.77/24 dev eth0\naddress del {spoke.address()}/24 dev eth0\n")
    assert is_at(endpoint("10.80.2.77"))
    spoke.set("listen-port", 4444)
    assert is_at(endpoint("10.80.2.77", 4444))
    spoke.set("peer", star.hub.key.public, "endpoint", endpoint(hub_address(2, 6)))
    assert is_at(endpoint(spoke.address(6), 4444))
    # and from here on the hub can begin
    assert star.hub.ping(spoke) == 0
    spoke.set("peer", star.hub.key.public, "endpoint", endpoint(hub_address(2, 4)))
    assert is_at(endpoint("10.80.2.77", 4444))


def test_we_may_change_address_and_port(star):
    """The peers follow what they receive."""
    spoke = star.spokes[0]
    hub = star.hub.key.public
    star.hub.set("listen-port", 5555)
    assert dataplane.wait_until(lambda: star.hub.ping(spoke, count=1) == 0)
    assert spoke.show("endpoints")[hub] == endpoint(hub_address(1), 5555)
    star.hub.outer.ip(f"address del {hub_address(1)}/24 dev eth1\n")
    assert dataplane.wait_until(lambda: star.hub.ping(spoke, count=1) == 0)
    assert spoke.show("endpoints")[hub] == endpoint(second_address(1), 5555)


def test_any_port_is_chosen_and_told(star):
    star.hub.set("listen-port", 0)
    assert dataplane.wait_until(lambda: star.hub.ping(star.spokes[0], count=1) == 0)
    port = int(star.spokes[0].show("endpoints")[star.hub.key.public].rpartition(":")[2])
    assert port not in (0, PORT)


def test_the_mark_is_on_every_datagram(star):
    spoke = star.spokes[0]
    star.hub.outer.nft("table inet marks { }\ndelete table inet marks\ntable inet marks {\ncounter marked { }\ncounter bare { }\nchain out {\n"
                       "type filter hook output priority 0;\n"
                       "meta l4proto udp meta mark 0x77 counter name marked\n"
                       "meta l4proto udp meta mark 0 counter name bare\n}\n}\n")
    star.hub.set("fwmark", "0x77")
    assert star.hub.ping(spoke) == 0
    out = star.hub.outer.output("nft", "list", "counters", "table", "inet", "marks")
    marked, bare = [int(line.split()[1]) for line in out.splitlines() if "packets" in line]
    assert marked >= 3 and bare == 0


@pytest.mark.parametrize("family", [4, 6])
def test_the_largest_mtu_that_udp_can_carry(family):
    """65,507 bytes of UDP in IPv4, less 32, in whole blocks of 16."""
    cable = Cable(Settings(mtu=65472, outer_mtu=65535, family=family))
    try:
        cable.start(Adit, Adit)
        assert dataplane.wait_until(lambda: cable.ping(count=1) == 0)
        for inner, heads in ((4, 28), (6, 48)):
            for size in (1000, 30000, 65472 - heads - 1, 65472 - heads):
                assert cable.ping(inner, 2, size) == 0, (inner, size)
        stats = cable.programs["left"].stats()
        assert stats["tx_errors"] == 0 and stats["sent"] == 1
    finally:
        cable.close()
