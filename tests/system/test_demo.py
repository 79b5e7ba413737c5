"""`adit demo` shows what it is there to show, and its exit status says so."""

import re
import subprocess

import pytest

from lab import GID, UID, adit


def demo(*options, uid=UID):
    done = subprocess.run(adit.as_user([adit.binary(), "demo", *options], uid, GID),
                          env=adit.environment(uid), capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def row(out, label):
    """(tried, refused, seen in clear)"""
    found = re.search(rf"^\s+{re.escape(label)}\s+(\d+)\s+(\d+)\s+(\d+)$", out, re.MULTILINE)
    assert found, f"no row '{label}' in:\n{out}"
    return tuple(map(int, found.groups()))


LABELS = ["TCP connections", "DNS to a fixed server", "ping", "IPv6",
          "bound to another interface", "raw packets", "multicast (UPnP discovery)"]


@pytest.mark.parametrize("uid", [UID, 0], ids=["user", "root"])
def test_nothing_leaks_behind_adit(uid):
    status, out, err = demo(uid=uid)
    assert status == 0, out + err
    assert "Without a tunnel the web server sees 192.0.2.7" in out
    assert re.search(r"Behind adit it sees\s+198\.51\.100\.1", out)
    for label in LABELS:
        tried, _, seen = row(out, label)
        assert tried >= 10 and seen == 0, out
    assert "1 canary leaked on" in out and "0 missed by the capture" in out
    assert "the same download goes on" in out
    assert "Nothing leaked." in out


def test_a_plain_default_route_leaks_and_the_demo_says_so():
    status, out, err = demo("--broken")
    assert status == 1, out + err
    for label in LABELS:
        _, _, seen = row(out, label)
        assert seen > 0, out
    assert re.search(r"\d+ packets leaked\.", out)


def test_it_leaves_nothing_behind():
    before = subprocess.check_output(["ls", "-A", "/tmp"], text=True)
    demo()
    assert subprocess.check_output(["ls", "-A", "/tmp"], text=True) == before


def test_wrong_usage_is_status_2():
    status, _, err = demo("--brocken")
    assert status == 2 and "did you mean --broken?" in err
    status, _, err = demo("elsewhere")
    assert status == 2 and "unexpected 'elsewhere'" in err
