"""What a supervisor can tell apart when there is no handshake."""

import pytest
from lab import dataplane
from lab.dataplane import PORT, Adit, Cable
from lab.provider import Impostor

EPERM, ENETUNREACH, ECONNREFUSED, EACCES, EHOSTUNREACH = 1, 101, 111, 13, 113


@pytest.fixture
def cable():
    cable = Cable()
    yield cable
    cable.close()


def stats_when(adit, condition):
    seen = {}

    def holds():
        seen.update(adit.stats())
        return condition(seen)

    dataplane.wait_until(holds, 3)
    return seen


def test_a_closed_port_is_an_icmp_refusal(cable):
    cable.start(Adit, None)
    stats = stats_when(cable.programs["left"], lambda seen: seen["icmp_errno"])
    assert stats["icmp_errno"] == ECONNREFUSED
    assert (stats["icmp_type"], stats["icmp_code"]) == (3, 3)
    assert not stats["handshake"] and stats["sent"] == 1


def test_a_firewall_that_says_so_is_an_icmp_refusal(cable):
    cable.right.outer.nft("table inet x {\nchain in {\ntype filter hook input priority 0;\n"
                          "meta l4proto udp reject with icmpx admin-prohibited\n}\n}\n")
    cable.start(Adit, None)
    stats = stats_when(cable.programs["left"], lambda seen: seen["icmp_errno"])
    assert stats["icmp_errno"] == EHOSTUNREACH
    assert (stats["icmp_type"], stats["icmp_code"]) == (3, 13)


def test_our_own_firewall_is_eperm(cable):
    cable.left.outer.nft("table inet x {\nchain out {\ntype filter hook output priority 0;\n"
                         f"udp dport {PORT} drop\n}}\n}}\n")
    cable.start(Adit, None)
    assert stats_when(cable.programs["left"], lambda seen: seen["tx_errno"])["tx_errno"] == EPERM


def test_no_route_is_known(cable):
    cable.left.outer.ip("route del 10.80.0.0/24 dev eth0\n")
    cable.start(Adit, None)
    stats = stats_when(cable.programs["left"], lambda seen: seen["tx_errno"])
    assert stats["tx_errno"] == ENETUNREACH


def test_silence_is_silence(cable):
    cable.right.outer.nft("table inet x {\nchain in {\ntype filter hook input priority 0;\n"
                          f"udp dport {PORT} drop\n}}\n}}\n")
    cable.start(Adit, None)
    assert not cable.programs["left"].wait(1)
    stats = cable.programs["left"].stats()
    assert stats["sent"] == 1
    assert not any(stats[name] for name in ("tx_errno", "icmp_errno", "datagrams", "bad_response"))


@pytest.mark.parametrize("kind", ["false_response", "noise"])
def test_a_reply_that_does_not_authenticate_is_counted(cable, kind):
    make = Impostor.noise
    if kind == "false_response":
        make = Impostor.false_response(cable.left.key.public)
    impostor = Impostor(cable.right.outer, make)
    cable.start(Adit, None)
    stats = stats_when(cable.programs["left"], lambda seen: seen["invalid"])
    impostor.close()
    assert stats["datagrams"] >= 1 and not stats["handshake"]
    assert bool(stats["bad_response"]) == (kind == "false_response")


def test_a_new_endpoint_is_tried_at_once(cable):
    cable.right.outer.ip("address add 10.80.0.9/24 dev eth0\n")
    cable.start(Adit, Adit)
    adit = cable.programs["left"]
    assert adit.wait()
    adit.set_endpoint(f"10.80.0.9:{PORT}")
    assert cable.ping(count=2) == 0


def test_the_host_may_lose_the_address_that_was_answered_from(cable):
    """The sticky source goes, traffic goes on from another one."""
    cable.left.outer.ip("address add 10.80.0.8/24 dev eth0\n")
    cable.start(Adit, Adit)
    assert cable.programs["left"].wait()
    cable.left.outer.sysctl(net__ipv4__conf__eth0__promote_secondaries=1)
    cable.left.outer.ip(f"address del {cable.left.address()}/24 dev eth0\n")
    assert cable.ping(count=5) <= 1


def test_the_uplink_may_go_down_and_come_back(cable):
    cable.start(Adit, Adit)
    assert cable.programs["left"].wait()
    cable.left.outer.ip("link set eth0 down\n")
    assert cable.ping(count=2) == 2
    cable.left.outer.ip("link set eth0 up\n")
    assert dataplane.wait_until(lambda: cable.ping(count=1) == 0)
