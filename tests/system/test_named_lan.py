"""[Lan] Forward= of a lasting namespace by relay: the LAN comes in, nothing else does."""

import json
import os
import signal
import time

import pytest

from lab import UID, adit, internet, named
from lab.oracle import Oracle

SERVER = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=80)"


@pytest.fixture
def media(net):
    text = net.provider.conf() + "\n[Lan]\nForward = tcp:8080->80, lo/tcp:8081->80\n"
    with named.place(net, "media", text) as one:
        one.up()
        one.wait()
        server = one.start_inside(adit.PYTHON, "-c", SERVER, cwd="/etc/adit")
        assert named.wait_until(lambda: ":80 " in one.inside("ss", "-Htln").stdout)
        yield one
        server.kill()
        server.wait()


def fetch(space, address, port, path="/"):
    return space.run("curl", "-s", "--max-time", "5", f"http://{address}:{port}{path}",
                     check=False)


def test_the_lan_and_the_host_reach_a_forwarded_port(net, media):
    for space, address, port in ((net.lan, internet.HOST, 8080), (net.host, internet.HOST, 8080),
                                 (net.host, "127.0.0.1", 8081)):
        done = fetch(space, address, port)
        assert done.returncode == 0 and "media.conf" in done.stdout, (address, port, done)


def test_nobody_else_reaches_it(net, media):
    assert fetch(net.lan, internet.HOST, 8081).returncode == 7
    assert fetch(net.lan, internet.HOST, 80).returncode == 7
    assert fetch(net.host, "127.0.0.1", 8080).returncode == 7


def test_status_tells_of_forwards(net, media):
    fetch(net.lan, internet.HOST, 8080)
    facts = media.status()["forwards"]
    assert [(one["at"], one["outside"], one["inside"]) for one in facts] == [
        (internet.UPLINK, "8080", "80"), ("lo", "8081", "80")]
    assert facts[0]["total"] == 1 and facts[0]["bytes_out"] > 0
    assert f"{internet.UPLINK}/tcp:8080->80" in media.call("status", "media")[1]


def test_forwards_follow_the_address_of_the_host(net, media):
    net.host_addresses.add(internet.NEW_HOST)
    net.host.ip(f"address del {internet.HOST}/24 dev {internet.UPLINK}\n"
                f"address add {internet.NEW_HOST}/24 dev {internet.UPLINK}\n"
                f"route replace default via {internet.GATEWAY} dev {internet.UPLINK}\n")
    assert named.wait_until(lambda: fetch(net.lan, internet.NEW_HOST, 8080).returncode == 0)


def test_reload_changes_forwards_and_leaves_flows(net, media):
    media.write(net.provider.conf() + "\n[Lan]\nForward = tcp:9090->80\n")
    media.reload()
    assert fetch(net.lan, internet.HOST, 9090).returncode == 0
    assert fetch(net.lan, internet.HOST, 8080).returncode == 7
    media.write(net.provider.conf())
    media.reload()
    assert fetch(net.lan, internet.HOST, 9090).returncode == 7


def test_a_port_that_is_taken_is_an_error_that_names_its_owner(net, media):
    other = net.host.popen(adit.PYTHON, "-c", "import socket, time\ns = socket.create_server(('', "
                           "7777))\ntime.sleep(60)")
    try:
        assert named.wait_until(lambda: ":7777 " in net.host.run("ss", "-Htln").stdout)
        media.write(net.provider.conf() + "\n[Lan]\nForward = tcp:8080->80, tcp:7777->80\n")
        status, _, err = media.reload(check=False)
        assert status == 1 and "7777" in err and "python" in err
        assert fetch(net.lan, internet.HOST, 8080).returncode == 0
    finally:
        other.kill()
        other.wait()


def test_a_veth_is_for_root_and_nothing_is_left_of_the_attempt(net):
    text = net.provider.conf() + "\n[Lan]\nForward = tcp:8080->80\nPath = veth\n"
    with named.place(net, "media", text, uid=UID) as one:
        status, _, err = one.up(check=False)
        assert status == 1 and "by a veth need root" in err and "Forward= works by the relay" in err
        assert not one.folder.exists()


def test_a_forward_lets_nothing_out(net):
    """Replies to the LAN are declared; the namespace itself starts nothing."""
    text = net.provider.conf() + "\n[Lan]\nForward = tcp:8080->80\n"
    oracle = Oracle(net)
    oracle.declare(internet.HOST, 8080)
    oracle.declare_neighbour(internet.LAN)
    started = time.monotonic()
    with named.place(net, "media", text) as one:
        one.up()
        one.wait()
        server = one.start_inside(adit.PYTHON, "-c", SERVER, cwd="/etc/adit")
        try:
            assert named.wait_until(lambda: fetch(net.lan, internet.HOST, 8080).returncode == 0)
            for address in (internet.LAN, internet.HOST, internet.GATEWAY):
                one.inside("ping", "-c1", "-W1", address, check=False)
                one.inside("curl", "-s", "--max-time", "1", f"http://{address}/", check=False)
            os.kill(one.supervisor(), signal.SIGKILL)
            time.sleep(0.5)
            assert fetch(net.lan, internet.HOST, 8080).returncode == 7
        finally:
            server.kill()
            server.wait()
    oracle.finish(started=started, wireguard=4)
    assert json.dumps(net.lan_web.seen) == "[]"
