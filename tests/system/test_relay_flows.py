"""What goes through a relay arrives whole, in order and at its own pace."""

import contextlib
import os
import resource
import select
import socket
import struct
import threading
import time

import pytest
from lab import relay
from lab.internet import HOST, HOST6, LAN, LAN6, UPLINK
from lab.relay import Relay, ask, ask_udp, connect, open_socket, read_all, read_exactly

CHUNK = os.urandom(1 << 16)
WANTED_CONNECTIONS = 10_000
FILES_OTHER = 200  # of the test itself
RESET = struct.pack("ii", 1, 0)  # struct linger: close(2) sends RST


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def relay_to(net, handler, *options):
    it = Relay(net, f"{UPLINK}/tcp:8080->80", options=options)
    it.serve(80, handler)
    return it


# ---- TCP ----


@pytest.mark.parametrize("size", [1, 1 << 16, (8 << 20) + 7])
def test_every_byte_arrives_both_ways(net, size):
    data = (CHUNK * (size // len(CHUNK) + 1))[:size]
    with relay_to(net, relay.echo) as it, connect(net.lan, HOST, 8080, timeout=30) as sock:
        sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        assert read_all(sock) == data
        sender.join()
        wait_until(lambda: it.stats()[0]["open"] == 0)
        assert it.stats()[0]["bytes_in"] == it.stats()[0]["bytes_out"] == size


def test_an_answer_may_begin_when_the_question_has_ended(net):
    def count(conn):
        conn.sendall(b"%d" % len(read_all(conn)))

    with relay_to(net, count), connect(net.lan, HOST, 8080) as sock:
        sock.sendall(CHUNK)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"%d" % len(CHUNK)


def test_a_service_may_end_first(net):
    received = []

    def greet(conn):
        conn.sendall(b"bye")
        conn.shutdown(socket.SHUT_WR)
        received.append(read_all(conn))

    with relay_to(net, greet), connect(net.lan, HOST, 8080) as sock:
        assert read_all(sock) == b"bye"
        sock.sendall(b"late question")
        sock.shutdown(socket.SHUT_WR)
        wait_until(lambda: received)
    assert received == [b"late question"]


def test_a_reset_by_the_client_is_a_reset_inside(net):
    errors = []

    def service(conn):
        try:
            while conn.recv(100):
                pass
            errors.append(None)
        except OSError as error:
            errors.append(type(error))

    with relay_to(net, service) as it:
        sock = connect(net.lan, HOST, 8080)
        sock.sendall(b"x")
        wait_until(lambda: it.stats()[0]["bytes_in"] == 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.close()
        wait_until(lambda: errors)
    assert errors == [ConnectionResetError]


def test_a_reset_inside_is_a_reset_of_the_client(net):
    def service(conn):
        conn.recv(1)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    with relay_to(net, service), connect(net.lan, HOST, 8080) as sock:
        sock.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_slow_readers_stop_their_senders_and_nobody_else(net):
    """More of them than there are pipes at this limit of open files (512 / 64)."""
    stalled = []
    with Relay(net, f"{UPLINK}/tcp:8080->80", f"{UPLINK}/tcp:8081->81",
               wrapper=["prlimit", "--nofile=512:512"]) as it:
        it.serve(80, lambda conn: (conn.recv(1), conn.sendall(CHUNK * 1000)))
        it.serve(81)
        for _ in range(24):
            sock = connect(net.lan, HOST, 8080)
            sock.sendall(b"x")
            stalled.append(sock)
        wait_for_rest(it)
        carried = it.stats()[0]["bytes_out"]
        assert carried < 24 * len(CHUNK) * 1000
        assert [ask(net.lan, HOST, 8081) for _ in range(20)] == [b"hello"] * 20
        assert memory_of(it.pid("adit-pump")) < 16 << 10
        for sock in stalled[::6]:
            assert len(read_exactly_quietly(sock, len(CHUNK) * 1000)) == len(CHUNK) * 1000
        for sock in stalled:
            sock.close()


def read_exactly_quietly(sock, n):
    sock.settimeout(30)
    data = bytearray()
    while len(data) < n:
        chunk = sock.recv(1 << 20)
        assert chunk
        data += chunk
    return data


def wait_for_rest(it):
    last = -1
    while (now := it.stats()[0]["bytes_out"]) != last:
        last = now
        time.sleep(0.3)


def memory_of(pid):
    """Kilobytes of its own."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_"))


def test_a_small_message_is_not_held_back(net):
    with relay_to(net, relay.echo), connect(net.lan, HOST, 8080) as sock:
        times = []
        for _ in range(200):
            began = time.perf_counter()
            sock.sendall(b"x")
            sock.sendall(b"y")  # with Nagle's algorithm this one would wait for an answer
            read_exactly(sock, 2)
            times.append(time.perf_counter() - began)
    assert sorted(times)[100] < 0.02


def allow_files(n):
    """So many open files for this process and its children; how many it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limits in ((n, max(n, hard)), (min(n, hard), hard)):
        with contextlib.suppress(ValueError, OSError):  # root may not have CAP_SYS_RESOURCE
            if soft < limits[0]:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                return limits[0]
    return soft


@pytest.mark.timeout(600)  # under tests/vm/run, which is slow
def test_many_connections_are_open_at_once(net):
    """Ten thousand where the limit of open files lets the relay have them."""
    files = allow_files(WANTED_CONNECTIONS + FILES_OTHER)
    with Relay(net, f"{UPLINK}/tcp:8080->80") as it:
        wanted = min(WANTED_CONNECTIONS, it.capacity, files - FILES_OTHER)
        service = Crowd(it.inside)
        clients = []
        began = time.monotonic()
        for i in range(wanted):
            clients.append(connect(net.lan, (HOST, HOST6)[i % 2], 8080, timeout=20))
        took = time.monotonic() - began
        for sock in clients:
            sock.sendall(b"ping")
        for sock in clients:
            assert read_exactly(sock, 4) == b"ping"
        assert it.stats()[0]["open"] == wanted
        print(f"{wanted} connections in {took:.1f} s; pump: {memory_of(it.pid('adit-pump'))} KiB")
        assert memory_of(it.pid("adit-pump")) < 32 << 10
        for sock in clients:
            sock.close()
        wait_until(lambda: it.stats()[0]["open"] == 0, 20)
        assert ask(net.lan, HOST, 8080) == b"hello"
        service.close()


class Crowd:
    """An echo service for thousands of connections, in a process of its own."""

    def __init__(self, space):
        ready, theirs = os.pipe()
        self.sock = space.call(socket.socket)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", 80))
        self.sock.listen(4096)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ready)
            self._serve(theirs)
        os.close(theirs)
        os.read(ready, 1)
        os.close(ready)

    def _serve(self, ready):
        poll = select.epoll()
        conns = {}
        poll.register(self.sock, select.EPOLLIN)
        os.write(ready, b"r")
        while True:
            for fd, _ in poll.poll():
                if fd == self.sock.fileno():
                    conn = self.sock.accept()[0]
                    conns[conn.fileno()] = conn
                    poll.register(conn, select.EPOLLIN)
                elif data := conns[fd].recv(4096):
                    conns[fd].sendall(data)
                else:
                    conns.pop(fd).close()

    def close(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        self.sock.close()


def test_without_a_descriptor_left_clients_wait_and_nothing_spins(net):
    """At 512 open files there is room for some 150 connections."""
    with Relay(net, f"{UPLINK}/tcp:8080->80", wrapper=["prlimit", "--nofile=512:512"]) as it:
        it.serve(80)
        assert it.capacity < 200
        clients = [connect(net.lan, HOST, 8080) for _ in range(it.capacity + 20)]
        for sock in clients:
            sock.sendall(b"ping")
        wait_until(lambda: it.stats()[0]["bytes_out"] == 4 * it.capacity)
        used = processor_time(it.pid("adit-pump"))
        time.sleep(1)
        assert processor_time(it.pid("adit-pump")) - used < 0.1
        assert it.stats()[0]["open"] == it.capacity
        for sock in clients[:it.capacity]:
            sock.close()
        for sock in clients[it.capacity:]:
            assert read_exactly(sock, 4) == b"ping"
            sock.close()


def processor_time(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_too_few_files_are_an_error_that_says_so(net):
    with Relay(net, f"{UPLINK}/tcp:8080->80", wrapper=["prlimit", "--nofile=100:100"]) as it:
        assert it.first == "error: 100 open files are allowed, and a relay takes 512"


@pytest.mark.parametrize("address, client", [(HOST, LAN), (HOST6, LAN6)])
def test_the_proxy_protocol_tells_the_service_who_its_client_is(net, address, client):
    with relay_to(net, relay.echo, "--proxy"), connect(net.lan, address, 8080) as sock:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        packed = [socket.inet_pton(family, text) for text in (client, address)]
        ports = struct.pack("!HH", sock.getsockname()[1], 8080)
        body = b"".join(packed) + ports
        sock.sendall(b"GET")
        wanted = (b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x21 if ":" in address else 0x11])
                  + struct.pack("!H", len(body)) + body + b"GET")
        assert read_exactly(sock, len(wanted)) == wanted


# ---- UDP ----


@pytest.fixture
def udp(net):
    with Relay(net, f"{UPLINK}/udp:5300->53") as it:
        yield it


def test_each_udp_client_gets_its_own_answers(net, udp):
    udp.serve_udp(53)
    socks = [open_socket(net.lan, HOST, socket.SOCK_DGRAM) for _ in range(100)]
    for i, sock in enumerate(socks):
        sock.connect((HOST, 5300))
        sock.send(b"%d" % i)
    for turn in range(3):
        for i, sock in enumerate(socks):
            assert sock.recv(100) == b"%d" % i
            if turn < 2:
                sock.send(b"%d" % i)
    assert udp.stats()[0]["open"] == 100
    for sock in socks:
        sock.close()


def test_each_udp_client_is_another_one_inside(net, udp):
    seen = set()
    udp.serve_udp(53, lambda data, peer: (seen.add(peer), data)[1])
    for _ in range(3):
        assert ask_udp(net.lan, HOST, 5300) == b"hello"
    assert len(seen) == 3 and {address for address, _ in seen} == {"127.0.0.1"}


@pytest.mark.parametrize("size", [0, 1, 1472, 60_000])
def test_a_datagram_keeps_its_size(net, udp, size):
    udp.serve_udp(53)
    with open_socket(net.lan, HOST, socket.SOCK_DGRAM) as sock:
        sock.connect((HOST, 5300))
        sock.send(CHUNK[:size])
        assert sock.recv(1 << 16) == CHUNK[:size]


def test_a_service_may_speak_first_to_a_client_that_is_known(net, udp):
    peers = []
    service = udp.serve_udp(53, lambda data, peer: peers.append(peer))
    with open_socket(net.lan, HOST6, socket.SOCK_DGRAM) as sock:
        sock.connect((HOST6, 5300))
        sock.send(b"here I am")
        wait_until(lambda: peers)
        for word in (b"one", b"two"):
            service.sendto(word, peers[0])
            assert sock.recv(100) == word


def test_more_udp_clients_than_there_is_room_for_replace_unanswered_ones(net):
    with Relay(net, f"{UPLINK}/udp:5300->53", wrapper=["prlimit", "--nofile=512:512"]) as it:
        it.serve_udp(53, lambda data, peer: data if data == b"hello" else None)
        with open_socket(net.lan, HOST, socket.SOCK_DGRAM) as known:
            known.connect((HOST, 5300))
            known.send(b"hello")
            assert known.recv(10) == b"hello"
            for _ in range(50):
                with open_socket(net.lan, HOST, socket.SOCK_DGRAM) as sock:
                    sock.connect((HOST, 5300))
                    sock.send(b"never answered")
            assert ask_udp(net.lan, HOST, 5300) == b"hello"
            known.send(b"hello")
            assert known.recv(10) == b"hello"
        assert it.stats()[0]["open"] == 512 // 32
