"""Sockets of other programs on the host that must stay silent.

A canary listens and remembers whoever comes; `check` first makes sure that it
still sings when it is called from the host.
"""

import os
import socket
import struct
import threading
import time

from lab import GID, HOME, UID

RESOLVERS = (
    "/run/nscd/socket",
    "/run/systemd/resolve/io.systemd.Resolve",
    "/run/systemd/resolve/io.systemd.Resolve.Monitor",
    "/run/dbus/system_bus_socket",
    "/run/avahi-daemon/socket",
)
PLACES = (
    "/run/docker.sock",
    "/run/lab-canary.sock",
    f"/run/user/{UID}/bus",
    f"/run/user/{UID}/lab-canary.sock",
    "/tmp/lab-canary.sock",
    "/tmp/.X11-unix/X7",
    f"/tmp/tmux-{UID}/default",
    "/var/tmp/lab-canary.sock",
    f"{HOME}/.lab-canary.sock",
    f"{HOME}/.config/chromium/SingletonSocket",
    f"{HOME}/.ssh/control-lab",
    "@lab-canary",  # abstract
)


def _network_of(pid):
    """None: a process that has ended already, which counts as a stranger."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def _address(place):
    return "\0" + place[1:] if place.startswith("@") else place


class UnixCanary:
    """visits: what came from other networks than the host's, `from_host`: the others."""

    def __init__(self, netns, place):
        self.place = place
        self.visits, self.from_host = [], []
        self._ours = {netns.id(), _network_of("self")}
        self._netns = netns
        self._stop = threading.Event()
        self._sock = netns.call(self._open, place)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @staticmethod
    def _open(place):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(0.1)
        if not place.startswith("@"):
            _make_parents(place)
            if os.path.lexists(place):  # of a program that did not clean up
                os.unlink(place)
        sock.bind(_address(place))
        if not place.startswith("@"):
            os.chmod(place, 0o666)
        sock.listen(16)
        return sock

    def _listen(self):
        while not self._stop.is_set():
            try:
                connection, _ = self._sock.accept()
            except TimeoutError:
                continue
            with connection:
                credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                pid = struct.unpack("iII", credentials)[0]
                log = self.from_host if _network_of(pid) in self._ours else self.visits
                connection.settimeout(0.1)
                try:
                    log.append(connection.recv(200))
                except (TimeoutError, ConnectionError):
                    log.append(b"")

    def sings(self):
        """Whether a visit from the host itself is noticed."""
        before = len(self.from_host)
        self._netns.call(self._visit, self.place)
        deadline = time.monotonic() + 2
        while len(self.from_host) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(self.from_host) > before

    @staticmethod
    def _visit(place):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(_address(place))
            sock.send(b"from the host itself")

    def close(self):
        self._stop.set()
        self._thread.join()
        self._sock.close()
        if not self.place.startswith("@"):
            os.unlink(self.place)


def _make_parents(place):
    missing = []
    parent = os.path.dirname(place)
    while not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    for directory in reversed(missing):
        is_users = os.stat(os.path.dirname(directory)).st_uid == UID or f"-{UID}" in directory
        os.mkdir(directory, 0o700 if is_users else 0o755)
        if is_users:
            os.chown(directory, UID, GID)


class Canaries:
    """All of them: `with Canaries(net) as canaries: …; canaries.check()`."""

    def __init__(self, net, places=PLACES + RESOLVERS):
        self.all = [UnixCanary(net.host, place) for place in places]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for canary in self.all:
            canary.close()

    def visited(self):
        return {canary.place: canary.visits for canary in self.all if canary.visits}

    def check(self):
        for canary in self.all:
            assert canary.sings(), f"{canary.place}: the canary is dead, its silence means nothing"
        visited = self.visited()  # now: who came before the host has been taken in, too
        assert not visited, f"sockets of other programs were reached: {visited}"
