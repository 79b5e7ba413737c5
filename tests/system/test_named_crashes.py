"""Lasting namespaces when adit is killed, when calls fail and when there is no room: a few cases.

All system calls in turn are leaklab/crashes.py's.
"""

import fcntl
import os
import random
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from lab import adit, calls, crashes, named

NUMBER = 4  # faults of each; one takes half a second


@pytest.fixture
def media(shared_net):
    with named.place(shared_net, "media", shared_net.provider.conf()) as one:
        yield one


@pytest.fixture
def room():
    """adit's own folder as a small filesystem; call it with the options of a remount."""
    os.makedirs("/run/adit", mode=0o700, exist_ok=True)
    mount("-t", "tmpfs", "-o", "mode=0700", "lab", "/run/adit")
    yield lambda options: mount("-o", f"remount,{options}", "/run/adit")
    subprocess.run(["umount", "-l", "/run/adit"], check=True)


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def is_clean(one):
    return not one.pin.exists() and not one.folder.exists()


# ---- killed, failed


@pytest.mark.parametrize("kind, commands", (("veth", ("up", "down")), ("user", ("reload",)),
                                            ("path", ("seal", "up", "down"))))
def test_a_command_that_crashes_leaks_nothing_and_the_next_one_ends_well(net, kind, commands):
    chance = random.Random(5)
    campaign = crashes.Campaign(net, chance, [kind], commands)
    faults = [fault for fault in campaign.points() if fault.point.rank == 0]
    for fault in chance.sample(faults, NUMBER):
        campaign.try_point(fault)
    campaign.judge()
    campaign.close()
    results = campaign.results
    assert sum(results.hit.values()) > 0 and results.offered > 0
    assert not results.problems, "\n".join(results.problems)
    assert not results.leaks


@pytest.mark.parametrize("kind, command, role, call, fault, then", (
    ("relay", "up", "c.1", "listen", "EPERM", "down"),
    ("relay", "reload", "s1", "sendto", "EINTR", "up"),
    ("veth", "down", "c", "unlink", "EROFS", "down"),
))
def test_what_once_went_wrong_does_not(net, kind, command, role, call, fault, then):
    trial = crashes.Trial(net, kind)
    assert trial.try_fault(command, calls.Point(0, role, call, 1, fault), then) == (True, [])
    trial.close()


# ---- a supervisor that hangs


def test_down_ends_a_supervisor_that_hangs(media):
    media.up()
    media.wait()
    pid = media.supervisor()
    os.kill(pid, signal.SIGSTOP)
    _, _, err = media.down()
    assert f"process {pid}) does not answer and is killed" in err
    assert named.wait_until(lambda: not adit.is_alive(pid))
    assert is_clean(media)


def waits_for_an_answer(process):
    return "poll" in Path(f"/proc/{process.pid}/wchan").read_text()


def test_up_beside_a_supervisor_that_ends_starts_another(shared_net, media):
    media.up()
    media.wait()
    first = media.supervisor()
    os.kill(first, signal.SIGSTOP)
    os.kill(first, signal.SIGTERM)
    beside = shared_net.host.popen(adit.binary(), "up", "media", env=adit.environment(0))
    assert named.wait_until(lambda: beside.poll() is not None or waits_for_an_answer(beside))
    os.kill(first, signal.SIGCONT)
    assert beside.wait() == 0
    media.wait()
    assert media.supervisor() != first


def test_locks_of_a_killed_supervisors_children_are_waited_for(shared_net, media):
    media.up()
    first = media.supervisor()
    os.kill(first, signal.SIGKILL)
    assert named.wait_until(lambda: not adit.is_alive(first))
    with open(*Path("/run/adit").glob("*.lock"), "r+b") as lock:
        # waits for the children, that hold it until they notice
        fcntl.fcntl(lock, fcntl.F_OFD_SETLKW, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        beside = shared_net.host.popen(adit.binary(), "up", "media", env=adit.environment(0))
        named.wait_until(lambda: beside.poll() is not None, 0.2)
    assert beside.wait() == 0
    media.wait()


# ---- no room, no descriptors


def test_without_room_up_says_so_and_leaves_nothing(media, room):
    room("size=4k")
    with open("/run/adit/full", "wb", buffering=0) as f:
        f.write(bytes(4096))
    status, _, err = media.up(check=False)
    assert status == 1 and "o space left" in err
    assert not media.pin.exists()
    os.unlink("/run/adit/full")
    room("size=1m")
    media.up()
    media.wait()
    media.down()
    assert is_clean(media)


def test_down_of_what_cannot_be_written_keeps_it_sealed_and_says_so(media, room):
    media.up()
    media.wait()
    mount("--bind", "/run/adit", "/run/adit")  # whose own mount has writers
    mount("-o", "remount,bind,ro", "/run/adit")
    status, _, err = media.down(check=False)
    assert status == 1 and "ead-only" in err
    assert media.is_pinned()
    subprocess.run(["umount", "/run/adit"], check=True)
    media.down()
    assert is_clean(media)


@pytest.mark.parametrize("number", (4, 5, 6, 8, 10))
def test_few_descriptors_leave_nothing_half(shared_net, media, number):
    few = ["prlimit", f"--nofile={number}", adit.binary()]
    environment = adit.environment(0)
    for words in (["up", "media"], ["down", "media"]):
        if words[0] == "down":
            media.up()
            pid = media.supervisor()
        done = shared_net.host.run(*few, *words, check=False, env=environment)
        if done.returncode == 0 and words[0] == "down":
            assert named.wait_until(lambda: not adit.is_alive(pid))
            assert is_clean(media)
    media.up()
    media.wait()
    media.down()
    assert is_clean(media)
