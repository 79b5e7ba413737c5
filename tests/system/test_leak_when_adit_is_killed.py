"""When any of adit's processes dies, the command dies or stays sealed: it is never free."""

import os
import random
import signal

from lab import adit
from lab.kills import kill_at_random_times
from lab.scene import Scene


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def test_nothing_leaks_when_adits_processes_are_killed_one_by_one(net):
    """A run for each; that there are at least three is asked, so that none is missed."""
    index, number = 0, 1
    while index < number:
        with Scene(net) as scene:
            victims = scene.run.adits()
            number = len(victims)
            assert number >= 3, "supervisor, data plane and process 1 were expected"
            scene.wait(1)
            kill(victims[index])
            scene.wait(1.5)
            scene.assert_sealed()
            scene.verdict()
        index += 1


def test_nothing_leaks_when_all_of_adits_processes_are_killed_at_once(net):
    with Scene(net) as scene:
        scene.wait(1)
        for pid in scene.run.adits():
            kill(pid)
        scene.wait(1.5)
        scene.assert_sealed()
        scene.verdict()


def test_tunnel_comes_back_when_its_data_plane_is_killed(net):
    """The command goes on, with the same addresses, and nothing leaks between."""
    with Scene(net) as scene:
        outside = [pid for pid in scene.run.adits()
                   if pid != scene.run.pid and scene.run.netns_of(pid) == scene.outside]
        assert len(outside) == 1, "one process of adit's beside the supervisor is outside"
        kill(outside[0])
        scene.wait_until_online()
        assert adit.is_alive(scene.pid)
        scene.verdict()


def test_command_ends_when_adit_itself_is_killed(net, conf):
    with adit.start(net, conf, "sleep", "300") as run:
        run.wait_for_command()
        kill(run.pid)
        run.process.wait()
        assert run.wait_until_gone(2), run.processes()


def test_nothing_leaks_when_adit_is_killed_at_random_times(net):
    seed = random.randrange(1 << 32)
    results = kill_at_random_times(net, 20, random.Random(seed))
    assert not results.free, f"seed {seed}: {results.free}"
    assert not results.leaks, f"seed {seed}: {results.leaks}"
    assert results.with_traffic >= 5, "the command hardly ever ran"
