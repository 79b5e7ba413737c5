"""A lasting namespace's two backends: from one to the other by reload, and what others do to
the kernel's; under tests/vm/run."""

import contextlib
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from lab import internet, named, provider
from lab.flow import Flow
from lab.oracle import Oracle
from lab.provider import Key, wg
from lab.traffic import Traffic

pytestmark = pytest.mark.kernel

MARK, PORT = 0x51, 40404
LOOK = 5  # seconds from one look at the kernel's device to the next
SOON = 5 * LOOK  # on an emulated machine
SILENCE = 60  # a new handshake comes after 15 s without an answer, and what else that shows
STOLEN = "203.0.113.99:4444"  # where nobody is


def conf(net, backend, **more):
    net.provider.backend = backend
    return net.provider.conf(**more)


@pytest.fixture
def media(net):
    with named.place(net, "media", conf(net, "kernel")) as one:
        yield one


def go_up(one, text):
    one.write(text)
    one.up()
    one.wait(30)


def reload(one, text, **options):
    one.write(text)
    return one.reload(**options)


def network(one):
    """Addresses, routes and the size of the link; not what kind of link it is."""
    def ask(*words):
        return sorted(subprocess.run(["nsenter", f"--net={one.pin}", "ip", "-o", *words],
                                     check=True, capture_output=True, text=True).stdout
                      .splitlines())

    addresses = [" ".join(line.split()[1:6]) for line in ask("address")]
    return addresses, ask("route"), ask("-6", "route"), one.status()["mtu"]


def kind(one):
    text = one.inside("ip", "-d", "link", "show", "wg0").stdout
    return "wireguard" if "wireguard" in text else "tun"


def tuns(one):
    """Descriptors of a TUN that the supervisor has."""
    folder = Path(f"/proc/{one.supervisor()}/fd")
    return sum(os.readlink(fd) == "/dev/net/tun" for fd in folder.iterdir())


def show(one, what):
    """Of the device, or of its one peer, as wg(8) says inside."""
    return one.inside("wg", "show", "wg0", what).stdout.split()


def is_as_configured(net, one):
    """What wg(8) shows of the one peer of provider.conf()."""
    def peers(what):
        return dict(line.split("\t") for line in
                    one.inside("wg", "show", "wg0", what).stdout.splitlines())

    key = net.provider.key.public
    return (show(one, "private-key") == [net.provider.client.private] and
            peers("endpoints") == {key: f"{provider.ADDRESS}:{provider.PORT}"} and
            {k: set(v.split()) for k, v in peers("allowed-ips").items()} ==
            {key: {"0.0.0.0/0", "::/0"}} and
            peers("preshared-keys") == {key: net.provider.preshared or "(none)"} and
            peers("persistent-keepalive") == {key: "off"} and show(one, "fwmark") == ["off"])


def pings(one):
    return one.inside("ping", "-c1", "-W1", internet.WEB, check=False).returncode == 0


@contextlib.contextmanager
def taken(net, port):
    """A UDP port of the host's that somebody else has."""
    with net.host.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", port))
        yield


# ---- from one to the other


def test_a_reload_changes_the_backend_under_a_flow_and_nothing_leaks(net, media):
    """Both ways, and back; with a port of its own, which both of them want."""
    oracle = Oracle(net)
    own = {"interface": f"ListenPort = {PORT}\nMTU = 1380"}
    started = time.monotonic()
    go_up(media, conf(net, "userspace", **own))
    before = network(media)
    flow, traffic = Flow(), Traffic(skip=["dns"])
    with media.running_inside(flow.command, traffic.command):
        assert flow.goes_on(20)
        for backend, link, n_tuns in (("kernel", "wireguard", 0), ("userspace", "tun", 1),
                                      ("auto", "wireguard", 0), ("userspace", "tun", 1)):
            reload(media, conf(net, backend, **own))
            status = media.status()
            assert (status["backend"], kind(media)) == (
                "userspace" if link == "tun" else "kernel", link)
            assert (status["data_plane"] < 0) == (link == "wireguard"), status
            assert tuns(media) == n_tuns
            media.wait(30)
            assert flow.goes_on(60), media.log()
            assert network(media) == before
        flow.stop()
    assert flow.is_unharmed()
    oracle.finish(started=started, offered=traffic.counts()["attempts"],
                  least={"udp": 4, "raw": 4, "packet": 4}, wireguard=30)


@pytest.mark.parametrize("old, new", [("userspace", "kernel"), ("kernel", "userspace")])
def test_a_backend_that_cannot_be_leaves_the_old_one_as_it_was(net, media, old, new):
    go_up(media, conf(net, old))
    before, link = network(media), kind(media)
    flow = Flow()
    with media.start_inside(*flow.command), taken(net, PORT):
        assert flow.goes_on(20)
        wanted = conf(net, new, interface=f"ListenPort = {PORT}\nMTU = 1280")
        status, _, err = reload(media, wanted, check=False)
        assert status == 1 and str(PORT) in err, err
        assert kind(media) == link and media.status()["backend"] == old
        assert network(media) == before
        assert flow.goes_on(60), media.log()
        flow.stop()
    assert flow.is_unharmed()
    # and the way is free once nobody is in it
    media.reload()
    assert media.status()["backend"] == new and media.status()["mtu"] == 1280


@contextlib.contextmanager
def without_the_module():
    """The kernel of the machine has no WireGuard, and cannot load it."""
    program = Path("/proc/sys/kernel/modprobe")
    before = program.read_text()
    unloaded = subprocess.run(["modprobe", "-r", "wireguard"], capture_output=True, check=False)
    assert unloaded.returncode == 0, unloaded.stderr
    program.write_text("/bin/false")
    try:
        yield
    finally:
        program.write_text(before)


def test_auto_becomes_the_kernels_once_its_module_is_there(net, media):
    with without_the_module():
        go_up(media, conf(net, "auto"))
        assert media.status()["backend"] == "userspace"
        status, _, err = reload(media, conf(net, "kernel"), check=False)
        assert status == 1 and "no WireGuard" in err
        assert media.status()["backend"] == "userspace" and pings(media)
    reload(media, conf(net, "auto"))
    assert media.status()["backend"] == "kernel"
    media.wait(30)
    assert pings(media)


def test_the_next_supervisor_finds_the_link_that_a_reload_made(net, media):
    go_up(media, conf(net, "userspace"))
    reload(media, conf(net, "kernel"))
    media.wait(30)
    before = show(media, "latest-handshakes")
    os.kill(media.supervisor(), 9)
    media.up()
    assert media.status()["backend"] == "kernel" and show(media, "latest-handshakes") == before
    assert pings(media)


def forget_client(net):
    """The server has neither session nor endpoint, and its keys anew."""
    wg("set", net.provider.link, "peer", net.provider.client.public, "remove")
    net.provider.configure()


# ---- what a reload changes of the kernel's device


def test_port_mark_keepalive_and_preshared_key_change_under_a_session(net, media):
    go_up(media, conf(net, "kernel"))
    first = show(media, "latest-handshakes")
    port = show(media, "listen-port")
    net.provider.preshared = wg("genpsk")
    reload(media, conf(net, "kernel", interface=f"ListenPort = {PORT}\nFwMark = {MARK}",
                       peer="PersistentKeepalive = 21"))
    assert show(media, "listen-port") == [str(PORT)]
    assert show(media, "fwmark") == [hex(MARK)]
    assert show(media, "persistent-keepalive")[1:] == ["21"]
    assert show(media, "preshared-keys")[1:] == [net.provider.preshared]
    assert show(media, "latest-handshakes") == first
    assert named.wait_until(lambda: pings(media), SOON)
    # the next handshake needs the key at both ends
    forget_client(net)
    assert named.wait_until(lambda: pings(media), SILENCE)
    # and back: a port left out is the one there is
    net.provider.preshared = None
    reload(media, conf(net, "kernel"))
    assert is_as_configured(net, media) and show(media, "listen-port") == [str(PORT)] != port


# ---- what others change of it


THEFTS = {
    "key": ("the private key", lambda net: ["private-key", "/dev/stdin"]),
    "peer gone": ("the peers", lambda net: ["peer", net.provider.key.public, "remove"]),
    "another peer": ("the peers", lambda net: ["peer", Key().public, "endpoint", STOLEN]),
    "all to another": ("the peers, allowed IPs", lambda net: [
        "peer", Key().public, "endpoint", STOLEN, "allowed-ips", "0.0.0.0/0,::/0"]),
    "networks": ("allowed IPs", lambda net: ["peer", net.provider.key.public, "allowed-ips",
                                             "10.0.0.0/8"]),
    "preshared key": ("a preshared key", lambda net: ["peer", net.provider.key.public,
                                                      "preshared-key", "/dev/stdin"]),
    "keepalive": ("a keepalive", lambda net: ["peer", net.provider.key.public,
                                              "persistent-keepalive", "7"]),
    "mark": ("the mark", lambda net: ["fwmark", "0x99"]),
}


def test_what_others_set_is_put_right_within_seconds(net, media):
    """By root of the host, who may change all of it; one after the other, for the time it takes."""
    go_up(media, conf(net, "kernel"))
    assert is_as_configured(net, media)
    for what, (name, words) in THEFTS.items():
        said = f"somebody has changed {name} of the tunnel; repairing"
        began, before = time.monotonic(), media.log().count(said)
        media.inside("wg", "set", "wg0", *words(net), input=Key().private)
        assert named.wait_until(lambda: media.log().count(said) > before, SOON), (what, media.log())
        print(f"{what}: {time.monotonic() - began:.1f} s")
        assert named.wait_until(lambda: is_as_configured(net, media), SOON), what
        assert named.wait_until(lambda: pings(media), SOON), what


@pytest.mark.parametrize("is_busy", [False, True])
def test_an_endpoint_that_others_set_is_put_back(net, media, is_busy):
    """Under traffic it might be the peer's own doing, until nothing comes from there.

    A server that remembers where its client is would begin a handshake, and show itself.
    """
    go_up(media, conf(net, "kernel"))
    pinging = media.start_inside("ping", "-i", "0.2" if is_busy else "1000", internet.WEB,
                                 stdout=subprocess.DEVNULL)
    try:
        time.sleep(LOOK + 1)
        net.provider.drop()  # an answer under way would show it, too
        time.sleep(0.5)
        forget_client(net)
        media.inside("wg", "set", "wg0", "peer", net.provider.key.public, "endpoint", STOLEN)
        net.provider.pass_all()
        began = time.monotonic()
        assert named.wait_until(lambda: "changed an endpoint of the tunnel" in media.log(),
                                SILENCE if is_busy else SOON), media.log()
        print(f"after {time.monotonic() - began:.1f} s")
        assert named.wait_until(lambda: is_as_configured(net, media), SOON)
        assert named.wait_until(lambda: pings(media), SOON)
    finally:
        pinging.kill()
        pinging.wait()


def test_who_never_stops_is_answered_and_does_not_win(net, media):
    go_up(media, conf(net, "kernel"))
    loop = media.start_inside("sh", "-c", "while :; do wg set wg0 peer "
                              f"{net.provider.key.public} endpoint {STOLEN}; done")
    try:
        time.sleep(3 * LOOK)
        assert 1 <= media.log().count("repairing") <= 4 * LOOK
        assert media.status()["state"] == "up"
    finally:
        loop.kill()
        loop.wait()
    assert named.wait_until(lambda: is_as_configured(net, media), SOON)


def test_a_peer_that_moves_by_itself_is_left_where_it_is(net, media):
    """The control of the stolen endpoint: the same change, but it is heard from there."""
    go_up(media, conf(net, "kernel", endpoint=f"[{provider.ADDRESS6}]:{provider.PORT}"))
    net.provider.move()
    moved = f"[{provider.OTHER6}]:{provider.PORT}"
    sending = net.provider.netns.popen("ping", "-i", "0.5", provider.CLIENT,
                                       stdout=subprocess.DEVNULL)
    try:
        assert named.wait_until(lambda: show(media, "endpoints")[1:] == [moved], SOON)
        time.sleep(3 * LOOK)
        assert show(media, "endpoints")[1:] == [moved]
        assert "somebody has changed" not in media.log()
    finally:
        sending.kill()
        sending.wait()


def test_who_asks_for_the_status_does_not_put_the_look_off(net, media):
    go_up(media, conf(net, "kernel"))
    media.inside("wg", "set", "wg0", "peer", net.provider.key.public, "remove")

    def is_repaired():
        media.status()
        return is_as_configured(net, media)

    assert named.wait_until(is_repaired, SOON)
