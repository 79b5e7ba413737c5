"""Links, addresses, routes and settings inside follow from the file, and nobody comes in by the tunnel."""

import ipaddress
import json
import socket
import time

import pytest
from lab import adit, internet, provider

LAST = 4294967295


@pytest.fixture(scope="module")
def conf(shared_net):
    return shared_net.provider.write_conf()


def routes(net, conf, family):
    """{(type, destination, link, metric)} of the main table."""
    said = json.loads(adit.output(net, conf, "ip", "-j", "-d", f"-{family}", "route"))
    return {(route["type"], route["dst"], route.get("dev"), route.get("metric")) for route in said}


def test_everything_goes_by_the_tunnel_and_behind_it_is_nothing(shared_net, conf):
    assert routes(shared_net, conf, 4) == {
        ("unicast", "default", "wg0", None), ("unreachable", "default", None, LAST)}
    assert routes(shared_net, conf, 6) == {
        ("unicast", "default", "wg0", 1024), ("unreachable", "default", "lo", LAST)}


def test_allowedips_are_the_routes_and_an_address_adds_none(shared_net):
    conf = shared_net.provider.write_conf(
        "/home/alice/some.conf", address=f"{provider.CLIENT}/24, {provider.CLIENT6}/64",
        allowed=f"{internet.WEB}/24, {internet.WEB}/32, {provider.INNER}/32, {internet.WEB6}/48")
    web = ipaddress.ip_network(f"{internet.WEB}/24", strict=False)
    web6 = ipaddress.ip_network(f"{internet.WEB6}/48", strict=False)
    assert routes(shared_net, conf, 4) == {
        ("unicast", str(web), "wg0", None), ("unicast", internet.WEB, "wg0", None),
        ("unicast", provider.INNER, "wg0", None), ("unreachable", "default", None, LAST)}
    assert routes(shared_net, conf, 6) == {
        ("unicast", str(web6), "wg0", 1024), ("unreachable", "default", "lo", LAST)}


def test_ipv6_without_an_address_is_one_line_and_an_error_at_once(shared_net):
    conf = shared_net.provider.write_conf("/home/alice/four.conf",
                                          address=f"{provider.CLIENT}/32")
    began = time.monotonic()
    status, _, err = adit.run(shared_net, conf, "curl", "-sS6", f"http://[{internet.WEB6}]/")
    assert status == 7, err
    assert time.monotonic() - began < 3
    assert sum("IPv6" in line for line in err.splitlines()) == 1, err
    assert routes(shared_net, conf, 6) == {("unreachable", "default", "lo", LAST)}


SETTINGS = {
    "ipv4/ip_forward": "0",
    "ipv4/conf/all/accept_redirects": "0",
    "ipv4/conf/wg0/accept_redirects": "0",
    "ipv4/conf/wg0/send_redirects": "0",
    "ipv4/conf/wg0/accept_source_route": "0",
    "ipv4/conf/wg0/route_localnet": "0",
    "ipv6/conf/all/forwarding": "0",
    "ipv6/conf/wg0/accept_ra": "0",
    "ipv6/conf/wg0/autoconf": "0",
    "ipv6/conf/wg0/accept_redirects": "0",
    "ipv6/conf/wg0/addr_gen_mode": "1",
    "ipv6/conf/wg0/disable_ipv6": "0",
}


def test_the_tunnels_settings_are_closed(shared_net, conf):
    paths = [f"/proc/sys/net/{name}" for name in SETTINGS]
    said = adit.output(shared_net, conf, "cat", *paths)
    assert dict(zip(SETTINGS, said.split())) == SETTINGS


LISTEN = """
import socket, sys, threading, time
family = int(sys.argv[1])
tcp = socket.create_server(("", 4000), family=family)
udp = socket.socket(family, socket.SOCK_DGRAM)
udp.bind(("", 4000))
tcp.settimeout(4)
udp.settimeout(4)
print("listening", flush=True)
def accept():
    try:
        tcp.accept()
        print("connected", flush=True)
    except TimeoutError:
        pass
thread = threading.Thread(target=accept)
thread.start()
try:
    udp.recv(100)
    print("received", flush=True)
except TimeoutError:
    pass
thread.join()
"""


def knock(address):
    """From the other end of the tunnel."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                       socket.SOCK_DGRAM) as udp:
        udp.sendto(b"knock", (address, 4000))
        udp.sendto(b"knock", (address, 4001))
    try:
        socket.create_connection((address, 4000), timeout=2).close()
    except OSError as error:
        return type(error).__name__
    return "connected"


@pytest.mark.parametrize("address", [provider.CLIENT, provider.CLIENT6])
def test_nobody_comes_in_by_the_tunnel(shared_net, conf, address):
    family = 10 if ":" in address else 2
    with adit.start(shared_net, conf, adit.PYTHON, "-c", LISTEN, str(family)) as run:
        assert run.process.stdout.readline() == "listening\n"
        assert shared_net.provider.netns.call(knock, address) == "TimeoutError"
        status, out, err = run.finish()
    assert (status, out) == (0, ""), err
