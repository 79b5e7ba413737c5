"""A relay by itself (build/bench/relay): from the small internet's host into a
namespace that has nothing but lo, and services in there.

    with Relay(net, f"{internet.UPLINK}/tcp:8080->80") as relay:
        relay.serve(80, lambda conn: conn.sendall(conn.recv(100)))
        sock = connect(net.lan, internet.HOST, 8080)
"""

import itertools
import json
import os
import socket
import subprocess
import threading
from pathlib import Path

from lab import adit, netns

_ids = itertools.count(1)


def program():
    return adit.source().parent / "bench" / "relay"


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_socket(space, address, kind=socket.SOCK_STREAM, source=None, timeout=5):
    sock = space.call(socket.socket, _family(address), kind)
    sock.settimeout(timeout)
    if source:
        sock.bind((source, 0))
    return sock


def connect(space, address, port, source=None, timeout=5, scope=0):
    """A TCP connection from a namespace; the caller closes it."""
    sock = open_socket(space, address, source=source, timeout=timeout)
    place = (address, port, 0, scope) if ":" in address else (address, port)
    try:
        sock.connect(place)
    except OSError:
        sock.close()
        raise
    return sock


def ask(space, address, port, text=b"hello", **options):
    """What an echo service answers."""
    with connect(space, address, port, **options) as sock:
        sock.sendall(text)
        return read_exactly(sock, len(text))


def ask_udp(space, address, port, text=b"hello", timeout=2, **options):
    with open_socket(space, address, socket.SOCK_DGRAM, timeout=timeout, **options) as sock:
        sock.connect((address, port))
        sock.send(text)
        return sock.recv(65536)


def read_exactly(sock, n):
    data = b""
    while len(data) < n:
        chunk = sock.recv(n - len(data))
        if not chunk:
            raise EOFError(f"{len(data)} of {n} bytes")
        data += chunk
    return data


def read_all(sock):
    data = b""
    while chunk := sock.recv(1 << 16):
        data += chunk
    return data


def echo(conn):
    while data := conn.recv(1 << 16):
        conn.sendall(data)


class Relay:
    def __init__(self, net, *forwards, options=(), wrapper=()):
        self.net = net
        self.inside = netns.create([f"inside{os.getpid()}x{next(_ids)}"])[0]
        self.inside.ip("link set lo up\n")
        self._sockets = []
        argv = [*wrapper, program(), self.inside.path, *options, "--", *forwards]
        self.process = net.host.popen(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        self.events = []
        self.first = self._read_line()
        self.capacity = int(self.first.split()[1]) if self.first.startswith("ready") else 0

    def _read_line(self):
        while (line := self.process.stdout.readline().strip()).startswith("event: "):
            self.events.append(line.removeprefix("event: "))
        return line

    def command(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._read_line()

    def stats(self):
        """One dictionary a forward."""
        return json.loads(self.command("stats"))

    def pid(self, name):
        """The pump ("adit-pump") or the connector ("adit-connector"); None: it does not run."""
        main = self.process.pid
        for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split():
            if name.startswith(Path(f"/proc/{pid}/comm").read_text().strip()):
                return int(pid)
        return None

    def open_inside(self, family, kind, place):
        sock = self.inside.call(socket.socket, family, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
        self._sockets.append(sock)
        return sock

    def serve(self, port, handler=echo, address="0.0.0.0", backlog=4096):
        """A TCP service inside, a thread a connection."""
        sock = self.open_inside(_family(address), socket.SOCK_STREAM, (address, port))
        sock.listen(backlog)

        def handle(conn):
            try:
                with conn:
                    handler(conn)
            except OSError:
                pass

        def accept():
            try:
                while True:
                    threading.Thread(target=handle, args=(sock.accept()[0],), daemon=True).start()
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        return sock

    def serve_udp(self, port, answer=lambda data, peer: data, address="0.0.0.0"):
        sock = self.open_inside(_family(address), socket.SOCK_DGRAM, (address, port))

        def work():
            try:
                while True:
                    data, peer = sock.recvfrom(1 << 16)
                    if (reply := answer(data, peer)) is not None:
                        sock.sendto(reply, peer)
            except OSError:
                pass

        threading.Thread(target=work, daemon=True).start()
        return sock

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()
        for sock in self._sockets:
            sock.close()
        netns.delete([self.inside])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
