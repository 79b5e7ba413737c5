"""The lab itself: the small internet works, and its oracle sees what it must see."""

import json
import subprocess
import time

import pytest
from lab import dnswire, internet, netns, provider
from lab.adit import PYTHON
from lab.canaries import Canaries
from lab.oracle import Oracle, is_wireguard
from lab.packets import TCP, UDP
from lab.traffic import ORDINARY, PRIVILEGED, Traffic


def fetch(space, address):
    host = f"[{address}]" if ":" in address else address
    return json.loads(space.output("curl", "-sS", "-m", "5", f"http://{host}/"))["address"]


def test_host_reaches_web_through_router_and_is_seen_with_its_address(shared_net):
    assert fetch(shared_net.host, internet.WEB) == internet.ROUTER
    assert fetch(shared_net.host, internet.WEB6) == internet.HOST6


def test_host_and_lan_reach_each_other(shared_net):
    assert fetch(shared_net.host, internet.LAN) == internet.HOST


def test_names_are_answered_by_the_resolver_of_the_host(shared_net):
    said = shared_net.host.output("dig", "+short", "whoami.test", "TXT").strip()
    assert said == f'"host saw {internet.HOST}"'
    assert "whoami.test" in shared_net.resolver.names()


def test_small_internet_is_made_in_a_second_and_a_half_and_leaves_nothing():
    start = time.monotonic()
    net = internet.Internet()
    took = time.monotonic() - start
    net.close()
    assert not any(space.exists() for space in net.spaces)
    assert net.provider.process is None
    assert took < 1.5


class HostTunnel:
    """wg-quick on the host itself, as people use it today."""

    link = "wgq0"

    def __init__(self, net):
        self.net = net
        self.conf = net.provider.write_conf(f"/run/lab/{self.link}.conf", owner=(0, 0), dns=None)

    def __enter__(self):
        self.net.host.run("env", "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go",
                          "wg-quick", "up", str(self.conf))
        return self

    def __exit__(self, *_):
        self.remove()
        self.net.host.run("wg-quick", "down", str(self.conf), check=False)

    def remove(self):
        """wireguard-go ends when its link does."""
        self.net.host.run("ip", "link", "del", self.link, check=False)


def send_from_host(net, count=5):
    text = ("import socket, sys, time\n"
            "for a in sys.argv[2:]:\n"
            "    s = socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET, 2)\n"
            "    for i in range(int(sys.argv[1])):\n"
            "        s.sendto(b'from the host', (a, 7)); time.sleep(.01)\n")
    net.host.run(PYTHON, "-c", text, str(count), internet.WEB, internet.WEB6)


def test_traffic_inside_a_tunnel_is_no_leak_but_is_one_when_the_tunnel_goes(net):
    """The negative control: the usual set-up leaks, and the oracle says so."""
    oracle = Oracle(net)
    with HostTunnel(net) as tunnel:
        send_from_host(net)
        own = [p for p in oracle.leaks() if p.link == tunnel.link]
        assert own, "the clear side of a tunnel on the host is a link of the host"
        assert oracle.leaks() == own
        assert oracle.kinds()["wireguard"] > 10
        assert {seen.address for seen in net.udp.seen} == {provider.ADDRESS}
        tunnel.remove()
        send_from_host(net)
    leaked = [p for p in oracle.leaks() if p.link == internet.UPLINK]
    assert {p.dst for p in leaked if p.is_outgoing} == {internet.WEB, internet.WEB6}
    assert len([p for p in leaked if p.is_outgoing]) >= 10
    with pytest.raises(AssertionError, match="packets leaked"):
        oracle.finish()


def test_silence_is_no_proof_without_wireguard_packets(net):
    with pytest.raises(AssertionError, match="WireGuard was hardly seen"):
        Oracle(net).finish()


def test_verdict_insists_on_traffic_that_was_offered(net):
    with pytest.raises(AssertionError, match="only 3 of udp was offered"):
        Oracle(net).finish(offered={"udp": 3}, least={"udp": 4}, wireguard=0)


def test_verdict_insists_on_a_capture_that_began_before(net):
    started = time.monotonic()
    with pytest.raises(AssertionError, match="began after"):
        Oracle(net).finish(started=started, wireguard=0)


def test_verdict_insists_on_a_capture_that_lost_nothing(net):
    oracle = Oracle(net)
    oracle._captures[0]._lost = 1
    with pytest.raises(AssertionError, match="lost packets"):
        oracle.finish(wireguard=0)


def test_lookup_of_the_endpoint_is_no_leak_and_any_other_is(net):
    oracle = Oracle(net)
    net.host.run("dig", "+short", provider.NAME)
    assert not oracle.leaks()
    assert oracle.kinds()["resolving"] >= 4
    net.host.run("dig", "+short", "web.test")
    assert oracle.leaks()
    oracle.stop()


def test_clear_datagram_to_the_endpoint_is_a_leak(net):
    oracle = Oracle(net)
    net.host.run(PYTHON, "-c", "import socket, sys; socket.socket(2, 2).sendto("
                 f"b'hello in the clear', ('{provider.ADDRESS}', {provider.PORT}))")
    assert oracle.leaks()
    oracle.stop()


def test_arp_for_anybody_but_the_gateway_is_a_leak(net):
    oracle = Oracle(net)
    net.host.run("ping", "-c1", "-W1", internet.GATEWAY)
    assert not [p for p in oracle.leaks() if p.arp]
    net.host.run("ping", "-c1", "-W1", internet.LAN)
    assert [p for p in oracle.leaks() if p.arp]
    oracle.stop()


def test_declared_flow_of_the_test_itself_is_no_leak(net):
    oracle = Oracle(net)
    oracle.declare(internet.WEB, 80)
    fetch(net.host, internet.WEB)
    assert not oracle.leaks()
    assert oracle.kinds()["declared"] > 6
    oracle.stop()


def test_fragments_and_multicast_of_the_host_are_leaks(net):
    oracle = Oracle(net)
    net.host.run(PYTHON, "-c",
                 "import socket; s = socket.socket(2, 2); s.setsockopt(0, 10, 0)\n"
                 f"s.sendto(bytes(4000), ('{internet.WEB}', 7))\n"
                 "s.sendto(b'x', ('239.1.2.3', 5000))")
    leaks = [p for p in oracle.leaks() if p.is_outgoing]
    assert {p.fragment_offset for p in leaks if p.dst == internet.WEB} == {0, 1480, 2960}
    assert any(p.dst == "239.1.2.3" for p in leaks)
    oracle.stop()


def test_wireguard_is_told_by_its_form():
    assert is_wireguard(b"\1\0\0\0" + bytes(144))
    assert is_wireguard(b"\4\0\0\0" + bytes(28))
    assert not is_wireguard(b"\1\0\0\0" + bytes(145))
    assert not is_wireguard(b"\4\0\0\0" + bytes(29))
    assert not is_wireguard(b"hello" * 20)
    assert not is_wireguard(b"")


def test_canaries_sing_for_the_host_and_tell_of_a_visitor(net):
    place = "/run/docker.sock"
    with Canaries(net, [place, "@lab-canary"]) as canaries:
        canaries.check()
        net.lan.run(PYTHON, "-c", "import socket; s = socket.socket(socket.AF_UNIX);"
                    f"s.connect('{place}'); s.send(b'from another network')")
        with pytest.raises(AssertionError, match="were reached"):
            canaries.check()
        assert canaries.visited() == {place: [b"from another network"]}


def test_provider_comes_back_after_a_crash_and_at_its_other_address(net):
    net.provider.kill()
    net.provider.start()
    net.provider.move()
    assert net.zone[provider.NAME] == [provider.OTHER]
    net.host.run("ping", "-c1", "-W2", provider.OTHER)
    assert net.host.run("ping", "-c1", "-W1", provider.ADDRESS, check=False).returncode


def test_troubles_of_the_provider_look_different_from_the_host(net):
    """Refused by ICMP, or silence."""
    probe = ("import socket, sys\ns = socket.socket(2, 2); s.settimeout(.5)\n"
             f"s.connect(('{provider.ADDRESS}', {provider.PORT})); s.send(b'x'); s.recv(9)")

    def error():
        done = net.host.run(PYTHON, "-c", probe, check=False)
        return done.stderr.strip().splitlines()[-1]

    net.provider.drop()
    assert "timed out" in error()
    net.provider.refuse()
    assert "No route to host" in error() or "Permission" in error()
    net.provider.pass_all()
    net.provider.kill()
    assert "refused" in error()


def test_dns_messages_are_read_back_as_written():
    query = dnswire.query("a.b.test", dnswire.AAAA)
    assert dnswire.read_question(query) == ("a.b.test", dnswire.AAAA)
    answer = dnswire.reply(query, ["fd00::1"])
    assert dnswire.read_answered_name(answer) == "a.b.test"
    assert dnswire.read_question(b"nonsense") is None


def test_sandbox_is_out_of_reach_of_the_machine():
    """Only loopback, and a /run of its own."""
    links = json.loads(subprocess.check_output(["ip", "-j", "link"]))
    assert [link["ifname"] for link in links] == ["lo"]
    assert "netns" in subprocess.check_output(["ls", "/run"], text=True)


LEFT_OPEN = {  # kind of traffic: what its packets look like on the uplink of an unprotected host
    "tcp": lambda p: (p.dst, p.protocol, p.dport) == (internet.WEB, TCP, 7),
    "tcp6": lambda p: (p.dst, p.protocol, p.dport) == (internet.WEB6, TCP, 7),
    "tcp-lan": lambda p: (p.dst, p.dport) == (internet.LAN, 80),
    "udp": lambda p: (p.dst, p.protocol, p.payload) == (internet.WEB, UDP, b"from inside"),
    "udp6": lambda p: (p.dst, p.protocol, p.payload) == (internet.WEB6, UDP, b"from inside"),
    "udp-lan": lambda p: (p.dst, p.protocol, p.dport) == (internet.LAN, UDP, 7),
    "udp-metadata": lambda p: p.dst == "169.254.169.254",
    "udp-endpoint": lambda p: (p.dst, p.dport) == (provider.ADDRESS, provider.PORT),
    "icmp": lambda p: (p.dst, p.icmp_type) == (internet.WEB, 8),
    "icmp6": lambda p: (p.dst, p.icmp_type) == (internet.WEB6, 128),
    "dns": lambda p: (p.dst, p.dport) == (internet.GATEWAY, 53),
    "dns-fixed": lambda p: (p.dst, p.dport) == (internet.DNS, 53),
    "multicast": lambda p: p.dst == "239.1.2.3",
    "multicast6": lambda p: p.dst == "ff02::fb",
    "broadcast": lambda p: p.dst == "255.255.255.255",
    "fragment": lambda p: p.dst == internet.WEB and p.later_fragment,
    "fragment6": lambda p: p.dst == internet.WEB6 and p.later_fragment,
    "raw": lambda p: p.src == provider.CLIENT,
    "raw6": lambda p: (p.dst, p.protocol) == (internet.WEB6, 253),
    "packet": lambda p: p.src == provider.CLIENT6,
}


def test_every_kind_of_traffic_is_caught_when_nothing_confines_it(net):
    oracle, traffic = Oracle(net), Traffic(seconds=2)
    net.host.run(*traffic.command)
    leaks = [p for p in oracle.leaks() if p.link == internet.UPLINK and p.is_outgoing]
    missed = [kind for kind, is_it in LEFT_OPEN.items() if not any(map(is_it, leaks))]
    assert not missed, traffic.counts()
    attempts = traffic.counts()["attempts"]
    assert all(attempts[kind] > 1 for kind in ORDINARY + PRIVILEGED), attempts
    oracle.stop()


@pytest.fixture
def by_hand(net):
    """The recipe of wireguard.com/netns: the tunnel alone in a namespace, its socket outside."""
    space, = netns.create(["by-hand"])
    space.sysctl(net__ipv4__ping_group_range="0 2147483647")
    conf = net.provider.conf(address="", dns=None).replace("Address = \n", "")
    process = net.host.popen("wireguard-go", "-f", "wgh0", stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    provider.wait_for_uapi(process, "wgh0")
    net.host.run("wg", "setconf", "wgh0", "/dev/stdin", input=conf)
    # wireguard-go hears of "up" on the host only
    net.host.ip("link set wgh0 up\n")
    time.sleep(0.1)
    net.host.ip("link set wgh0 netns by-hand\n")
    space.ip(f"link set lo up\naddress add {provider.CLIENT}/32 dev wgh0\n"
             f"address add {provider.CLIENT6}/128 dev wgh0\nlink set wgh0 mtu 1420 up\n"
             "route add default dev wgh0\nroute add ::/0 dev wgh0\n")
    yield space
    process.kill()
    process.wait()
    netns.delete([space])


def test_tunnel_alone_in_a_namespace_leaks_nothing_and_the_oracle_agrees(net, by_hand):
    """The positive control, as root of the machine, with every kind of traffic."""
    space, traffic = by_hand, Traffic(skip=["dns"])
    oracle = Oracle(net)
    generator = space.popen(*traffic.command)
    try:
        traffic.wait_for("replies", ("tcp", "udp", "icmp", "tcp6", "udp6", "icmp6", "fragment"))
        net.provider.kill()
        time.sleep(1)
        net.unplug_uplink()
        time.sleep(0.5)
        net.plug_uplink(internet.NEW_HOST, internet.NEW_HOST6)
        net.provider.start()
        time.sleep(1)
    finally:
        generator.kill()
        generator.wait()
    kinds = [kind for kind in ORDINARY + PRIVILEGED if kind != "dns"]
    oracle.finish(offered=traffic.counts()["attempts"], least={kind: 3 for kind in kinds},
                  wireguard=50)
