"""wg(8) says the same about `adit device` as about wireguard-go, and so does the socket itself."""

import subprocess

import pytest
from lab import dataplane, device, netns
from lab.device import Device
from lab.provider import Key, wg

GO = dataplane.packaged_wireguard_go()
PROGRAMS = [
    pytest.param("adit"),
    pytest.param("go", marks=pytest.mark.skipif(not GO, reason="wireguard-go is not installed")),
]
KEY = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe3f"
OTHER = KEY.replace("a", "c")
PEER = f"public_key={OTHER}\n"


@pytest.fixture
def space():
    (space,) = netns.create(["dev"])
    space.ip("link set lo up\n")
    yield space
    netns.delete([space])


def start(which, name, space):
    return Device(device.program() if which == "adit" else GO, name, space)


@pytest.fixture
def both(space):
    """adit's wg0 and wireguard-go's wg1, side by side."""
    if not GO:
        pytest.skip("wireguard-go is not installed")
    devices = [start("adit", "wg0", space), start("go", "wg1", space)]
    # wireguard-go thinks so anyway
    space.ip("link set wg0 up\nlink set wg1 up\n")
    yield devices
    for one in devices:
        one.close()


@pytest.fixture
def adit(space):
    one = start("adit", "wg0", space)
    yield one
    assert one.close() == ""


PRIVATE, FIRST, SECOND = Key(), Key(), Key()
PSK = wg("genpsk")

CONF = f"""[Interface]
PrivateKey = {PRIVATE.private}
ListenPort = {{port}}
FwMark = 0xca6c
[Peer]
PublicKey = {FIRST.public}
PresharedKey = {PSK}
AllowedIPs = 10.1.0.0/16, fd01::/64
PersistentKeepalive = 25
[Peer]
PublicKey = {SECOND.public}
AllowedIPs = 10.2.0.0/16, 10.5.6.7/32
Endpoint = [::1]:10
"""


def run_wg(*argv, text=None):
    """Status, output and errors, without what tells the two devices apart."""
    done = subprocess.run(["wg", *argv], input=text, text=True, capture_output=True, timeout=20)
    name = next((word for word in argv if word.startswith("wg")), "wg0")
    return done.returncode, sorted(done.stdout.replace(name, "WG").split("\n")), done.stderr


# What is done to both, in this order; {wg} is the device.
STEPS = [
    (["set", "{wg}", "listen-port", "{port}"], None),
    (["setconf", "{wg}", "/dev/stdin"], "{conf}"),
    (["show", "{wg}"], None),
    (["showconf", "{wg}"], None),
    (["show", "{wg}", "dump"], None),
    (["show", "{wg}", "private-key"], None),
    (["show", "{wg}", "preshared-keys"], None),
    (["show", "{wg}", "fwmark"], None),
    (["show", "{wg}", "allowed-ips"], None),
    (["show", "{wg}", "endpoints"], None),
    (["show", "{wg}", "persistent-keepalive"], None),
    (["show", "{wg}", "transfer"], None),
    (["show", "{wg}", "latest-handshakes"], None),
    (["addconf", "{wg}", "/dev/stdin"], f"[Peer]\nPublicKey = {Key().public}\nAllowedIPs = 10.3.0.0/16\n"),
    (["showconf", "{wg}"], None),
    (["set", "{wg}", "peer", FIRST.public, "allowed-ips", "10.4.0.0/16,10.2.0.0/16",
      "persistent-keepalive", "off", "preshared-key", "/dev/null"], None),
    (["showconf", "{wg}"], None),
    (["syncconf", "{wg}", "/dev/stdin"], "{conf}"),
    (["showconf", "{wg}"], None),
    (["set", "{wg}", "peer", SECOND.public, "remove"], None),
    (["set", "{wg}", "peer", SECOND.public, "remove"], None),
    (["set", "{wg}", "fwmark", "off", "private-key", "/dev/null"], None),
    (["showconf", "{wg}"], None),
    (["set", "{wg}", "peer", "nonsense"], None),
    (["set", "{wg}", "listen-port", "65536"], None),
    (["setconf", "{wg}", "/dev/stdin"], "[Interface]\nListenPort = {port}\n"),
    (["show", "{wg}"], None),
]


def do_steps(name, port):
    """Each step, and what it said; the port, which both cannot have, is 0 in there."""
    def fill(text):
        text = text and text.replace("{conf}", CONF)
        return text and text.replace("{wg}", name).replace("{port}", port)

    for argv, text in STEPS:
        status, out, errors = run_wg(*[fill(word) for word in argv], text=fill(text))
        # wireguard-go begins a handshake whenever a peer is configured
        out = [line.replace(port, "PORT").replace("\t148", "\t0") for line in out
               if "transfer:" not in line]
        yield argv, [status, *out, errors.replace(name, "WG")]


def test_wg_says_the_same_of_both(both):
    for (argv, ours), (_, theirs) in zip(do_steps("wg0", "41000"), do_steps("wg1", "41001")):
        assert ours == theirs, (argv, set(ours) - set(theirs), set(theirs) - set(ours))


# Raw bytes, and what wireguard-go answers to them.
BAD = [
    "",
    "\n",
    "x\n",
    "set=2\n\n",
    "get=1\r\n\r\n",
    "get=1\n",
    "get=1\nfoo\n\n",
    "set=1\n\n",
    "set=1\n",
    "set=1\nfwmark=5\n",
    "set=1\nfwmark=5",
    "set=1\nnonsense\n\n",
    "set=1\ncolour=red\n\n",
    "set=1\nprivate_key=\n\n",
    "set=1\nprivate_key=a0\n\n",
    f"set=1\nprivate_key={KEY}0\n\n",
    f"set=1\nprivate_key={KEY[:-1]}g\n\n",
    "set=1\nlisten_port=65536\n\n",
    "set=1\nlisten_port=-1\n\n",
    "set=1\nlisten_port=\n\n",
    "set=1\nlisten_port=0x10\n\n",
    "set=1\nfwmark=4294967296\n\n",
    "set=1\nfwmark=-1\n\n",
    "set=1\nreplace_peers=false\n\n",
    "set=1\nallowed_ip=10.0.0.0/8\n\n",
    "set=1\npublic_key=xyz\n\n",
    "set=1\nadit_up=true\n\n",
    f"set=1\n{PEER}private_key={KEY}\n\n",
    f"set=1\n{PEER}replace_peers=true\n\n",
    f"set=1\n{PEER}update_only=false\n\n",
    f"set=1\n{PEER}remove=1\n\n",
    f"set=1\n{PEER}preshared_key=0\n\n",
    f"set=1\n{PEER}endpoint=127.0.0.1\n\n",
    f"set=1\n{PEER}endpoint=::1:51820\n\n",
    f"set=1\n{PEER}endpoint=[127.0.0.1]:51820\n\n",
    f"set=1\n{PEER}endpoint=example.org:51820\n\n",
    f"set=1\n{PEER}endpoint=127.0.0.1:65536\n\n",
    f"set=1\n{PEER}persistent_keepalive_interval=65536\n\n",
    f"set=1\n{PEER}persistent_keepalive_interval=off\n\n",
    f"set=1\n{PEER}replace_allowed_ips=no\n\n",
    f"set=1\n{PEER}allowed_ip=10.0.0.0\n\n",
    f"set=1\n{PEER}allowed_ip=10.0.0.0/33\n\n",
    f"set=1\n{PEER}allowed_ip=::/129\n\n",
    f"set=1\n{PEER}allowed_ip=10.0.0/8\n\n",
    f"set=1\n{PEER}protocol_version=2\n\n",
    f"set=1\n{PEER}rx_bytes=1\n\n",
    "set=1\n" + "x" * 300 + "=1\n\n",
    "set=1\n" + "x" * 300 + "\n\n",
]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_errno_for_errno(both, text):
    ours, theirs = (one.ask(text) for one in both)
    assert ours == theirs


def test_nothing_of_a_set_is_done_when_one_line_is_wrong(adit):
    """wireguard-go stops in the middle: see the lines before it."""
    adit.ask(f"set=1\nprivate_key={KEY}\nlisten_port=4444\n{PEER}allowed_ip=10.0.0.0/8\n\n")
    before = adit.ask("get=1\n\n")
    assert adit.ask(f"set=1\nprivate_key={OTHER}\nlisten_port=5555\nfwmark=7\nreplace_peers=true\n"
                    f"{PEER}allowed_ip=10.0.0.0/99\n\n") == "errno=-22\n\n"
    assert adit.ask("get=1\n\n") == before


def test_a_port_in_use_changes_nothing(adit, space):
    import socket

    def occupy():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.bind(("::", 6000))
        return sock

    space.ip("link set wg0 up\n")
    before = adit.ask("get=1\n\n")
    with space.call(occupy):
        assert adit.ask("set=1\nfwmark=9\nlisten_port=6000\n\n") == "errno=-98\n\n"
        assert adit.ask("get=1\n\n") == before
        status, _, errors = run_wg("set", "wg0", "listen-port", "6000")
        assert status == 1 and "Address already in use" in errors
    assert adit.ask("set=1\nlisten_port=6000\n\n") == "errno=0\n\n"
    assert "listen_port=6000\n" in adit.ask("get=1\n\n")


def test_many_requests_on_one_connection(adit):
    assert adit.ask("set=1\nfwmark=1\n\nget=1\n\nset=1\nx\n\nget=1\n\n") == \
        "errno=0\n\nfwmark=1\nerrno=0\n\nerrno=-71\n\nfwmark=1\nerrno=0\n\n"


@pytest.mark.parametrize("which", PROGRAMS)
def test_split_answers(space, which):
    """130,560 prefixes of one peer, 52 of each of 40 peers: what netns.sh looks at."""
    one = start(which, "wg0", space)
    try:
        lines = [f"AllowedIPs = {a}.{b}.0.0/16, {a}::{b}/128"
                 for a in range(1, 256) for b in range(256)]
        conf = f"[Interface]\nPrivateKey = {PRIVATE.private}\n[Peer]\nPublicKey = {FIRST.public}\n"
        assert run_wg("setconf", "wg0", "/dev/stdin", text=conf + "\n".join(lines))[0] == 0
        assert len(wg("show", "wg0", "allowed-ips").split()) == 255 * 256 * 2 + 1
        conf = f"[Interface]\nPrivateKey = {PRIVATE.private}\n" + "".join(
            f"[Peer]\nPublicKey = {Key().public}\nAllowedIPs = " +
            ", ".join(f"{a}.{b}.0.0/16" for b in range(1, 53)) + "\n" for a in range(1, 41))
        assert run_wg("setconf", "wg0", "/dev/stdin", text=conf)[0] == 0
        shown = wg("show", "wg0", "allowed-ips").splitlines()
        assert [len(line.split()) for line in shown] == [53] * 40
    finally:
        one.close()


def test_an_endpoint_with_a_scope(adit, space):
    space.ip("link add eth0 type veth peer name eth1\n")
    index = int(space.output("ip", "-o", "link", "show", "eth0").split(":")[0])
    assert adit.ask(f"set=1\n{PEER}endpoint=[fe80::1%eth0]:9\n\n") == "errno=0\n\n"
    assert f"endpoint=[fe80::1%{index}]:9\n" in adit.ask("get=1\n\n")


def test_ten_thousand_peers(adit):
    text = f"set=1\nprivate_key={KEY}\n" + "".join(
        f"public_key={i:064x}\nallowed_ip=10.{i >> 8}.{i & 255}.0/24\n" for i in range(1, 10001))
    assert adit.ask(text + "\n") == "errno=0\n\n"
    assert adit.ask("get=1\n\n").count("public_key=") == 10000
    adit.kill_plane()
    assert adit.ask("get=1\n\n").count("public_key=") == 10000
    assert "another one takes over" in adit.process.stderr.readline()
