"""No key lies outside of secret memory, and none stays when it is no longer needed.

What a handshake has on the way is searched for by tests/unit/wireguard/test_crypto_memory.c.
"""

import base64
import os

import pytest
from lab import adit, dataplane, memory
from lab.dataplane import Adit, Cable, Settings
from lab.provider import Key


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
