"""A user's own lasting namespace: nothing of root's, no pin, held by a process."""

import os
import signal
import time

import pytest

from lab import UID, adit, internet, named


@pytest.fixture
def mine(net):
    with named.place(net, "mine", net.provider.conf(), uid=UID) as one:
        yield one


def pings(one, address=internet.WEB):
    return adit.run(one.net, one, "ping", "-c1", "-W2", address)[0] == 0


def is_gone(pid):
    return not adit.is_alive(pid)


def test_up_wait_status_and_down(mine):
    mine.up()
    mine.wait()
    assert mine.holder() and adit.is_alive(mine.holder())
    assert mine.links() == {"lo", "wg0"}
    facts = mine.status()
    assert facts["state"] == "up" and facts["backend"] == "userspace"
    assert pings(mine) and pings(mine, internet.WEB6)
    holder, supervisor = mine.holder(), mine.supervisor()
    mine.down()
    assert named.wait_until(lambda: is_gone(holder) and is_gone(supervisor))
    assert not mine.folder.exists()


def test_root_sees_nothing_of_it(mine):
    mine.up()
    assert not (named.PINS / "mine").exists()
    other = named.Place(mine.net, "mine")
    assert other.call("status", "mine", check=False)[0] == 1


def test_supervisor_that_is_killed_is_followed_by_another(mine):
    mine.up()
    mine.wait()
    holder, first = mine.holder(), mine.supervisor()
    os.kill(first, signal.SIGKILL)
    assert named.wait_until(lambda: is_gone(first))
    assert not pings(mine)
    mine.up()
    mine.wait()
    assert mine.holder() == holder and mine.supervisor() != first
    assert pings(mine)


def test_holder_that_is_killed_is_followed_by_another(mine):
    mine.up()
    mine.wait()
    before = os.stat(mine.pin).st_ino
    first = mine.holder()
    os.kill(first, signal.SIGKILL)
    assert named.wait_until(lambda: mine.holder() not in (0, first))
    assert named.wait_until(lambda: adit.is_alive(mine.holder()))
    assert os.stat(mine.pin).st_ino == before
    assert pings(mine)
    os.kill(mine.holder(), signal.SIGKILL)
    assert named.wait_until(lambda: adit.is_alive(mine.holder()))


def kill_supervisor_and_holder(mine):
    for pid in (mine.supervisor(), mine.holder()):
        os.kill(pid, signal.SIGKILL)
        assert named.wait_until(lambda pid=pid: is_gone(pid))


def test_what_runs_inside_is_found_when_holder_and_supervisor_are_killed(mine):
    mine.up()
    mine.wait()
    with adit.start(mine.net, mine, "sleep", "60") as run:
        pid = run.wait_for_command()
        inside = run.netns_of(pid)
        kill_supervisor_and_holder(mine)
        assert mine.call("exec", "mine", "--", "true", check=False)[0] == 125
        _, _, err = mine.up()
        assert "it is held again, with what runs inside" in err
        mine.wait()
        assert run.netns_of(pid) == inside == os.readlink(mine.pin)
        assert pings(mine)
    mine.down()
    assert not mine.folder.exists()


def test_another_namespace_with_the_same_number_is_not_taken_for_it(mine):
    """Numbers are given again; the one that is told apart stays sealed."""
    mine.up()
    mine.wait()
    with adit.start(mine.net, mine, "sleep", "60") as run:
        inside = run.netns_of(run.wait_for_command())
        kill_supervisor_and_holder(mine)
        record = (mine.folder / "seal").read_text().split()
        (mine.folder / "seal").write_text(" ".join([*record[:-1], str(int(record[-1]) + 1)]) + "\n")
        mine.up()
        mine.wait()
        assert os.readlink(mine.pin) != inside
        assert pings(mine)


def test_reload_and_restart(mine):
    mine.up()
    mine.wait()
    mine.write(mine.net.provider.conf(interface="MTU = 1300"))
    mine.reload()
    assert mine.status()["mtu"] == 1300
    holder = mine.holder()
    mine.restart()
    mine.wait()
    assert mine.holder() == holder
    assert pings(mine)


def test_what_is_roots_is_named(net, mine):
    with named.place(net, "roots", mine.net.provider.conf()) as roots:
        roots.up()
        nobodys = named.Place(net, "roots", UID)
        status, _, err = adit.run(net, nobodys, "true")
        assert status == 125 and "sudo adit exec roots" in err


def test_the_end_of_the_terminal_is_not_the_end_of_it(mine):
    """The holder and the supervisor have sessions of their own."""
    mine.up(start_new_session=True)
    for pid in (mine.holder(), mine.supervisor()):
        assert os.getsid(pid) == pid
    time.sleep(0.1)
    assert mine.status()["name"] == "mine"
