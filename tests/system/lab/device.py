"""`adit device`, and wireguard-go in the same place, as wg(8) and wg-quick(8) see them."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from lab import adit, dataplane
from lab.provider import wait_for_uapi

SOCKETS = Path("/run/wireguard")
BIN = Path("/run/lab/bin")


def program():
    """One word that is `adit device`, as wg-quick needs it."""
    link = BIN / "adit-device"
    if not link.exists():
        BIN.mkdir(exist_ok=True)
        link.symlink_to(adit.binary())
    return str(link)


def socket_of(name):
    return SOCKETS / f"{name}.sock"


def environment(**extra):
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return kept | {key: str(value) for key, value in extra.items()}


class Device:
    """A program that makes an interface, in the foreground, in namespace `netns` (None: here)."""

    def __init__(self, argv0, name, netns=None, env=None, **popen):
        self.name = name
        argv = [argv0, "-f", name]
        self.process = subprocess.Popen(netns.command(argv) if netns else argv,
                                        env=environment(**(env or {})), stderr=subprocess.PIPE,
                                        text=True, **popen)
        self.pid = self.process.pid
        wait_for_uapi(self.process, name)
        ask(name, "get=1\n\n")  # answered when all of it is ready

    def plane(self):
        """The data plane: the one child."""
        out = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(out[0]) if out else None

    def kill_plane(self):
        """Kills it, and waits for its successor."""
        before = self.plane()
        os.kill(before, signal.SIGKILL)
        began = time.monotonic()
        assert dataplane.wait_until(lambda: self.plane() not in (None, before))
        return time.monotonic() - began

    def ask(self, text):
        return ask(self.name, text)

    def wait_until_gone(self):
        self.process.wait(5)
        assert not socket_of(self.name).exists()
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        errors = self.process.communicate(timeout=5)[1]
        return errors


def ask(name, text):
    """Everything that the socket answers to these bytes before it, or we, hang up."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(socket_of(name)))
        sock.sendall(text if isinstance(text, bytes) else text.encode())
        sock.shutdown(socket.SHUT_WR)
        out = b""
        while data := sock.recv(1 << 16):
            out += data
    return out.decode()


def pids_of(link):
    """The processes of that interface's device; of our own sandbox only."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                argv = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if link.encode() in argv and any(b"adit-device" in arg for arg in argv):
                found.append(int(entry.name))
    return found
