"""What adit is given at its start by a caller who is careless, or hostile."""

import os

import pytest
from lab import HOME, adit, internet, provider

WITH_SIGNAL_IGNORED = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def conf(shared_net):
    return shared_net.provider.write_conf()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_command_runs_with_closed_standard_descriptors(shared_net, conf, closed):
    """Else the next thing that adit opens takes their numbers."""
    place = f"{HOME}/standard"
    status, _, err = adit.run(shared_net, conf, "sh", "-c",
                              f"ls -l /proc/self/fd >{place} 2>/dev/null; exit 7",
                              wrapper=["sh", "-c", f'exec "$@" {closed}', "sh"])
    assert status == 7, err
    with open(place) as f:
        said = f.read()
    os.unlink(place)
    assert "socket:" not in said and "anon_inode:" not in said, said


def test_ignored_end_of_children_keeps_nothing_from_working(shared_net, conf):
    """Some daemons leave SIGCHLD ignored to what they start."""
    status, _, err = adit.run(shared_net, conf, "sh", "-c", "exit 7",
                              wrapper=[adit.PYTHON, "-c", WITH_SIGNAL_IGNORED])
    assert status == 7, err


@pytest.mark.parametrize("name", ["net", "user", "mnt"])
def test_namespace_given_as_standard_input_is_refused(shared_net, conf, name):
    fd = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    status, out, err = adit.run(shared_net, conf, "echo", "ran", stdin=fd)
    os.close(fd)
    assert (status, out) == (125, "") and "standard input" in err


def test_file_in_memory_passes_as_standard_input(shared_net, conf):
    fd = os.memfd_create("words")
    os.write(fd, b"in memory")
    os.lseek(fd, 0, os.SEEK_SET)
    assert adit.output(shared_net, conf, "cat", stdin=fd) == "in memory"
    os.close(fd)


@pytest.mark.parametrize("which", ["default", "all"])
def test_ipv6_disabled_on_the_host_is_as_tight_inside_and_works(net, which):
    """A new namespace begins with the kernel's defaults, not with those of the host."""
    conf = net.provider.write_conf()
    net.host.sysctl(**{f"net__ipv6__conf__{which}__disable_ipv6": 1})
    said = adit.output(net, conf, "sh", "-c",
                       "cat /proc/sys/net/ipv6/conf/wg0/accept_ra; ip -6 -o address show dev wg0; "
                       f"ip -6 route show type unreachable; curl -sS http://[{internet.WEB6}]/")
    assert said.startswith("0\n") and "fe80" not in said and "unreachable default" in said, said
    assert provider.ADDRESS6 in said
