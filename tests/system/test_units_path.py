"""[Namespace] Path= with units: begins after what holds the namespace, and moves on with it."""

import pytest

from lab import internet, machine, named

pytestmark = pytest.mark.skipif(not machine.NSPAWN, reason="systemd-nspawn is not installed")

# As adit.conf(5) has them, with a process in the container's place.
HOLDER = """
[Unit]
Wants=adit@media.service

[Service]
ExecStart=unshare --net sh -c 'ip link set lo up && exec sleep infinity'
ExecStartPost=sh -c 'until [ "$(readlink /proc/$MAINPID/ns/net)" != "$(readlink /proc/1/ns/net)" ]; do sleep 0.05; done; ip netns attach holder $MAINPID'
ExecStopPost=-ip netns del holder
Restart=always
RestartSec=100ms
"""
BOUND = "[Unit]\nBindsTo=holder.service\nAfter=holder.service\n"
ENTERING = "[Service]\nCapabilityBoundingSet=CAP_SYS_ADMIN\n"


@pytest.fixture
def host(net):
    def prepare(one):
        one.configure("media", f"{net.provider.conf()}\n[Namespace]\nPath = /run/netns/holder\n")
        one.write("/etc/systemd/system/holder.service", HOLDER)
        one.write("/etc/systemd/system/adit-netns@media.service.d/holder.conf", BOUND)
        one.write("/etc/systemd/system/adit@media.service.d/path.conf", ENTERING)

    with machine.booted(net, prepare) as one:
        yield one


def reaches(host):
    pid = host.main_pid("holder")
    return host.run("nsenter", "-t", pid, "-n", "ping", "-c1", "-W1", internet.WEB,
                    check=False).returncode == 0


def test_it_begins_with_its_holder_and_moves_on_with_it(host):
    host.systemctl("start", "holder")
    assert named.wait_until(lambda: host.is_active("adit@media"))
    host.run("adit", "wait", "--timeout", "10", "media")
    assert reaches(host)
    first = host.main_pid("holder")
    host.systemctl("restart", "adit@media")
    host.run("adit", "wait", "--timeout", "10", "media")
    assert host.main_pid("holder") == first and reaches(host)
    host.run("kill", "-KILL", first)
    assert named.wait_until(lambda: host.main_pid("holder") not in (0, "0", first)), \
        host.journal("holder")
    assert named.wait_until(lambda: reaches(host)), (
        host.journal("holder") + host.journal("adit@media") + host.journal("adit-netns@media"))
    host.run("adit", "down", "media")
    assert not reaches(host)


def test_a_supervisor_that_may_not_enter_says_what_it_takes(host):
    host.run("rm", "/etc/systemd/system/adit@media.service.d/path.conf")
    host.systemctl("daemon-reload")
    host.systemctl("start", "holder")
    assert named.wait_until(lambda: "CapabilityBoundingSet=CAP_SYS_ADMIN in a drop-in of adit@media"
                            in host.journal("adit@media"))
    assert not reaches(host)


def test_up_tells_what_is_wrong_with_the_path_before_any_unit_is_started(host):
    done = host.run("adit", "up", "media", check=False)
    assert done.returncode == 1
    assert "/etc/adit/media.conf:" in done.stderr and ":8: Path: " in done.stderr
    assert "what holds it must be there first" in done.stderr
    assert not host.is_active("adit-netns@media")
