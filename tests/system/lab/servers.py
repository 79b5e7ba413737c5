"""The servers of the small internet: one thread, sockets in many namespaces.

Each keeps a log of what it saw and from where; that log is what tests look at.
"""

import json
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field

from lab import dnswire

BACKLOG = 64
IP_FREEBIND = 15  # linux/in.h; holds for IPv6 sockets too
SEND_CHUNK = 1 << 16


@dataclass
class Seen:
    """One datagram, connection or request that reached a server."""
    kind: str  # "tcp", "udp", "http", "dns"
    address: str
    port: int  # of the client
    what: str = ""  # the path, the name asked for, or how the payload begins
    when: float = field(default_factory=time.monotonic)


class Loop:
    """Runs callbacks of sockets that are readable or writable."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._pending = []
        self._lock = threading.Lock()
        self._is_running = True
        self._selector.register(self._wake_read, selectors.EVENT_READ,
                                lambda: self._wake_read.recv(4096))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while self._is_running:
            for key, _ in self._selector.select():
                try:
                    key.data()
                except OSError:
                    self._forget(key.fileobj)
            with self._lock:
                pending, self._pending = self._pending, []
            for action in pending:
                action()

    def call(self, action):
        """Runs action in the loop's thread and waits for it."""
        if threading.current_thread() is self._thread:
            return action()
        done = threading.Event()
        with self._lock:
            self._pending.append(lambda: (action(), done.set()))
        self._wake_write.send(b"w")
        done.wait(5)

    def watch(self, sock, on_ready, events=selectors.EVENT_READ):
        sock.setblocking(False)
        self.call(lambda: self._selector.register(sock, events, on_ready))

    def change(self, sock, on_ready, events):
        self._selector.modify(sock, events, on_ready)

    def _forget(self, sock):
        try:
            self._selector.unregister(sock)
        except (KeyError, ValueError):
            pass
        sock.close()

    def forget(self, sock):
        self.call(lambda: self._forget(sock))

    def stop(self):
        self._is_running = False
        self._wake_write.send(b"w")
        self._thread.join()


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _plain(address):
    return address.removeprefix("::ffff:")


class Server:
    """A listening socket of a namespace; `seen` is its log."""

    def __init__(self, loop, netns, address, port, kind):
        self.loop = loop
        self.seen = []
        self.sock = netns.call(self._open, address, port, kind)
        loop.watch(self.sock, self.on_accept if kind == socket.SOCK_STREAM else self.on_datagram)

    @staticmethod
    def _open(address, port, kind):
        sock = socket.socket(_family(address), kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # an IPv6 address is tentative for a moment after it was given
        sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        if _family(address) == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(BACKLOG)
        return sock

    def log(self, kind, peer, what=""):
        self.seen.append(Seen(kind, _plain(peer[0]), peer[1], what))

    def on_accept(self):
        connection, peer = self.sock.accept()
        self.loop.watch(connection, lambda: self.on_data(connection, peer))
        self.on_connection(connection, peer)

    def on_connection(self, connection, peer):
        self.log("tcp", peer)

    def on_data(self, connection, peer):
        if not connection.recv(65536):
            self.loop.forget(connection)

    def on_datagram(self):
        data, peer = self.sock.recvfrom(65536)
        self.answer(data, peer)

    def answer(self, data, peer):
        pass

    def close(self):
        self.loop.forget(self.sock)


class TcpEcho(Server):
    def __init__(self, loop, netns, address, port):
        super().__init__(loop, netns, address, port, socket.SOCK_STREAM)

    def on_data(self, connection, peer):
        data = connection.recv(65536)
        if data:
            connection.send(data)
        else:
            self.loop.forget(connection)


class Banner(TcpEcho):
    """Says one line and closes: enough for a client to show that it arrived."""

    text = b"SSH-2.0-lab\r\n"

    def on_connection(self, connection, peer):
        super().on_connection(connection, peer)
        connection.send(self.text)


class UdpEcho(Server):
    def __init__(self, loop, netns, address, port):
        super().__init__(loop, netns, address, port, socket.SOCK_DGRAM)

    def answer(self, data, peer):
        self.log("udp", peer, data[:40].decode(errors="replace"))
        self.sock.sendto(data, peer)


class Web(Server):
    """HTTP/1.0: / says which address it saw; /download?N streams N bytes; `files` the rest."""

    def __init__(self, loop, netns, address, port=80):
        self.files = {}
        super().__init__(loop, netns, address, port, socket.SOCK_STREAM)

    def on_connection(self, connection, peer):
        pass

    def on_data(self, connection, peer):
        request = connection.recv(65536)
        if not request:
            return self.loop.forget(connection)
        path = request.split(b" ")[1].decode() if request.count(b" ") > 1 else "/"
        self.log("http", peer, path)
        if path.startswith("/download?"):
            return self._stream(connection, int(path.partition("?")[2]))
        body = self._body(path, peer)
        status = "200 OK" if body is not None else "404 Not Found"
        body = body or b""
        connection.send(f"HTTP/1.0 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return self.loop.forget(connection)

    def _body(self, path, peer):
        if path == "/":
            seen = {"address": _plain(peer[0]), "port": peer[1]}
            return json.dumps(seen).encode() + b"\n"
        return self.files.get(path.partition("?")[0])

    def _stream(self, connection, total):
        left = total
        connection.send(f"HTTP/1.0 200 OK\r\nContent-Length: {total}\r\n\r\n".encode())

        def write():
            nonlocal left
            left -= connection.send(bytes(min(left, SEND_CHUNK)))
            if left == 0:
                self.loop.forget(connection)

        self.loop.change(connection, write, selectors.EVENT_WRITE)


class Dns(Server):
    """Answers from a zone; TXT of `whoami.test` says who asked and who answers.

    zone: name to a list of addresses.  is_silent: takes questions and says nothing.
    """

    def __init__(self, loop, netns, address, zone, name):
        self.zone, self.name, self.is_silent = zone, name, False
        super().__init__(loop, netns, address, 53, socket.SOCK_DGRAM)

    def answer(self, data, peer):
        question = dnswire.read_question(data)
        if not question:
            return
        self.log("dns", peer, question[0])
        if not self.is_silent:
            self.sock.sendto(self._reply(data, *question, peer), peer)

    def _reply(self, query, name, kind, peer):
        if name == "whoami.test" and kind == dnswire.TXT:
            return dnswire.reply(query, [f"{self.name} saw {_plain(peer[0])}"])
        if name not in self.zone:
            return dnswire.reply(query, [], dnswire.NXDOMAIN)
        family = {dnswire.A: ".", dnswire.AAAA: ":"}.get(kind, "none")
        return dnswire.reply(query, [a for a in self.zone[name] if family in a])

    def names(self):
        return [seen.what for seen in self.seen]
