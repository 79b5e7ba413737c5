"""Sockets outside that are alive when adit starts, in places where nobody would look for them."""

import contextlib
import os
import subprocess

import pytest
from lab import GID, HOME, UID, adit, named
from lab.canaries import Canaries

KNOCK = """
    import socket, sys
    for place in sys.argv[1:]:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            s = socket.socket(socket.AF_UNIX, kind)
            s.settimeout(1)
            try:
                s.connect(place)
                print("reached", place)
            except OSError:
                pass
    print("done")
"""

LISTEN = """
import os, socket, sys
os.chdir(sys.argv[1])
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[2])
os.chmod(sys.argv[2], 0o666)
s.listen()
print("listening", flush=True)
s.accept()
"""


@pytest.fixture(scope="module", params=["run", "exec"])
def conf(request, shared_net):
    with named.run_or_exec(shared_net, request.param) as one:
        yield one


@contextlib.contextmanager
def folder(path, mode=0o755):
    """A folder of the user's, which others' programs have sockets in."""
    os.makedirs(path, exist_ok=True)
    os.chown(path, UID, GID)
    os.chmod(path, mode)
    yield path
    subprocess.run(["rm", "-rf", path], check=True)


@contextlib.contextmanager
def listening(netns, where, name):
    """A process of the user's in `netns` that has bound `name` in the folder `where`."""
    process = netns.popen(*adit.as_user([adit.PYTHON, "-c", LISTEN, where, name]),
                          stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "listening\n"
    yield
    process.kill()
    process.wait()


@contextlib.contextmanager
def bound(source, target):
    os.makedirs(target, exist_ok=True)
    subprocess.run(["mount", "--bind", source, target], check=True)
    yield
    subprocess.run(["umount", target], check=True)


@contextlib.contextmanager
def disk(target, source="disk"):
    """A file system at target that is none in memory, as far as its type says."""
    with folder("/home/lab-disk") as place, folder(target):
        for name in ("lower", "upper", "work"):
            os.mkdir(f"{place}/{name}")
        subprocess.run(["mount", "-t", "overlay", source, "-o",
                        f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work",
                        target], check=True)
        yield
        subprocess.run(["umount", target], check=True)


def is_outside_reachable(net, place):
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({place!r})"
    return net.host.run(*adit.as_user([adit.PYTHON, "-c", code]), check=False).returncode == 0


def test_socket_of_another_network_namespace_is_not_reached(shared_net, conf):
    """A service with PrivateNetwork=, a container with a volume, another adit."""
    with folder(f"{HOME}/volume") as where, listening(shared_net.lan, where, f"{where}/sock"):
        assert adit.python(shared_net, conf, KNOCK, f"{where}/sock") == "done\n"
        assert is_outside_reachable(shared_net, f"{where}/sock")


def test_socket_bound_by_a_relative_name_is_not_reached(shared_net, conf):
    with folder(f"{HOME}/relative") as where, listening(shared_net.host, where, "sock"):
        assert adit.python(shared_net, conf, KNOCK, f"{where}/sock") == "done\n"
        assert is_outside_reachable(shared_net, f"{where}/sock")


@pytest.mark.parametrize("where", [f"{HOME}/seen-twice", "/run/seen-twice", "/tmp/seen-twice"])
def test_socket_is_not_reached_by_a_second_mount_of_its_folder(shared_net, conf, where):
    again = "/home/lab-again/sock"
    with folder(where), listening(shared_net.host, where, f"{where}/sock"), \
            bound(where, "/home/lab-again"):
        assert adit.python(shared_net, conf, KNOCK, f"{where}/sock", again) == "done\n"
        assert is_outside_reachable(shared_net, again)


def test_socket_on_a_disk_below_run_is_not_reached(shared_net, conf):
    """Disks that are mounted there stay visible, unlike /run itself."""
    place = "/run/lab-disk/sock"
    with disk("/run/lab-disk"), Canaries(shared_net, [place]) as canaries:
        assert adit.python(shared_net, conf, KNOCK, place) == "done\n"
        canaries.check()


def test_every_socket_of_a_folder_that_cannot_be_listed_is_covered(shared_net, conf):
    with folder(f"{HOME}/unlisted") as where:
        places = [f"{where}/first", f"{where}/second"]
        with Canaries(shared_net, places) as canaries:
            os.chown(where, 0, 0)
            os.chmod(where, 0o711)
            assert adit.python(shared_net, conf, KNOCK, *places) == "done\n"
            canaries.check()


@pytest.mark.parametrize("where", ["/run/lab-remote", "/tmp/lab-remote", "/home/lab-remote"])
def test_strict_hides_file_systems_of_the_network_wherever_they_are(shared_net, conf, where):
    """One that says that it lies on a network block device stands for all of them."""
    with disk(where, "/dev/nbd0"):
        with open(f"{where}/file", "w") as f:
            f.write("far away")
        assert adit.output(shared_net, conf, "cat", f"{where}/file") == "far away"
        assert adit.output(shared_net, conf, "ls", where, options=["--strict"]) == ""
