"""What the data plane takes of the machine: memory, and the processor's sleep."""

import subprocess
import time
from pathlib import Path

from lab import dataplane
from lab.dataplane import Adit

IDLE_MIB, LOADED_MIB = 6, 16
QUIET_AFTER = 17  # seconds: every timer of the last data has run out (whitepaper 6.5)
LOOKED_AT = 4


def processes(pid):
    """A process and all that descend from it."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(each for listing in children for child in listing.read_text().split()
                   for each in processes(int(child)))]


def pss_mib(pid):
    return sum(map(dataplane.pss_kib, processes(pid))) / 1024


def wake_ups(pid):
    return sum(map(dataplane.wake_ups, processes(pid)))


def test_an_idle_tunnel_holds_little_memory(make_cable):
    cable = make_cable(Adit, Adit)
    assert pss_mib(cable.programs["left"].pid) <= IDLE_MIB


def test_a_tunnel_under_load_holds_little_memory(make_cable):
    """Eight flows each way at once, looked at while they run and after."""
    cable = make_cable(Adit, Adit)
    pids = [program.pid for program in cable.programs.values()]
    seen = []
    with cable.right.inner.popen("iperf3", "-s", "-1", stdout=subprocess.DEVNULL) as server:
        time.sleep(0.5)
        with cable.left.inner.popen("iperf3", "-c", cable.right.inside(), "-P", 8, "--bidir", "-t",
                                    3, stdout=subprocess.DEVNULL) as client:
            while client.poll() is None:
                seen.append(max(map(pss_mib, pids)))
                time.sleep(0.2)
        server.kill()
    seen.append(max(map(pss_mib, pids)))
    assert client.returncode == 0 and len(seen) > 5
    assert cable.programs["left"].stats()["tx"] > 10 << 20
    assert max(seen) <= LOADED_MIB


def test_nothing_wakes_an_idle_tunnel(make_cable):
    """Neither end, so neither the side that began nor the one that answered."""
    cable = make_cable(Adit, Adit)
    pids = [program.pid for program in cable.programs.values()]
    time.sleep(QUIET_AFTER)
    before = list(map(wake_ups, pids))
    time.sleep(LOOKED_AT)
    assert list(map(wake_ups, pids)) == before


def test_a_keepalive_wakes_it_and_nothing_else(make_cable):
    """That wake-ups are seen: one end sends each second, the other hears it."""
    cable = make_cable(Adit, Adit, keepalive=1)
    pids = [program.pid for program in cable.programs.values()]
    time.sleep(2)
    before = list(map(wake_ups, pids))
    time.sleep(LOOKED_AT)
    woken = [after - earlier for after, earlier in zip(map(wake_ups, pids), before)]
    assert all(LOOKED_AT - 1 <= n <= 4 * LOOKED_AT for n in woken), woken
