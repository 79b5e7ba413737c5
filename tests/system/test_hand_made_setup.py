"""The holes of the classic setup made by hand (lab/handmade.py): each is seen there, which is the
control, and tried on adit's namespace with the same link and addresses.
"""

import os
import socket

import pytest

from lab import handmade, internet, named, provider, servers, veth
from lab.provider import wg
from lab.veth import HOST, HOST6, HOSTS, LINK, OTHERS, serve_on_host, tries

KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)


@pytest.fixture
def media(net):
    with veth.placed(net) as one:
        yield one


@pytest.fixture
def by_hand(net):
    with handmade.made(net) as one:
        yield one


def asks_by_tunnel(one):
    return one.space.run("dig", "+short", "+time=1", "+tries=1", f"@{provider.INNER}", "web.test",
                         check=False).stdout.split() == [internet.WEB]


def test_control_the_setup_made_by_hand_works(net, by_hand):
    """Else it would show nothing."""
    assert asks_by_tunnel(by_hand)
    assert tries(by_hand.space, internet.WEB, 7, socket.SOCK_DGRAM)
    assert [seen.address for seen in net.udp.seen] == [provider.ADDRESS]
    by_hand.serve(servers.TcpEcho, veth.INSIDE, veth.INNER)
    assert tries(net.lan, internet.HOST, veth.TCP) and tries(net.host, veth.INSIDE, veth.INNER)
    for address, port in HOSTS + OTHERS[:1]:
        assert not tries(by_hand.space, address, port)


# ---- root inside flushes the rules and leaves by the link


def test_root_inside_without_rules_reaches_nothing_more(net, media):
    on_host = serve_on_host(net)
    media.take_rules_and_routes()
    for address, port in HOSTS + OTHERS:
        for kind in KINDS:
            assert not tries(media.space, address, port, kind), address
    for address in (HOST, HOST6, internet.HOST, internet.LAN, internet.WEB, internet.WEB6):
        assert media.space.run("ping", "-c1", "-W0.3", address, check=False).returncode != 0
    assert not [seen for server in on_host + [net.web, net.udp, net.lan_udp, net.tcp]
                for seen in server.seen]


def test_control_root_inside_reaches_lan_and_internet(net, by_hand):
    by_hand.take_rules_and_routes()
    assert tries(by_hand.space, internet.WEB, 7, socket.SOCK_DGRAM)
    assert tries(by_hand.space, internet.LAN, 7, socket.SOCK_DGRAM)
    assert [seen.address for seen in net.udp.seen] == [internet.ROUTER]


def test_control_services_of_the_host_answer_at_any_of_its_addresses(net, by_hand):
    """The weak host model (RFC 1122 section 3.3.4.2); adit's is in the test above."""
    serve_on_host(net)
    by_hand.take_rules_and_routes()
    for address, port in HOSTS:
        assert tries(by_hand.space, address, port), address


# ---- the host becomes a router


def lead_by_host(net):
    for family in ("-4", "-6"):
        net.lan.run("ip", family, "route", "del", "default")
    net.lan.ip(f"route add default via {internet.HOST}\nroute add default via {internet.HOST6}\n")


def test_the_host_is_no_router_for_its_lan(net, media):
    """Forwarding on the LAN's link lets only what is declared pass."""
    lead_by_host(net)
    assert not tries(net.lan, internet.WEB, 7, socket.SOCK_DGRAM)
    assert not tries(net.lan, internet.WEB6, 7, socket.SOCK_DGRAM)
    assert not net.udp.seen and not net.udp6.seen


def test_control_the_host_is_a_router(net, by_hand):
    lead_by_host(net)
    assert tries(net.lan, internet.WEB, 7, socket.SOCK_DGRAM)


# ---- what is established goes on by another link


def lose_the_tunnel(one):
    """Its route goes, and there is another."""
    one.stop()
    one.ip(f"route del default dev wg0\nroute add default via {HOST} dev eth-lan onlink\n")


def begin_flow(one):
    flow = one.space.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    flow.settimeout(0.5)
    flow.connect((internet.WEB, 7))
    flow.send(b"by the tunnel")
    assert flow.recv(99) == b"by the tunnel"
    return flow


def test_a_flow_of_the_tunnel_does_not_go_on_by_the_link(net, media):
    """Established or not, it ends."""
    with begin_flow(media) as flow:
        lose_the_tunnel(media)
        before = veth.packets_out(net)
        with pytest.raises(OSError):
            flow.send(b"in clear")
            flow.recv(99)
        assert veth.packets_out(net) == before
    assert [seen.what for seen in net.udp.seen] == ["by the tunnel"]


def test_control_a_flow_goes_on_in_clear(net, by_hand):
    with begin_flow(by_hand) as flow:
        lose_the_tunnel(by_hand)
        assert not tries(by_hand.space, internet.WEB, 7)  # a new one does not
        flow.send(b"in clear")
        assert named.wait_until(lambda: len(net.udp.seen) > 1, 3)
    assert [(seen.what, seen.address) for seen in net.udp.seen] == [
        ("by the tunnel", provider.ADDRESS), ("in clear", internet.ROUTER)]


# ---- router advertisements


def advertise(net):
    for _ in range(3):
        veth.send_frame(net.host, LINK,
                        veth.advertisement(veth.hardware_address(net.host, LINK)))


def test_a_router_advertisement_from_the_host_changes_nothing_inside(net, media):
    def look():
        return media.space.output("ip", "-6", "route") + media.space.output("ip", "-6", "address")

    before = look()
    advertise(net)
    # it is heard by the time that what comes behind it is
    assert tries(net.host, veth.INSIDE6, veth.INNER) is False
    assert look() == before


def test_control_a_router_advertisement_is_heeded(net, by_hand):
    by_hand.ip("route del ::/0 dev wg0\n")
    advertise(net)
    assert named.wait_until(
        lambda: "default via fe80::99" in by_hand.space.output("ip", "-6", "route"), 3)


# ---- a route wider than the LAN takes the tunnel's name server


WIDE = "10.0.0.0/8"  # the LAN's, say


def put_an_impostor_in_the_lan(net):
    """Something there has the name server's address."""
    net.lan.ip(f"address add {provider.INNER}/32 dev lo\n")
    net.host.ip(f"route add {WIDE} via {internet.LAN}\n")
    return net.serve(servers.UdpEcho, net.lan, provider.INNER, 53)


def test_a_route_wider_than_the_lan_does_not_take_the_name_server(net, media):
    """Such an Allow= is an error (test_named_veth.py); here root inside adds it."""
    impostor = put_an_impostor_in_the_lan(net)
    media.stop()
    for flush in (False, True):
        if flush:
            media.space.run("nft", "flush", "ruleset")
        media.ip(f"route add {WIDE} via {HOST} dev eth-lan onlink\n")
        assert not asks_by_tunnel(media)
    assert not impostor.seen
    media.go_on()
    assert named.wait_until(lambda: asks_by_tunnel(media))
    assert not impostor.seen


def test_control_a_route_wider_than_the_lan_takes_the_name_server(net, by_hand):
    impostor = put_an_impostor_in_the_lan(net)
    by_hand.ip(f"route add {WIDE} via {HOST} dev eth-lan onlink\n")
    assert not asks_by_tunnel(by_hand)  # names are gone
    by_hand.space.run("nft", "flush", "ruleset")
    assert not asks_by_tunnel(by_hand)
    assert impostor.seen  # and asked for in clear


# ---- root inside reads the key, and has the tunnel lead elsewhere


def repoint(one, link, peer):
    """To the LAN's echo service; wg(8)'s status."""
    return one.space.run("wg", "set", link, "peer", peer, "endpoint", f"{internet.LAN}:7",
                         check=False).returncode


def send_something(one):
    one.space.run("ping", "-c1", "-W0.3", internet.WEB, check=False)


def test_the_key_and_the_endpoint_are_out_of_reach_where_the_data_plane_is_a_process(net, media):
    if media.place.status()["backend"] == "kernel":
        pytest.skip("whoever is root of the namespace's own user namespace may ask the kernel")
    with veth.in_users_namespace(media.place) as call:
        for one in (media.space.call, call):
            assert one(os.system, "wg show wg0 private-key >/dev/null 2>&1") not in (0, "0")
    assert media.space.run("wg", "show", "all", "dump", check=False).stdout == \
        net.host.run("wg", "show", "all", "dump", check=False).stdout
    assert repoint(media, "wg0", net.provider.key.public) != 0
    send_something(media)
    assert not net.lan_udp.seen
    assert media.place.status()["peers"][0]["endpoint"].startswith(provider.ADDRESS)


def test_control_root_inside_has_the_key_and_repoints_the_endpoint(net, by_hand):
    key = by_hand.space.output("wg", "show", handmade.WG, "private-key").strip()
    assert key == net.provider.client.private
    assert repoint(by_hand, handmade.WG, net.provider.key.public) == 0
    send_something(by_hand)
    assert named.wait_until(lambda: net.lan_udp.seen, 3)
    assert wg("show", handmade.WG, "endpoints").endswith(f"{internet.LAN}:7")


# ---- the number of the namespace at the other end is a handle on it


def test_the_number_of_the_hosts_namespace_is_no_handle(net, media):
    """With CAP_NET_ADMIN of the namespace's own user namespace; the host's nobody gets from adit."""
    net.host.ip("link add victim type veth peer name victim2\n")
    nsid = veth.nsid_of_host(media.space)
    with veth.in_users_namespace(media.place) as call:
        assert call(veth.delete_by_nsid, nsid, "victim") in ("1", "13")  # EPERM, EACCES
        assert call(veth.push_by_nsid, nsid, "pushed") in ("1", "13")
    links = net.host.output("ip", "-o", "link")
    assert "victim@" in links and "pushed" not in links


def test_control_root_inside_deletes_and_makes_links_of_the_hosts(net, by_hand):
    net.host.ip("link add victim type veth peer name victim2\n")
    nsid = veth.nsid_of_host(by_hand.space)
    assert by_hand.space.call(veth.delete_by_nsid, nsid, "victim") == 0
    assert by_hand.space.call(veth.push_by_nsid, nsid, "pushed") == 0
    links = net.host.output("ip", "-o", "link")
    assert "victim@" not in links and "pushed" in links
