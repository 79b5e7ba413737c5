"""A flow goes on after every failure of the kernel's calls, and the one of the machine around it."""

import errno
import itertools
import socket
import struct
import time

import pytest
from lab import adit, dataplane, servers
from lab.dataplane import PORT, Adit, Cable, cpu_seconds
from lab.faults import Faults
from lab.flow import Flow

CODES = [errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE, errno.EPERM, errno.ENETUNREACH]
MORE_CODES = [errno.EINVAL, errno.EIO, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL,
              errno.EINTR, errno.ENOMEM]
SPELL = 0.04  # seconds that a failure lasts
SO_SNDBUFFORCE, SO_TIMESTAMPNS = 32, 35  # asm-generic/socket.h
RECOVERY = 5  # seconds within which TCP has noticed that it is over; its timer doubles


class Scene:
    """A cable between two of adit's, and a flow over it from left to right."""

    def __init__(self):
        self.faults = Faults()
        self.cable = Cable()
        self.loop = servers.Loop()
        self.cable.start(self._faulty, Adit)
        self.left = self.cable.programs["left"]
        right = self.cable.right.inner
        for kind in (servers.TcpEcho, servers.UdpEcho):
            kind(self.loop, right, self.cable.right.inside(), 7)
        assert dataplane.wait_until(lambda: self.cable.ping(count=1) == 0)
        self.flow = Flow(self.cable.right.inside())
        self.process = self.cable.left.inner.popen(*self.flow.command)

    def _faulty(self, *args, **more):
        return Adit(*args, **more, env=self.faults.environment)

    def let_flow(self, seconds=0.1):
        """For so long at the least, and until it is seen to move."""
        time.sleep(seconds)
        assert self.flow.goes_on(RECOVERY), "the connection does not go on"

    def verdict(self):
        """Nothing was harmed or sent twice."""
        self.let_flow()
        self.flow.stop()
        assert self.flow.is_unharmed(), self.flow.report["error"]
        for program in self.cable.programs.values():
            assert program.stats()["replayed"] == 0

    def close(self):
        self.process.kill()
        self.process.wait()
        self.loop.stop()
        self.cable.close()
        self.faults.close()


@pytest.fixture
def scene():
    scene = Scene()
    yield scene
    scene.close()


@pytest.mark.parametrize("codes", [CODES, pytest.param(MORE_CODES, marks=pytest.mark.long)],
                         ids=["some", "more"])
def test_a_flow_goes_on_through_every_error(scene, codes):
    """Each errno at some calls for a while, then at every call."""
    for call, code in itertools.product(["sendmmsg", "recvmmsg", "readv", "writev"], codes):
        before = scene.faults.failed(call)
        scene.faults.set(call, code, every=10 if call == "writev" else 3)
        scene.let_flow(SPELL)
        scene.faults.set(call, code, every=1)
        time.sleep(SPELL / 4)
        scene.faults.clear()
        assert scene.faults.failed(call) > before, f"{errno.errorcode[code]} was never met"
        scene.let_flow(SPELL)
    scene.verdict()


def test_a_partial_sendmmsg_loses_nothing(scene):
    for at_most in (1, 2, 3):
        scene.faults.set("sendmmsg", errno.EPERM, every=7, at_most=at_most)
        scene.let_flow()
    scene.verdict()


def test_an_interrupted_wait_is_no_end(scene):
    scene.faults.set("epoll_wait", errno.EINTR, every=2)
    scene.let_flow()
    scene.faults.clear()
    scene.verdict()


@pytest.mark.parametrize("code", [errno.EAGAIN, *(pytest.param(code, marks=pytest.mark.long)
                                                  for code in (errno.EPERM, errno.ENOBUFS))])
def test_sends_that_fail_for_long_do_not_keep_the_processor_busy(scene, code):
    scene.faults.set("sendmmsg", code, every=1)
    before = cpu_seconds(scene.left.pid)
    time.sleep(0.8)
    assert cpu_seconds(scene.left.pid) - before < 0.3
    assert scene.left.stats()["tx_errno"] == code
    scene.faults.clear()
    scene.let_flow()
    scene.verdict()


# ---- the machine's own failures ----

def test_a_full_queue_of_the_uplink_costs_packets_and_nothing_else(scene):
    """ENOBUFS: IP_RECVERR makes the kernel tell of it."""
    scene.cable.left.outer.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "1mbit",
                               "burst", "3000", "limit", "3000")
    assert dataplane.wait_until(lambda: scene.left.stats()["tx_errors"] > 0)
    scene.cable.left.outer.run("tc", "qdisc", "del", "dev", "eth0", "root")
    scene.let_flow()
    scene.verdict()


def delays_of_a_pulse(cable, seconds):
    """Seconds from right to left, of a packet each millisecond, while left sends what it can."""
    def udp(side):
        return side.inner.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)

    with udp(cable.left) as left, udp(cable.right) as right:
        left.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        left.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
        left.bind((cable.left.inside(), 7003))
        left.setblocking(False)
        delays, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(12):
                left.sendto(bytes(1300), socket.MSG_DONTWAIT, (cable.right.inside(), 9))
            right.sendto(struct.pack("d", time.time()), (cable.left.inside(), 7003))
            time.sleep(0.001)
            delays += take_pulses(left)
    return delays


def take_pulses(sock):
    while True:
        try:
            text, [(_, _, stamp)], _, _ = sock.recvmsg(8, 64)
        except BlockingIOError:
            return
        arrived, ns = struct.unpack("qq", stamp)
        yield arrived + ns / 1e9 - struct.unpack("d", text)[0]


def test_what_comes_does_not_wait_for_a_full_uplink(make_cable):
    """A socket that is full is waited for; what arrives meanwhile is not kept waiting by it."""
    cable = make_cable(Adit, Adit)
    cable.left.outer.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "20mbit",
                         "burst", "20000", "limit", "20000000")
    delays = sorted(delays_of_a_pulse(cable, 3))
    assert len(delays) > 500 and delays[len(delays) * 97 // 100] < 0.05


def stop_by_firewall(cable):
    cable.left.outer.nft("table inet x {\nchain out {\ntype filter hook output priority 0;\n"
                         f"udp dport {PORT} drop\n}}\n}}\n")


def stop_by_route(cable):
    cable.left.outer.ip("route del 10.80.0.0/24 dev eth0\n")


def stop_by_link(cable):
    cable.left.outer.ip("link set eth0 down\n")


def stop_by_address(cable):
    cable.left.outer.ip(f"address del {cable.left.address()}/24 dev eth0\n")


STOPS = [
    (stop_by_firewall, errno.EPERM, lambda cable: cable.left.outer.nft("delete table inet x\n")),
    (stop_by_route, errno.ENETUNREACH,
     lambda cable: cable.left.outer.ip("route add 10.80.0.0/24 dev eth0\n")),
    pytest.param(stop_by_link, errno.ENETUNREACH,
                 lambda cable: cable.left.outer.ip("link set eth0 up\n"), marks=pytest.mark.long),
    pytest.param(stop_by_address, errno.ENETUNREACH,
                 lambda cable: cable.left.outer.ip(f"address add {cable.left.address()}/24 dev eth0\n"),
                 marks=pytest.mark.long),
]


@pytest.mark.parametrize("stop, code, undo", STOPS, ids=["firewall", "route", "link", "address"])
def test_a_flow_goes_on_after(scene, stop, code, undo):
    scene.let_flow()
    stop(scene.cable)
    assert dataplane.wait_until(lambda: scene.left.stats()["tx_errno"] == code)
    undo(scene.cable)
    scene.let_flow()
    scene.verdict()


def test_the_mtu_of_the_path_may_change_under_a_flow(scene):
    """Trains that are too long now (EINVAL, EMSGSIZE) leave one by one, in fragments."""
    sides = [scene.cable.left, scene.cable.right]
    for mtu, order in ((1280, 1), (1000, 1), (1500, -1), (700, 1), (1500, -1)):
        for side in sides[::order]:  # veth drops what the other end would not take
            side.outer.ip(f"link set eth0 mtu {mtu}\n")
        scene.let_flow()
    assert scene.left.stats()["tx_errors"] == 0
    scene.verdict()


def test_the_data_plane_ends_with_its_device(scene):
    pid = scene.left.pid
    scene.cable.left.inner.ip("link del wg0\n")
    assert dataplane.wait_until(lambda: not adit.is_alive(pid))

