"""A private machine for the tests: own network, processes and writable places.

`enter` runs a command line in it, and is what conftest.py does with pytest
itself; `python3 sandbox.py COMMAND…` does the same for any other program.
Process 1 inside is this file: when the command ends, or when the outer process
is killed, the kernel ends whatever is left, and every mount, namespace and
packet is gone with it.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
MARK = "ADIT_LAB_SANDBOX"
PR_SET_PDEATHSIG, MS_BIND = 1, 4096

# What the tests, adit and its canaries write to: place and mode.
PRIVATE = {
    "/run": "0755",
    "/tmp": "1777",
    "/var/tmp": "1777",
    "/home": "0755",
    "/dev/net": "0755",
}


def is_inside():
    return MARK in os.environ


def enter(argv, **popen):
    """Runs argv in a new sandbox and returns its exit status."""
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
               "--propagation", "private", sys.executable, __file__, *argv]
    return subprocess.call(command, preexec_fn=_die_with_parent, **popen)


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _mount(*args):
    subprocess.run(["mount", *args], check=True)


def _bind_fd(fd, place):
    """By the system call: mount(8) would read the link, and bind what has that name now."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(f"/proc/self/fd/{fd}".encode(), str(place).encode(), None, MS_BIND, None) != 0:
        raise OSError(ctypes.get_errno(), "mount", str(place))


def _cover(place, mode):
    """An empty tmpfs over place; the repository, when it is in there, shows through."""
    holds_repo = REPO.is_relative_to(place)
    repo = os.open(REPO, os.O_PATH)
    _mount("-t", "tmpfs", "-o", f"mode={mode}", "lab", place)
    if holds_repo:
        REPO.mkdir(parents=True)
        _bind_fd(repo, REPO)
    os.close(repo)


def _copy_etc():
    """/etc becomes a plain copy, so that tests may edit it and overlays stack on it."""
    copy = Path("/run/etc")
    copy.mkdir()
    _mount("-t", "tmpfs", "-o", "mode=0755", "lab", str(copy))
    subprocess.run(["cp", "-a", "/etc/.", str(copy)], check=True)
    _mount("--move", str(copy), "/etc")
    copy.rmdir()


def _make_user():
    from lab import GID, HOME, UID, USER

    try:
        pwd.getpwuid(UID)
    except KeyError:
        with open("/etc/passwd", "a") as passwd, open("/etc/group", "a") as group:
            passwd.write(f"{USER}:x:{UID}:{GID}::{HOME}:/bin/sh\n")
            group.write(f"{USER}:x:{GID}:\n")
    for place in (HOME, f"/run/user/{UID}"):
        os.makedirs(place)
        os.chown(place, UID, GID)
    os.chmod(f"/run/user/{UID}", 0o700)


def _furnish():
    for place, mode in PRIVATE.items():
        os.makedirs(place, exist_ok=True)
        _cover(place, mode)
    _copy_etc()
    for place in ("/run/netns", "/run/lock", "/run/lab"):
        os.mkdir(place)
    os.mknod("/dev/net/tun", 0o666 | 0o020000, os.makedev(10, 200))
    os.chmod("/dev/net/tun", 0o666)
    # resolv.conf may be a link into the real /run
    Path("/etc/resolv.conf").unlink(missing_ok=True)
    _make_user()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _reap_until(child):
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _main(argv):
    where = os.getcwd()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    _furnish()
    os.chdir(where)
    environ = dict(os.environ, **{MARK: "1", "PYTHONDONTWRITEBYTECODE": "1"})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.execvpe(argv[0], argv, environ)
    status = _reap_until(child)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    if os.getpid() == 1:
        sys.exit(_main(sys.argv[1:]))
    if not shutil.which("unshare") or os.geteuid() != 0:
        sys.exit("the sandbox is made by root with unshare(1)")
    sys.exit(enter(sys.argv[1:]))
