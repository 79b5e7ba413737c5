"""Who reaches a forwarded port, and who does not."""

import socket
import time

import pytest
from lab import internet, netns, relay, servers
from lab.internet import HOST, HOST6, LAN, NEW_HOST, NEW_HOST6, UPLINK
from lab.relay import Relay, ask, ask_udp, connect

OTHER_NET = "10.66.0"  # behind another uplink of the host's, or of no link at all


@pytest.fixture
def web(net):
    """tcp:8080 and udp:5300 of the uplink and of lo lead to echo services inside."""
    with Relay(net, f"{UPLINK}/tcp:8080->80", f"{UPLINK}/udp:5300->53", "lo/tcp:8080->80") as it:
        it.serve(80)
        it.serve_udp(53)
        yield it


@pytest.mark.parametrize("address", [HOST, HOST6])
def test_a_lan_client_reaches_the_service_inside(net, web, address):
    assert ask(net.lan, address, 8080) == b"hello"
    assert ask_udp(net.lan, address, 5300) == b"hello"


def test_a_lan_client_reaches_it_by_the_link_local_address(net, web):
    text = net.host.output("ip", "-6", "-o", "address", "show", "dev", UPLINK, "scope", "link")
    address = text.split()[3].split("/")[0]
    scope = net.lan.call(socket.if_nametoindex, "eth0")
    assert ask(net.lan, address, 8080, scope=scope) == b"hello"


@pytest.mark.parametrize("address", [HOST, HOST6])
def test_the_host_itself_reaches_it_by_that_address(net, web, address):
    assert ask(net.host, address, 8080) == b"hello"
    assert ask_udp(net.host, address, 5300) == b"hello"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_host_reaches_what_is_forwarded_on_lo(net, web, address):
    assert ask(net.host, address, 8080) == b"hello"


def test_a_service_inside_sees_a_client_of_its_own_loopback(net):
    seen = []
    with Relay(net, f"{UPLINK}/tcp:81") as it:
        it.serve(81, lambda conn: (seen.append(conn.getpeername()[0]), relay.echo(conn)))
        ask(net.lan, HOST, 81)
    assert seen == ["127.0.0.1"]


def test_a_service_on_ipv6_loopback_is_found(net):
    with Relay(net, f"{UPLINK}/tcp:81", f"{UPLINK}/udp:54") as it:
        it.serve(81, address="::1")
        it.serve_udp(54, address="::1")
        assert ask(net.lan, HOST, 81) == b"hello"
        with pytest.raises(TimeoutError):  # by this one it learns where the service is
            ask_udp(net.lan, HOST, 54, timeout=0.5)
        assert ask_udp(net.lan, HOST, 54) == b"hello"


def test_a_service_on_another_address_inside_is_reached_when_told(net):
    with Relay(net, f"{UPLINK}/tcp:81", options=["--inside", "10.0.0.7"]) as it:
        it.inside.ip("address add 10.0.0.7/32 dev lo\n")
        it.serve(81, address="10.0.0.7")
        assert ask(net.lan, HOST, 81) == b"hello"


def test_where_nobody_listens_inside_the_client_is_reset(net, web):
    with Relay(net, f"{UPLINK}/tcp:82") as it:
        with pytest.raises(ConnectionResetError), connect(net.lan, HOST, 82) as sock:
            sock.recv(1)
        wait_until(lambda: it.stats()[0]["refused"] == 1)


# ---- who does not ----


@pytest.fixture
def other_uplink(net):
    """A neighbour on another link of the host's, which sends what is for the LAN address there."""
    other = netns.create([f"other{id(net)}"])[0]
    netns.batch("ip", "-batch", "-", input=f"link add wan9 netns {net.host.name} type veth "
                f"peer name eth0 netns {other.name}\n")
    for name in ("all", "wan9"):
        net.host.sysctl(**{f"net__ipv4__conf__{name}__rp_filter": 0})
    net.host.ip(f"address add {OTHER_NET}.1/24 dev wan9\nlink set wan9 up\n"
                "address add fd66::1/64 dev wan9 nodad\n")
    other.ip(f"link set lo up\naddress add {OTHER_NET}.9/24 dev eth0\nlink set eth0 up\n"
             f"address add fd66::9/64 dev eth0 nodad\n"
             f"route add {HOST}/32 via {OTHER_NET}.1\nroute add {HOST6}/128 via fd66::1\n")
    yield other
    netns.delete([other])


@pytest.mark.parametrize("address", [HOST, HOST6])
def test_by_another_uplink_nobody_reaches_it(net, web, other_uplink, address):
    net.serve(servers.TcpEcho, net.host, address, 8099)
    # the control: the host's own services do answer by that way (weak host model)
    connect(other_uplink, address, 8099).close()
    with pytest.raises((ConnectionRefusedError, TimeoutError)):
        connect(other_uplink, address, 8080, timeout=2)
    with pytest.raises((ConnectionRefusedError, TimeoutError)):
        ask_udp(other_uplink, address, 5300, timeout=1)
    assert [forward["total"] for forward in web.stats()] == [0, 0, 0]


def test_a_source_outside_of_the_subnet_is_refused(net, web):
    net.lan.ip(f"address add {OTHER_NET}.9/32 dev eth0\n")
    net.host.ip(f"route add {OTHER_NET}.9/32 dev {UPLINK}\n")
    # the reset may come before connect(2) has returned, or after
    with pytest.raises(ConnectionResetError), \
            connect(net.lan, HOST, 8080, source=f"{OTHER_NET}.9") as sock:
        sock.recv(1)
    with pytest.raises(TimeoutError):
        ask_udp(net.lan, HOST, 5300, source=f"{OTHER_NET}.9", timeout=0.5)
    assert [forward["refused"] for forward in web.stats()] == [1, 1, 0]
    assert ask(net.lan, HOST, 8080, source=LAN) == b"hello"


def test_inside_there_is_nothing_to_leave_by(net, web):
    assert web.inside.output("ip", "-o", "link").count("\n") == 1
    for address in (HOST, LAN, internet.WEB):
        with pytest.raises(OSError):
            connect(web.inside, address, 80, timeout=1)


# ---- ports and addresses ----


def test_a_port_that_is_taken_names_its_owner(net):
    taker = net.host.popen("/usr/bin/python3", "-c", "import socket, time; s = socket.socket(); "
                           f"s.bind(('{HOST}', 8080)); s.listen(); time.sleep(60)")
    try:
        wait_until(lambda: can_connect(net, 8080))
        with Relay(net, f"{UPLINK}/tcp:8080->80") as it:
            assert it.first == (f"error: tcp {HOST}:8080 is taken by 'python3' "
                                f"(process {taker.pid})")
    finally:
        taker.kill()
        taker.wait()


def can_connect(net, port):
    try:
        connect(net.lan, HOST, port).close()
        return True
    except OSError:
        return False


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_changed_address_is_followed_and_flows_stay(net, web):
    net.host.ip(f"address add {NEW_HOST}/24 dev {UPLINK}\naddress add {NEW_HOST6}/64 dev {UPLINK}\n")
    for address in (NEW_HOST, NEW_HOST6):
        wait_until(lambda: can_ask(net, address))
    with connect(net.lan, NEW_HOST, 8080) as kept:
        kept.sendall(b"1")
        assert kept.recv(1) == b"1"
        net.host.ip(f"address del {HOST6}/64 dev {UPLINK}\n")
        net.host.ip(f"address add 192.168.77.9/24 dev {UPLINK}\n")
        wait_until(lambda: can_ask(net, "192.168.77.9"))
        kept.sendall(b"2")
        assert kept.recv(1) == b"2"
    wait_until(lambda: web.stats()[0]["listeners"] == 5)  # 3 of IPv4, 1 of IPv6, link-local


def can_ask(net, address):
    try:
        return ask(net.lan, address, 8080, timeout=0.5) == b"hello"
    except OSError:
        return False


def test_a_link_that_comes_later_is_listened_on(net):
    with Relay(net, "late0/tcp:8080->80") as it:
        it.serve(80)
        assert it.stats()[0]["listeners"] == 0
        netns.batch("ip", "-batch", "-", input=f"link add late0 netns {net.host.name} type veth "
                    f"peer name late1 netns {net.lan.name}\n")
        net.lan.ip(f"address add {OTHER_NET}.9/24 dev late1\nlink set late1 up\n")
        net.host.ip(f"address add {OTHER_NET}.1/24 dev late0\nlink set late0 up\n")
        wait_until(lambda: it.stats()[0]["listeners"] >= 1)
        assert ask(net.lan, f"{OTHER_NET}.1", 8080) == b"hello"
