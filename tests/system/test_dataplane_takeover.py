"""When the data plane of `adit run` dies, another one takes over: soon, and without a trace."""

import json
import os
import signal
import socket
import statistics
import time

import pytest
from lab import adit, internet, provider
from lab.dataplane import cpu_seconds
from lab.flow import Flow
from lab.netns import call_in
from lab.scene import Scene

NAME = "adit-dataplane"
LIVED = 1.1  # seconds; one that lives shorter is followed later and later
READY = 0.1  # the promise, on a machine with nothing else to do
READY_BUSY = 0.6
BACKLOG = 500  # frames that a TUN device keeps


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def children(pid):
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children") as f:
            found += map(int, f.read().split())
    return found


def data_plane(run):
    """The process that is one now, or None."""
    for pid in children(run.pid):
        try:
            facts = status(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if facts["Name"] == NAME and facts["State"][0] != "Z":
            return pid
    return None


def wait_for_data_plane(run, other_than=None, timeout=15):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        pid = data_plane(run)
        if pid and pid != other_than:
            return pid
        time.sleep(0.0005)
    raise AssertionError("no data plane")


def zombies(run):
    return [pid for pid in children(run.pid) if status(pid)["State"][0] == "Z"]


def descriptors(run):
    return len(os.listdir(f"/proc/{run.pid}/fd"))


def limit():
    """What a gap may last: the promise, unless others have the processors."""
    return READY if os.getloadavg()[0] < os.cpu_count() * 0.75 else READY_BUSY


def kill_and_wait(run, number=signal.SIGKILL):
    """When it was killed, and how long there was no other."""
    pid = wait_for_data_plane(run)
    began = time.monotonic()
    os.kill(pid, number)
    wait_for_data_plane(run, pid)
    return began, time.monotonic() - began


def kill_many(run, times, lived=LIVED):
    """By SIGKILL and SIGSEGV in turns; when each happened, and how long none was there."""
    kills = []
    for i in range(times):
        kills.append(kill_and_wait(run, (signal.SIGKILL, signal.SIGSEGV)[i % 2]))
        time.sleep(lived)
    return kills


def udp_ports(net):
    return sorted(line.split()[3] for line in net.host.output("ss", "-Huln").splitlines())


def check_kills(net, conf, times):
    flow = Flow()
    with adit.start(net, conf, *flow.command, options=["--wait", "5"]) as run:
        run.wait_for_command()
        time.sleep(LIVED)
        before = descriptors(run), udp_ports(net)
        kills = kill_many(run, times)
        assert (descriptors(run), udp_ports(net)) == before and not zombies(run)
        n_blocks = len(flow.stop()["blocks"])
    assert flow.is_unharmed(), flow.report["error"]
    assert n_blocks > 20 * times, "the connection hardly moved"
    absent = [seconds for _, seconds in kills]
    gaps = [flow.gap(when) for when, _ in kills]
    print(f"{times} kills: no data plane for {statistics.median(absent) * 1000:.0f} ms (median), "
          f"{max(absent) * 1000:.0f} ms (worst); a flow inside is silent for "
          f"{statistics.median(gaps) * 1000:.0f} ms, {max(gaps) * 1000:.0f} ms; "
          f"{n_blocks} blocks over one connection")
    assert statistics.median(gaps) <= limit() and max(gaps) <= 10 * limit()


@pytest.mark.parametrize("times", [5, *(pytest.param(times, marks=pytest.mark.long)
                                        for times in (20, 100))])
def test_a_connection_survives_deaths_and_is_hardly_interrupted(net, conf, times):
    """No descriptor is lost, no zombie is left, and the port stays."""
    check_kills(net, conf, times)


def test_a_crash_loop_backs_off_and_stays_sealed(net):
    """Each is killed as it comes; the pauses double, nothing leaks, and then all is well."""
    with Scene(net) as scene:
        scene.wait(LIVED)
        pauses = []
        for _ in range(6):
            pauses.append(kill_and_wait(scene.run)[1])
        scene.assert_sealed()
        expected = [0.01 * 2 ** i for i in range(6)]
        assert all(pause >= least for pause, least in zip(pauses, expected)), pauses
        assert all(pause < 2 * least + READY_BUSY for pause, least in zip(pauses, expected)), pauses
        scene.wait_until_online()
        assert not zombies(scene.run)
        scene.verdict()


def inside(pid):
    """A socket that sends from behind the tunnel, made by the lab."""
    def make():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect((internet.WEB, 7))
        return sock

    return call_in(f"/proc/{pid}/ns/net", make)


def seen(net, word):
    return {what for what in (s.what for s in net.udp.seen) if what.startswith(word)}


def send_until_seen(net, sock, word, timeout=10):
    deadline = time.monotonic() + timeout
    while not seen(net, word):
        assert time.monotonic() < deadline, f"{word} did not arrive"
        sock.send(word.encode())
        time.sleep(0.02)


def start_sleeper(net, conf):
    run = adit.start(net, conf, "sleep", "300", options=["--wait", "5"])
    pid = run.wait_for_command()
    time.sleep(LIVED)
    return run, pid


# What the datagrams of the next test are in the tunnel: 20 + 8 + 110 bytes, padded, and 32.
WAITING = 110
COUNTER = f"""
table inet waiting {{
	counter sent {{ }}
	chain forward {{
		type filter hook forward priority 0;
		udp dport {provider.PORT} udp length {144 + 32 + 8} counter name sent
	}}
}}
"""


def count_waiting(net):
    """How many of them have left the host: the provider has no room for so many at once."""
    out = net.router.output("nft", "-j", "list", "counter", "inet", "waiting", "sent")
    return json.loads(out)["nftables"][1]["counter"]["packets"]


def test_packets_wait_for_a_successor(net, conf):
    """As many as the device keeps, in their order; none of them twice."""
    net.router.nft(COUNTER)
    run, pid = start_sleeper(net, conf)
    with run, inside(pid) as sock:
        for attempt in range(10):
            old, before = wait_for_data_plane(run), count_waiting(net)
            os.kill(old, signal.SIGKILL)
            for i in range(BACKLOG):
                sock.send(f"waits{attempt}-{i:03d}".ljust(WAITING).encode())
            if data_plane(run) in (None, old):
                break
            time.sleep(LIVED)  # it was quicker than we
        else:
            pytest.skip("the successor always came before the packets")
        wait_for_data_plane(run, old)
        send_until_seen(net, sock, f"last{attempt}")
        arrived = [s.what for s in net.udp.seen if s.what.startswith(f"waits{attempt}-")]
        assert len(arrived) == len(set(arrived)) and arrived == sorted(arrived)
        assert BACKLOG - 10 <= count_waiting(net) - before <= BACKLOG


def test_packets_that_waited_too_long_are_never_sent(net, conf):
    """Nobody knows since when the data plane is dead: the supervisor was stopped too."""
    run, pid = start_sleeper(net, conf)
    with run, inside(pid) as sock:
        old = wait_for_data_plane(run)
        os.kill(run.pid, signal.SIGSTOP)
        os.kill(old, signal.SIGKILL)
        while status(old)["State"][0] != "Z":
            time.sleep(0.001)
        for i in range(100):
            sock.send(f"stale{i}".encode())
        time.sleep(1.3)
        os.kill(run.pid, signal.SIGCONT)
        wait_for_data_plane(run, old)
        send_until_seen(net, sock, "fresh")
        time.sleep(0.3)
        assert not seen(net, "stale")


def test_the_first_handshake_of_the_successor_is_accepted(net, conf):
    """Though the old one died right after its own: refused, the next would come 5 s later."""
    run, pid = start_sleeper(net, conf)
    with run, inside(pid) as sock:
        for i in range(3):
            kill_and_wait(run)
            send_until_seen(net, sock, f"again{i}", 3)


def test_a_namespace_without_its_device_stays_sealed_and_quiet(net):
    """Somebody with root inside removes it: there is no way back, and no way out."""
    with Scene(net) as scene:
        scene.wait(LIVED)
        call_in(f"/proc/{scene.pid}/ns/net", os.system, "ip link del wg0")
        scene.wait(0.5)
        before = cpu_seconds(scene.run.pid)
        scene.wait(1.5)
        assert cpu_seconds(scene.run.pid) - before < 0.3
        scene.assert_sealed()
        assert not zombies(scene.run)
        scene.verdict()
