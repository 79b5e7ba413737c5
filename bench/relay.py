#!/usr/bin/python3
"""A relay beside systemd-socket-proxyd, which does the same for units with
JoinsNamespaceOf=: one listens outside, the other is started inside with the
socket.  In turns within one run; ratios of medians.

    python3 bench/relay.py [--rounds N] [--seconds N] [--connections N] [--json]     as root

Throughput of one flow and of eight, each direction: the ends neither make nor look
at the bytes, so that the relay is what is slow.  Connection set-up is the time
from connect(2) to the first byte of the service's answer, one after the other
and 32 at a time.
"""

import argparse
import json
import os
import select
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests/system"))

from lab import netns, relay, sandbox  # noqa: E402

PROXYD = "/lib/systemd/systemd-socket-proxyd"
HOST, LAN = "10.9.0.1", "10.9.0.2"
FLOWS = {"1 flow": (1, b"u"), "1 flow, back": (1, b"d"), "8 flows": (8, b"u"),
         "8 flows, back": (8, b"d")}
SERVICES = {"flow": 5201, "echo": 80}
AT_ONCE = 32
CHUNK = 1 << 20


class Place:
    """A LAN client, a host, and a namespace with services; `host` and `inside` have no link."""

    def __init__(self):
        self.lan, self.host, self.inside = netns.create(["lan", "host", "inside"])
        for space in (self.lan, self.host, self.inside):
            space.ip("link set lo up\n")
        netns.batch("ip", "-batch", "-",
                    input="link add lan0 netns host type veth peer name eth0 netns lan\n")
        self.host.ip(f"address add {HOST}/24 dev lan0\nlink set lan0 up\n")
        self.lan.ip(f"address add {LAN}/24 dev eth0\nlink set eth0 up\n")
        self.services = [self._serve("echo", serve_echo), self._serve("flow", serve_flows)]

    def _serve(self, name, function):
        listener = self.inside.call(socket.create_server, ("127.0.0.1", SERVICES[name]))
        listener.listen(4096)
        pid = os.fork()
        if pid == 0:
            function(listener)
        listener.close()
        return pid

    def close(self):
        for pid in self.services:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def serve_echo(listener):
    """Answers one byte for each connection's first, in one thread."""
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    conns = {}
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                conn = listener.accept()[0]
                conns[conn.fileno()] = conn
                poll.register(conn, select.EPOLLIN)
            else:
                conn = conns.pop(fd)
                data = conn.recv(64)
                if data:
                    conns[fd] = conn
                    conn.send(data)
                else:
                    conn.close()


def serve_flows(listener):
    """A process a connection: sends for good, or takes what comes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        conn = listener.accept()[0]
        if os.fork() == 0:
            try:
                if conn.recv(1) == b"d":
                    send_until(conn, float("inf"))
                else:
                    count_until(conn, float("inf"))
            finally:
                os._exit(0)
        conn.close()


def send_until(sock, end):
    """Bytes that were taken; what stands in buffers is little beside them."""
    n_bytes = 0
    memory = os.memfd_create("bytes")
    os.ftruncate(memory, CHUNK)
    os.pwrite(memory, os.urandom(CHUNK), 0)
    while time.monotonic() < end:
        n_bytes += os.sendfile(sock.fileno(), memory, 0, CHUNK)
    return n_bytes


def count_until(sock, end):
    """Bytes, none of which is copied."""
    n_bytes = 0
    room = bytearray(CHUNK)
    while time.monotonic() < end:
        n = sock.recv_into(room, CHUNK, socket.MSG_TRUNC)
        if n == 0:
            break
        n_bytes += n
    return n_bytes


class Relay:
    name = "adit"

    def __init__(self, place):
        forwards = [f"lan0/tcp:{10000 + port}->{port}" for port in SERVICES.values()]
        self.process = place.host.popen(relay.program(), place.inside.path, "--ids", "65534", "--",
                                        *forwards, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline().startswith(b"ready")

    def port(self, service):
        return 10000 + SERVICES[service]

    def pids(self):
        main = self.process.pid
        return [int(pid) for pid in
                Path(f"/proc/{main}/task/{main}/children").read_text().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Proxyd:
    name = "systemd-socket-proxyd"

    def __init__(self, place):
        # without SIGPIPE, as systemd starts it (IgnoreSIGPIPE=): it would die of it
        self.processes = [
            place.host.popen("systemd-socket-activate", "-l", f"{HOST}:{20000 + port}",
                             "nsenter", f"--net={place.inside.path}", PROXYD,
                             "--connections-max=4096", f"127.0.0.1:{port}",
                             stderr=subprocess.DEVNULL, restore_signals=False)
            for port in SERVICES.values()]
        time.sleep(0.5)

    def port(self, service):
        return 20000 + SERVICES[service]

    def pids(self):
        ended = [process.poll() for process in self.processes if process.poll() is not None]
        if ended:
            raise RuntimeError(f"socket-proxyd has ended: {ended}")
        return [process.pid for process in self.processes]

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


def run_flow(sock, direction, end):
    """Bytes.  No half-close: socket-proxyd has none."""
    sock.sendall(direction)
    return count_until(sock, end) if direction == b"d" else send_until(sock, end)


def throughput(place, port, seconds, flows):
    """Gbit/s, each flow from a process of its own."""
    n_flows, direction = flows
    read, write = os.pipe()
    began = time.monotonic()
    flow_pids = []
    for sock in place.lan.call(make_sockets, n_flows):
        flow_pids.append(os.fork())
        if flow_pids[-1] == 0:
            try:
                sock.connect((HOST, port))
                n_bytes = run_flow(sock, direction, began + seconds)
                took = time.monotonic() - began
                os.write(write, b"%030.6f" % (n_bytes * 8 / took / 1e9))
            finally:
                os._exit(0)
        sock.close()
    for pid in flow_pids:
        os.waitpid(pid, 0)
    rates = os.read(read, 30 * n_flows)
    os.close(read)
    os.close(write)
    assert len(rates) == 30 * n_flows, "a flow failed"
    return sum(float(rates[at:at + 30]) for at in range(0, len(rates), 30))


def set_up_one(place, port, n):
    """Microseconds of each."""
    times = []
    for _ in range(n):
        sock = place.lan.sockets.pop()
        began = time.perf_counter()
        sock.connect((HOST, port))
        sock.send(b"x")
        sock.recv(1)
        times.append((time.perf_counter() - began) * 1e6)
        sock.close()
    return times


def set_up_many(place, port, n):
    """AT_ONCE at a time."""
    times = []
    for _ in range(n // AT_ONCE):
        poll = select.epoll()
        began, socks = {}, {}
        for _ in range(AT_ONCE):
            sock = place.lan.sockets.pop()
            sock.setblocking(False)
            socks[sock.fileno()] = sock
            began[sock.fileno()] = time.perf_counter()
            sock.connect_ex((HOST, port))
            poll.register(sock, select.EPOLLOUT)
        while socks:
            for fd, events in poll.poll():
                if events & select.EPOLLIN:
                    socks[fd].recv(1)
                    times.append((time.perf_counter() - began[fd]) * 1e6)
                    poll.unregister(fd)
                    socks.pop(fd).close()
                else:
                    socks[fd].send(b"x")
                    poll.modify(fd, select.EPOLLIN)
        poll.close()
    return times


def make_sockets(n):
    return [socket.socket() for _ in range(n)]


def percentile(values, share):
    return sorted(values)[int(share * (len(values) - 1))]


def measure_flow(flows):
    return lambda place, candidate, args: {
        ", Gbit/s": throughput(place, candidate.port("flow"), args.seconds, flows)}


def measure_set_up(set_up):
    def measure(place, candidate, args):
        place.lan.sockets = place.lan.call(make_sockets, args.connections)
        times = set_up(place, candidate.port("echo"), args.connections)
        return {" p50, µs": percentile(times, 0.5), " p99, µs": percentile(times, 0.99)}

    return measure


def measure_memory(_place, candidate, _args):
    return {", KiB": sum(pss_of(pid) for pid in candidate.pids())}


MEASURES = {name: measure_flow(flows) for name, flows in FLOWS.items()} | {
    "set-up one by one": measure_set_up(set_up_one),
    "set-up 32 at once": measure_set_up(set_up_many),
    "memory": measure_memory,
}


def take_turns(place, candidates, args):
    """{candidate: {what: numbers}}; one measures right after the other, since the machine drifts."""
    results = {candidate.name: {} for candidate in candidates}
    for turn in range(args.rounds):
        for name, measure in MEASURES.items():
            for candidate in candidates[::1 if turn % 2 else -1]:
                for what, number in measure(place, candidate, args).items():
                    results[candidate.name].setdefault(name + what, []).append(number)
    return results


def pss_of(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def report(results):
    ours, theirs = ({what: statistics.median(numbers) for what, numbers in results[name].items()}
                    for name in (Relay.name, Proxyd.name))
    print(f"| {'':28} | {Relay.name:>10} | socket-proxyd | ratio |\n|---|---|---|---|")
    for what in ours:
        print(f"| {what:28} | {ours[what]:10.2f} | {theirs[what]:13.2f} "
              f"| {ours[what] / theirs[what]:5.2f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each flow")
    parser.add_argument("--connections", type=int, default=1600)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    place = Place()
    candidates = [Relay(place), Proxyd(place)]
    try:
        for candidate in candidates:  # warms up: the other one is started by the first client
            warm_up(place, candidate)
        results = take_turns(place, candidates, args)
    finally:
        for candidate in candidates:
            candidate.close()
        place.close()
    if args.json:
        json.dump(results, sys.stdout, indent=1)
    else:
        report(results)


def warm_up(place, candidate):
    place.lan.sockets = place.lan.call(make_sockets, 20)
    set_up_one(place, candidate.port("echo"), 20)
    throughput(place, candidate.port("flow"), 1, FLOWS["1 flow"])


if __name__ == "__main__":
    if sandbox.is_inside():
        main()
    else:
        sys.exit(sandbox.enter([sys.executable, str(Path(__file__).resolve()), *sys.argv[1:]]))
