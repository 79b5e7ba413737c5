"""wg-quick(8) with WG_QUICK_USERSPACE_IMPLEMENTATION=adit-device."""

import os
import subprocess

import pytest
from lab import dataplane, device, netns
from lab.dataplane import wait_until
from lab.provider import Key

CONF = """[Interface]
PrivateKey = {key}
Address = 10.81.0.1/24, fd81::1/64
ListenPort = 51820
[Peer]
PublicKey = {peer}
AllowedIPs = {allowed}
Endpoint = 10.80.0.2:51820
PersistentKeepalive = 25
"""


@pytest.fixture
def cable():
    cable = dataplane.Cable()
    yield cable
    cable.close()


def quick(space, verb):
    done = space.run("wg-quick", verb, "wg0", check=False, timeout=30, env=device.environment(
        WG_QUICK_USERSPACE_IMPLEMENTATION=device.program()))
    return done.returncode, done.stderr


@pytest.mark.parametrize("allowed", ["10.81.0.0/24, fd81::/64", "0.0.0.0/0, ::/0"])
def test_up_and_down(cable, allowed):
    os.makedirs("/etc/wireguard", exist_ok=True)
    outer = cable.left.outer
    cable.left.key, peer = Key(), cable.right.key
    with open("/etc/wireguard/wg0.conf", "w") as conf:
        os.fchmod(conf.fileno(), 0o600)
        conf.write(CONF.format(key=cable.left.key.private, peer=peer.public, allowed=allowed))
    cable.programs["right"] = dataplane.Adit(cable.right, cable.left, cable.settings, starts=False)
    cable._place(cable.right)
    before = outer.output("ip", "rule") + outer.output("nft", "list", "tables")
    status, errors = quick(outer, "up")
    assert status == 0, errors
    assert outer.run("ping", "-c", "1", "-W", "3", "10.81.0.2", check=False).returncode == 0
    assert outer.run("ping", "-c", "1", "-W", "3", "fd81::2", check=False).returncode == 0
    # up again is refused, and what runs goes on
    assert quick(outer, "up")[0] != 0
    shown = subprocess.run(["wg", "showconf", "wg0"], capture_output=True, text=True).stdout
    assert "ListenPort = 51820" in shown and "PersistentKeepalive = 25" in shown
    status, errors = quick(outer, "down")
    assert status == 0, errors
    assert wait_until(lambda: not device.socket_of("wg0").exists())
    assert outer.run("ip", "link", "show", "wg0", check=False).returncode != 0
    assert outer.output("ip", "rule") + outer.output("nft", "list", "tables") == before
