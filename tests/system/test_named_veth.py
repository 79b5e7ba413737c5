"""LAN flows by a veth: who reaches whom, what root inside can do about it, and what is left of it.

The holes of the setup that people make by hand are tried in test_hand_made_setup.py.
"""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest

from lab import adit, internet, named, netns, servers, veth
from lab.oracle import Oracle
from lab.relay import ask, ask_udp
from lab.traffic import ORDINARY, PRIVILEGED, Traffic
from lab.veth import (HOST, HOST6, HOSTS, INNER, INSIDE, INSIDE6, LAN, LINK, OTHERS, TCP, UDP, Media,
                      serve_on_host, tries)

FORCE_FORWARDING = "/proc/sys/net/ipv6/conf/lo/force_forwarding"  # Linux 6.17
ENDS = ((INSIDE, internet.HOST, HOST), (INSIDE6, internet.HOST6, HOST6))


@pytest.fixture
def media(net):
    with veth.placed(net) as one:
        yield one


# ---- who reaches whom


def test_clients_of_the_lan_reach_what_is_forwarded_and_look_like_the_host(net, media):
    for address, lan, host in ENDS:
        tcp = media.serve(servers.TcpEcho, address, INNER)
        udp = media.serve(servers.UdpEcho, address, UDP)
        assert ask(net.lan, lan, TCP) == b"hello"
        assert ask_udp(net.lan, lan, UDP) == b"hello"
        assert {seen.address for seen in tcp.seen + udp.seen} == {host}


def test_ranges_lead_port_by_port(net, media):
    for address, lan, _ in ENDS:
        for port in (7000, 7002, 9000, 9001):
            media.serve(servers.TcpEcho, address, port)
        for port in (7000, 7002, 8000, 8001):
            assert ask(net.lan, lan, port) == b"hello"


def test_ports_that_are_not_forwarded_are_not_reached_from_the_lan(net, media):
    net.lan.ip(f"route add {INSIDE} via {internet.HOST}\nroute add {INSIDE6} via {internet.HOST6}\n")
    for address, lan, _ in ENDS:
        for port in (INNER, 80, 9000):
            media.serve(servers.TcpEcho, address, port)
            assert not tries(net.lan, lan, port)
            assert not tries(net.lan, address, port)


def test_clients_beyond_the_lan_are_not_let_in(net, media):
    tcp = media.serve(servers.TcpEcho, INSIDE6, INNER)
    assert not tries(net.far, internet.HOST6, TCP)
    assert not tcp.seen


def test_the_host_reaches_any_port_and_always_looks_the_same(net, media):
    for address, lan, host in ENDS:
        tcp = media.serve(servers.TcpEcho, address, 12345)
        udp = media.serve(servers.UdpEcho, address, 12345)
        assert tries(net.host, address, 12345)
        assert tries(net.host, address, 12345, socket.SOCK_DGRAM)
        assert tries(net.host, address, 12345, source=lan)
        assert {seen.address for seen in tcp.seen + udp.seen} == {host}


def test_icmp_errors_about_declared_flows_arrive(net, media):
    """Nobody listens: the client hears so at once, instead of waiting."""
    for _, lan, _ in ENDS:
        with pytest.raises(ConnectionRefusedError):
            ask_udp(net.lan, lan, UDP)
        with pytest.raises(ConnectionRefusedError):
            ask(net.lan, lan, 7001)


def test_the_tunnel_is_as_it_was(media):
    seen = json.loads(media.place.inside("curl", "-s", f"http://{internet.WEB}/").stdout)
    assert seen["address"] == "203.0.113.10"


def test_path_veth_alone_has_addresses_of_its_own(net):
    with named.place(net, "media", net.provider.conf() +
                     f"\n[Lan]\nPath = veth\nForward = tcp:{TCP}->{INNER}\n") as place:
        place.up()
        space = netns.Netns("media")
        found = json.loads(space.output("ip", "-j", "address", "show", "dev", "eth-lan"))
        addresses = [one["local"] for one in found[0]["addr_info"]]
        assert len(addresses) == 2
        for address, lan in zip(addresses, (internet.HOST, internet.HOST6)):
            net.serve(servers.TcpEcho, space, address, INNER)
            assert ask(net.lan, lan, TCP) == b"hello"
            assert tries(net.host, address, INNER)


def test_a_long_name_has_a_link(net):
    with named.place(net, "a-name-of-some.length_" + "x" * 40, net.provider.conf() + LAN) as place:
        place.up()
        links = {link["ifname"] for link in json.loads(net.host.output("ip", "-j", "link"))}
        found = [link for link in links if link.startswith("ve-a-name-")]
        assert len(found) == 1 and len(found[0]) == 15
        net.serve(servers.TcpEcho, netns.Netns(place.name), INSIDE, INNER)
        assert ask(net.lan, internet.HOST, TCP) == b"hello"


# ---- who does not


def test_from_inside_nothing_is_begun_with_the_host_or_its_lan(net, media):
    on_host = serve_on_host(net)
    for address, port in HOSTS + OTHERS:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            # the host's own IPv6 address is one of the internet's, which the tunnel leads to
            if address not in (internet.WEB, internet.HOST6):
                assert not tries(media.space, address, port, kind), address
    assert media.space.run("ping", "-c1", "-W1", HOST, check=False).returncode != 0
    assert not [seen for server in on_host for seen in server.seen]
    assert not net.lan_udp.seen and not net.lan_web.seen


def test_forged_sources_do_not_help_root_inside(net, media):
    """Not the LAN client's, of a flow that is open, nor the host's own peer's."""
    media.serve(servers.UdpEcho, INSIDE, UDP)
    with net.lan.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.connect((internet.HOST, UDP))
        client.send(b"open")
        assert client.recv(9) == b"open"
        media.take_rules_and_routes()
        media.ip(f"address add {internet.GATEWAY}/32 dev lo\n"
                 f"address add {internet.WEB}/32 dev lo\n")
        for source in (internet.GATEWAY, internet.WEB, "10.66.0.2"):
            assert not tries(media.space, internet.LAN, 7, socket.SOCK_DGRAM, source=source)
            assert not tries(media.space, internet.HOST, 2200, source=source)
    assert not net.lan_udp.seen


def test_root_of_its_user_namespace_cannot_touch_the_hosts_side(net, media):
    def flush():
        return subprocess.run(["nft", "flush", "ruleset"], check=False).returncode

    with veth.in_users_namespace(media.place) as call:
        os.kill(media.place.supervisor(), signal.SIGSTOP)
        assert call(flush) == "0"
    assert "table inet adit-media" in net.host.output("nft", "list", "tables")
    media.take_rules_and_routes()
    assert not tries(media.space, internet.LAN, 7, socket.SOCK_DGRAM)
    assert not net.lan_udp.seen


def test_a_router_is_no_guards_business(net):
    """Who forwarded before goes on to."""
    net.host.sysctl(net__ipv4__ip_forward=1)
    net.lan.run("ip", "route", "del", "default")
    net.lan.ip(f"route add default via {internet.HOST}\n")
    net.host.nft("table ip nat { chain post { type nat hook postrouting priority srcnat; "
                 f"oifname {internet.UPLINK} masquerade; }}; }}")
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        place.up()
        assert tries(net.lan, internet.WEB, 7, socket.SOCK_DGRAM)
        assert "nfproto ipv4" not in net.host.output("nft", "list", "table", "inet", "adit.guard")


def test_the_guard_goes_when_somebody_makes_the_host_a_router(net, media):
    """IPv6's from Linux 6.17 on: before, adit has written to the same setting already."""
    def guarded():
        done = net.host.run("nft", "list", "table", "inet", "adit.guard", check=False)
        return {word for word in ("ipv4", "ipv6") if f"nfproto {word}" in done.stdout}

    left = set() if os.path.exists(FORCE_FORWARDING) else {"ipv6"}
    assert "adit.guard" in net.host.output("nft", "list", "tables")
    net.host.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
    net.host.ip("address add 192.0.2.200/32 dev lo\n")  # something that is noticed
    assert named.wait_until(lambda: guarded() == left)
    assert ("adit.guard" in net.host.output("nft", "list", "tables")) == bool(left)
    media.place.down()
    assert net.host.call(read_sysctl, f"net/ipv4/conf/{internet.UPLINK}/forwarding") == "1"


def test_an_answer_to_the_lan_does_not_go_by_the_tunnel(net, media):
    media.serve(servers.UdpEcho, INSIDE, UDP)
    os.kill(media.place.supervisor(), signal.SIGSTOP)
    media.ip(f"route del {HOST} dev eth-lan\n")
    assert not tries(net.lan, internet.HOST, UDP, socket.SOCK_DGRAM)
    dropped = media.space.output("nft", "list", "counter", "inet", "adit", "refused_out")
    assert "packets 0 " not in dropped


def test_the_host_keeps_its_router_advertisements(net):
    """What routers have told the host is there still, and more is taken."""
    def tell():
        veth.send_frame(net.router, "p-host", veth.advertisement(veth.hardware_address(net.router, "p-host")))

    def has_default():
        tell()
        return "proto ra" in net.host.output("ip", "-6", "route", "show", "default")

    assert named.wait_until(has_default)
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        place.up()
        assert "proto ra" in net.host.output("ip", "-6", "route", "show", "default")
        net.host.run("ip", "-6", "route", "del", "default", "via", "fe80::99")
        assert named.wait_until(has_default)
        place.down()
        assert "proto ra" in net.host.output("ip", "-6", "route", "show", "default")


def is_told(space, link, target, source):
    """Whether somebody answers who has the address (ARP, RFC 826)."""
    own = veth.hardware_address(space, link)
    with space.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x806)) as sock:
        sock.bind((link, 0x806))
        sock.settimeout(0.5)
        sock.send(b"\xff" * 6 + own + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, 1) + own +
                  socket.inet_aton(source) + bytes(6) + socket.inet_aton(target))
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            try:
                frame = sock.recv(100)
            except TimeoutError:
                return False
            if frame[20:22] == b"\0\2" and frame[28:32] == socket.inet_aton(target):
                return True
    return False


def test_arp_tells_of_the_links_own_address_only(net, media):
    assert is_told(net.host, LINK, INSIDE, HOST)
    assert not is_told(net.host, LINK, "10.66.0.2", HOST)
    assert is_told(media.space, "eth-lan", HOST, INSIDE)
    assert not is_told(media.space, "eth-lan", internet.HOST, INSIDE)


def test_nothing_leaks_from_before_the_link_until_after_it(net):
    """With root's traffic inside, of every kind, on both links; the supervisor is killed once,
    and all of it is sent to the host for a while."""
    oracle = Oracle(net)
    oracle.declare(internet.HOST, TCP)
    oracle.declare_neighbour(internet.LAN, HOST, HOST6, INSIDE, INSIDE6)
    oracle.wall_off(LINK)
    started = time.monotonic()
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        place.up()
        place.wait()
        traffic = Traffic()
        inside = place.start_inside(*traffic.command)
        net.serve(servers.TcpEcho, netns.Netns("media"), INSIDE, INNER)
        try:
            traffic.wait_for()
            assert ask(net.lan, internet.HOST, TCP) == b"hello"
            os.kill(place.supervisor(), signal.SIGKILL)
            Media(net, None, netns.Netns("media")).take_rules_and_routes()
            traffic.wait_for(table="attempts", kinds=ORDINARY + PRIVILEGED, more=2)
            place.up()
            place.wait()
            traffic.wait_for()
            place.down()
            time.sleep(0.5)
        finally:
            inside.kill()
            inside.wait()
    oracle.finish(started=started, offered=traffic.counts()["attempts"],
                  least={kind: 4 for kind in ORDINARY + PRIVILEGED}, wireguard=30)


# ---- what others do on the host


DOCKER = """
table ip filter {
	chain DOCKER-USER { }
	chain FORWARD {
		type filter hook forward priority 0; policy drop;
		jump DOCKER-USER
	}
}
"""


def test_a_firewall_that_is_in_the_way_is_named_with_what_to_do(net):
    net.host.nft(DOCKER)
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        _, _, err = place.up()
        assert "the chain 'FORWARD' of the table 'ip filter' drops what it does not know" in err
        assert f"iptables -I DOCKER-USER -i {LINK} -j ACCEPT" in err
        net.serve(servers.TcpEcho, netns.Netns("media"), INSIDE, INNER)
        assert not tries(net.lan, internet.HOST, TCP)
        net.host.nft(f"insert rule ip filter DOCKER-USER iifname {LINK} accept\n"
                     f"insert rule ip filter DOCKER-USER oifname {LINK} accept\n")
        assert tries(net.lan, internet.HOST, TCP)
        place.reload()
        assert place.log().count("drops what it does not know") == 0


def test_legacy_iptables_in_the_way_is_named_where_it_is_installed(net):
    legacy = shutil.which("iptables-legacy")
    if not legacy or net.host.run(legacy, "-P", "FORWARD", "DROP", check=False).returncode:
        pytest.skip("no legacy iptables")
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        _, _, err = place.up()
        assert "the chain 'FORWARD' of the legacy iptables drops what it does not know" in err
        assert f"iptables-legacy -I FORWARD -i {LINK} -j ACCEPT" in err
        assert "ip6tables" not in err
        net.serve(servers.TcpEcho, netns.Netns("media"), INSIDE, INNER)
        assert not tries(net.lan, internet.HOST, TCP)
        for way in ("-i", "-o"):
            net.host.run(legacy, "-I", "FORWARD", way, LINK, "-j", "ACCEPT")
        assert tries(net.lan, internet.HOST, TCP)
        place.reload()
        assert "legacy" not in place.log()


def test_a_program_at_a_port_that_leads_inside_is_named(net):
    own = net.serve(servers.TcpEcho, net.host, "0.0.0.0", TCP)
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        _, _, err = place.up()
        assert f"port {TCP}/tcp is '" in err and f"(process {os.getpid()})" in err
        inside = net.serve(servers.TcpEcho, netns.Netns("media"), INSIDE, INNER)
        assert ask(net.lan, internet.HOST, TCP) == b"hello"
        assert inside.seen and not own.seen


def test_rules_flushed_on_the_host_come_back(net, media):
    media.serve(servers.TcpEcho, INSIDE, INNER)
    net.host.run("nft", "flush", "ruleset")
    flushed = time.monotonic()
    assert named.wait_until(lambda: "adit-media" in net.host.output("nft", "list", "tables"), 3)
    took = time.monotonic() - flushed
    assert named.wait_until(lambda: "adit.guard" in net.host.output("nft", "list", "tables"), 3)
    assert tries(net.lan, internet.HOST, TCP)
    assert "repairing: firewall.load the namespace's table on the host" in media.place.log()
    assert took < 1  # 30 ms on a machine that has nothing else to do


def test_the_hosts_end_comes_back_with_its_addresses_and_routes(net, media):
    media.serve(servers.TcpEcho, INSIDE, INNER)
    net.host.ip(f"address flush dev {LINK}\n")
    assert named.wait_until(lambda: tries(net.lan, internet.HOST, TCP), 3)
    net.host.ip(f"link set {LINK} down\n")
    assert named.wait_until(lambda: tries(net.lan, internet.HOST, TCP), 3)


@pytest.mark.parametrize("milliseconds", range(0, 100, 10))
def test_up_killed_at_any_moment_leaves_what_down_removes(net, milliseconds):
    before = look_at_host(net)
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        argv = [adit.binary(), "up", "--foreground", "media"]
        up = net.host.popen(*argv, env=adit.environment(0), stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
        time.sleep(milliseconds / 1000)
        up.kill()
        up.wait()
        place.down()
        assert look_at_host(net) == before


# ---- Allow=


ALLOWED = f"""
[Lan]
HostAddress = {HOST}, {HOST6}
NamespaceAddress = {INSIDE}, {INSIDE6}
Allow = {internet.LAN} udp:7, {internet.LAN6} tcp:80
"""


def test_what_is_allowed_is_reached_and_sees_the_host(net):
    web6 = net.serve(servers.Web, net.lan, internet.LAN6, 80)
    on_host = serve_on_host(net)
    with named.place(net, "media", net.provider.conf() + ALLOWED) as place:
        _, _, err = place.up()
        place.wait()
        space = netns.Netns("media")
        assert ask_udp(space, internet.LAN, 7) == b"hello"
        assert {seen.address for seen in net.lan_udp.seen} == {internet.HOST}
        space.run("curl", "-s", "--max-time", "2", f"http://[{internet.LAN6}]/")
        assert {seen.address for seen in web6.seen} == {internet.HOST6}
        # and nothing else: another port, the other protocol, the host itself
        assert not tries(space, internet.LAN, 80)
        assert not tries(space, internet.LAN, 7)
        os.kill(place.supervisor(), signal.SIGSTOP)
        space.run("nft", "flush", "ruleset")
        assert not tries(space, internet.LAN, 80)
        assert not tries(space, internet.GATEWAY, 53, socket.SOCK_DGRAM)
        assert not [seen for server in on_host for seen in server.seen]
        os.kill(place.supervisor(), signal.SIGCONT)


def test_the_hosts_own_address_is_not_reached_by_an_allowed_network(net):
    text = ALLOWED.replace(f"{internet.LAN} udp:7", "192.168.77.0/24")
    on_host = serve_on_host(net)
    with named.place(net, "media", net.provider.conf() + text) as place:
        place.up()
        space = netns.Netns("media")
        assert ask_udp(space, internet.LAN, 7) == b"hello"
        assert not tries(space, internet.HOST, 2200)
        assert not [seen for server in on_host for seen in server.seen]


# ---- errors


@pytest.mark.parametrize("lan, said", [
    (LAN.replace(INSIDE + ",", "10.66.0.2,"), "and the tunnel's address 10.66.0.2/32 overlap (line "),
    (LAN.replace(HOST + ",", "10.66.0.1,"), "and the DNS server 10.66.0.1/32 overlap (line "),
    ("[Lan]\nAllow = 10.0.0.0/8\n", "Allow: 10.0.0.0/8 and the DNS server 10.66.0.1/32 overlap"),
])
def test_overlaps_are_errors_that_name_both_lines(net, lan, said):
    with named.place(net, "media", net.provider.conf() + lan) as place:
        status, _, err = place.up(check=False)
        assert status == 1 and said in err
        assert not place.pin.exists()


def test_a_link_of_somebody_elses_is_named_and_stays(net):
    net.host.ip(f"link add {LINK} type veth peer name other\n")
    before = look_at_host(net)
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        status, _, err = place.up(check=False)
        assert status == 1 and f"there is a link '{LINK}' already" in err
        assert not place.pin.exists() and not place.folder.exists()
    assert look_at_host(net) == before


# ---- what is left of it


def read_sysctl(name):
    with open(f"/proc/sys/{name}", encoding="latin-1") as f:
        return f.read().strip()


def read_all_sysctls():
    found = {}
    for folder, _, names in os.walk("/proc/sys/net"):
        for name in names:
            path = os.path.join(folder, name)
            try:
                with open(path, encoding="latin-1") as f:
                    found[path] = f.read()
            except OSError:
                pass  # written only
    # these count, or belong to the machine
    return {path: value for path, value in found.items()
            if not path.endswith(("nf_conntrack_count", "nf_conntrack_max", "fib_notify_on_flag_change"))
            and "/nf_log/" not in path and "/neigh/" not in path}


def look_at_host(net):
    host = net.host
    # the uplink has its link-local address a moment after it is up
    assert named.wait_until(lambda: "fe80:" in host.output("ip", "-br", "address"))
    return {
        "settings": host.call(read_all_sysctls),
        "links": sorted(link["ifname"] for link in json.loads(host.output("ip", "-j", "link"))),
        "addresses": host.output("ip", "-br", "address"),
        "routes": [host.output("ip", *words) for words in (
            ("route", "show", "table", "all"), ("-6", "route", "show", "table", "all"), ("rule",),
            ("-6", "rule"))],
        "rules": host.output("nft", "list", "ruleset"),
    }


@pytest.mark.parametrize("killed", [False, True])
def test_down_leaves_the_host_exactly_as_before(net, killed):
    before = look_at_host(net)
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        place.up()
        place.wait()
        during = look_at_host(net)
        assert LINK in during["links"] and "table inet adit-media" in during["rules"]
        changed = {path for path, value in before["settings"].items()
                   if during["settings"].get(path) != value}
        assert f"/proc/sys/net/ipv4/conf/{internet.UPLINK}/forwarding" in changed
        changed -= {f"/proc/sys/net/ipv4/conf/{internet.UPLINK}/forwarding"}
        if os.path.exists(FORCE_FORWARDING):
            assert changed == {f"/proc/sys/net/ipv6/conf/{internet.UPLINK}/force_forwarding"}
        else:
            assert "/proc/sys/net/ipv6/conf/all/forwarding" in changed
            assert all(path.startswith("/proc/sys/net/ipv6/conf/") and
                       path.endswith(("/forwarding", "/accept_ra")) for path in changed)
        if killed:
            os.kill(place.supervisor(), signal.SIGKILL)
        place.down()
        assert look_at_host(net) == before


def test_up_after_a_crash_adopts_the_link(net, media):
    index = net.host.call(socket.if_nametoindex, LINK)
    media.place.kill()
    media.place.up()
    assert net.host.call(socket.if_nametoindex, LINK) == index
    media.serve(servers.TcpEcho, INSIDE, INNER)
    assert ask(net.lan, internet.HOST, TCP) == b"hello"


def test_what_two_namespaces_need_goes_with_the_second(net):
    before = look_at_host(net)
    second = LAN.replace("192.168.10.", "192.168.11.").replace("fd00:10:", "fd00:11:") \
        .replace(f"tcp:{TCP}", "tcp:3333").replace(f"udp:{UDP}, ", "").replace("7000-7002", "7003")
    second = second.replace(", tcp:8000-8001->9000-9001", "")
    with named.place(net, "media", net.provider.conf() + LAN) as first, \
            named.place(net, "other", net.provider.conf(private=subprocess.run(
                ["wg", "genkey"], check=True, capture_output=True, text=True).stdout.strip())
                + second) as other:
        first.up()
        other.up()
        net.serve(servers.TcpEcho, netns.Netns("other"), "192.168.11.11", INNER)
        net.serve(servers.TcpEcho, netns.Netns("media"), INSIDE, INNER)
        assert ask(net.lan, internet.HOST, TCP) == b"hello"
        assert ask(net.lan, internet.HOST, 3333) == b"hello"
        first.down()
        assert ask(net.lan, internet.HOST, 3333) == b"hello"
        assert "adit.guard" in net.host.output("nft", "list", "tables")
        other.down()
    assert look_at_host(net) == before


def test_reload_adds_and_removes_the_link_and_what_is_forwarded(net):
    before = look_at_host(net)
    with named.place(net, "media", net.provider.conf()) as place:
        place.up()
        place.wait()
        place.write(net.provider.conf() + LAN)
        place.reload()
        server = net.serve(servers.TcpEcho, netns.Netns("media"), INSIDE, INNER)
        assert ask(net.lan, internet.HOST, TCP) == b"hello"
        place.write(net.provider.conf() + LAN.replace(f"tcp:{TCP}->", "tcp:2223->"))
        place.reload()
        assert ask(net.lan, internet.HOST, 2223) == b"hello"
        assert not tries(net.lan, internet.HOST, TCP)
        server.close()
        place.write(net.provider.conf())
        place.reload()
        assert look_at_host(net) == before
        assert place.links() == {"lo", "wg0"}
        assert place.inside("ping", "-c1", "-W2", internet.WEB, check=False).returncode == 0


def test_a_link_deleted_inside_comes_back(net, media):
    media.space.run("ip", "link", "del", "eth-lan")

    def is_back():
        return tries(net.lan, internet.HOST, TCP)

    assert named.wait_until(lambda: LINK in net.host.output("ip", "-br", "link"), 3)
    assert named.wait_until(lambda: "eth-lan" in media.place.links(), 3)
    time.sleep(0.2)
    media.serve(servers.TcpEcho, INSIDE, INNER)
    assert named.wait_until(is_back, 3)


def test_the_lans_networks_are_followed(net, media):
    """Another address of the host's: its network's clients are let in, too."""
    media.serve(servers.TcpEcho, INSIDE, INNER)
    net.host.ip(f"address add 192.168.78.2/24 dev {internet.UPLINK}\n")
    net.lan.ip("address add 192.168.78.50/24 dev eth0\n")
    assert named.wait_until(lambda: tries(net.lan, "192.168.78.2", TCP, source="192.168.78.50"), 5)


def test_the_plan_shows_the_hosts_side(net):
    with named.place(net, "media", net.provider.conf() + LAN) as place:
        _, out, _ = place.call("plan", "media")
        for line in ("table inet adit-media {", f"veth.create {LINK} peer eth-lan inside",
                     f"address.add {HOST}/32 dev {LINK}", f"route.add {INSIDE}/32 dev {LINK}",
                     f"sysctl.set net/ipv4/conf/{internet.UPLINK}/forwarding = 1",
                     f"address.add {INSIDE}/32 dev eth-lan"):
            assert line in out
        assert LINK not in net.host.output("ip", "-br", "link")
        place.up()
        assert "is as its file says" in place.call("plan", "media")[1]
