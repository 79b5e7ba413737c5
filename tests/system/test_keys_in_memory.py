"""No key lies outside of secret memory, and none stays when it is no longer needed.

What a handshake has on the way is searched for by tests/unit/wireguard/test_crypto_memory.c.
"""

import base64
import os
import subprocess
from pathlib import Path

import pytest
from lab import adit, dataplane, memory
from lab.dataplane import Adit, Cable, Settings
from lab.provider import Key, wait_for_uapi


@pytest.fixture
def cable():
    cable = Cable(Settings(preshared=Key().private))
    yield cable
    cable.close()


def start(cable, **options):
    cable.start(lambda *args, **more: Adit(*args, **more, **options), Adit)
    assert dataplane.wait_until(lambda: cable.ping(count=1) == 0)
    return cable.programs["left"]


def test_the_search_finds_keys_outside_of_secret_memory(cable):
    """The interpreter that runs this test has them in ordinary memory, in two forms."""
    raw = base64.b64decode(cable.left.key.private)
    places = memory.search(os.getpid(), private=cable.left.key.private)
    assert {"raw", "base64"} <= {place.form for place in memory.astray(places)}, raw.hex()


@pytest.mark.parametrize("uid", [None, 65534])
def test_all_keys_of_the_data_plane_are_in_locked_secret_memory(cable, uid):
    left = start(cable, uid=uid)
    places = memory.search(left.pid, private=cable.left.key.private,
                           preshared=cable.settings.preshared)
    assert memory.names(places) == {"private", "preshared"}
    assert not memory.astray(places)
    assert left.stats()["unlocked"] == 0 and all(place.is_locked for place in places)


def test_what_may_not_be_locked_is_counted_and_no_error(cable):
    cable.start(lambda *args, **more: Adit(*args, **more, uid=65534,
                                           wrapper=["prlimit", "--memlock=4096:4096"]), Adit)
    assert dataplane.wait_until(lambda: cable.ping(count=1) == 0)
    left = cable.programs["left"]
    assert left.stats()["unlocked"] > 0
    places = memory.search(left.pid, private=cable.left.key.private,
                           preshared=cable.settings.preshared)
    assert places and not memory.astray(places)


def test_replaced_keys_are_gone(cable):
    left = start(cable)
    old = {"old": cable.left.key.private, "old_preshared": cable.settings.preshared}
    assert memory.search(left.pid, **old)
    cable.left.key, cable.settings.preshared = Key(), Key().private
    left.configure(cable.right, cable.settings)
    assert not memory.search(left.pid, **old)
    places = memory.search(left.pid, private=cable.left.key.private,
                           preshared=cable.settings.preshared)
    assert memory.names(places) == {"private", "preshared"} and not memory.astray(places)


def test_a_replaced_peer_leaves_nothing(cable):
    left = start(cable)
    old = cable.settings.preshared
    cable.right.key, cable.settings.preshared = Key(), ""
    left.configure(cable.right, cable.settings)
    assert not memory.search(left.pid, preshared=old)
    assert memory.search(left.pid, private=cable.left.key.private)


def test_keys_of_a_run_are_in_secret_memory_of_the_processes_that_need_them(net):
    net.provider.preshared = Key().private
    net.provider.configure(preshared=net.provider.preshared)
    conf = net.provider.write_conf()
    with adit.start(net, conf, "sleep", "60") as run:
        run.wait_for_command()
        found = {pid: memory.search(pid, private=net.provider.client.private,
                                    preshared=net.provider.preshared)
                 for pid in run.processes()}
        assert not [place for places in found.values() for place in memory.astray(places)]
        holders = [pid for pid, places in found.items() if places]
        # the supervisor gives them to the data plane, and to its successor after a crash
        assert len(holders) == 2 and run.pid in holders


def children(pid):
    return [int(child) for child in
            Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wg(*argv, **run):
    return subprocess.run(["wg", *argv], check=True, text=True, **run)


def test_a_device_and_its_data_plane_forget_what_wg_takes_away():
    keys, other, preshared = [Key(), Key()], Key(), Key().private
    device = subprocess.Popen([adit.binary(), "device", "-f", "wgkeys"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_uapi(device, "wgkeys")
        wg("setconf", "wgkeys", "/dev/stdin",
           input=f"[Interface]\nPrivateKey = {keys[0].private}\n"
                 f"[Peer]\nPublicKey = {other.public}\nPresharedKey = {preshared}\n")
        wg("set", "wgkeys", "private-key", "/dev/stdin", input=keys[1].private)
        secrets = {"old": keys[0].private, "private": keys[1].private, "preshared": preshared}
        processes = [device.pid, *children(device.pid)]
        found = [memory.search(pid, **secrets) for pid in processes]
        assert len(found) == 2 and all(memory.names(places) == {"private", "preshared"}
                                       for places in found)
        assert not [place for places in found for place in places if not place.is_secret]
        wg("set", "wgkeys", "peer", other.public, "remove")
        assert all(memory.names(memory.search(pid, **secrets)) == {"private"}
                   for pid in processes)
    finally:
        device.terminate()
        device.wait(10)
