"""What is measured of two WireGuard programs at the two ends of a cable."""

import json
import statistics
import subprocess
import time
from pathlib import Path

from lab import dataplane

SMALL_PACKET = 64  # bytes, IP header included
SMALL_RATE = 50_000  # packets a second: one that every program keeps up with
PING_INTERVAL = 0.002
IDLE_AFTER = 17  # seconds: every timer of the last data has run out (whitepaper 6.5)


class Failed(RuntimeError):
    pass


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


nice = 0  # of the groups that the scheduler makes of sessions (sched(7), autogroup)


def set_nice(pid):
    if nice:
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))


class Tunnel:
    """Both programs, running, with a session."""

    def __init__(self, program):
        self.cable = dataplane.Cable()
        self.server = None
        try:
            self.cable.start(program, program)
            if not dataplane.wait_until(lambda: self.cable.ping(count=1) == 0):
                raise Failed("no handshake")
            for pid in self.pids():
                set_nice(pid)
            self.server = self.cable.right.inner.popen("iperf3", "-s", stdout=subprocess.DEVNULL)
            time.sleep(0.3)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.server:
            self.server.kill()
            self.server.wait()
        self.cable.close()

    def pids(self):
        return [program.pid for program in self.cable.programs.values()]

    def cpu(self):
        """Seconds that both programs have used."""
        return sum(map(dataplane.cpu_seconds, self.pids()))

    def pss(self):
        """MiB of the larger one."""
        return max(map(dataplane.pss_kib, self.pids())) / 1024

    # ---- flows ----

    def _iperf(self, *args):
        return ["iperf3", "-J", "-c", self.cable.right.inside(), "-O", 1, *args]

    def _try_flows(self, args, seconds):
        for _ in range(5):
            out = self.cable.left.inner.run(*self._iperf(*args, "-t", seconds),
                                            timeout=seconds + 20, check=False).stdout
            report = json.loads(out)
            if "error" not in report:
                return report["end"]["sum_received"]
            time.sleep(1)  # the server has not noticed the end of the run before
        raise Failed(f"iperf3: {report['error']}")

    def flows(self, args, seconds):
        """(Gbit/s, processor seconds of both programs a gigabyte)."""
        before = self.cpu()
        received = self._try_flows(args, seconds)
        # the first second is left out of the rate, but not of the processor time
        n_bytes = received["bytes"] * (seconds + 1) / seconds
        return received["bits_per_second"] / 1e9, (self.cpu() - before) / (n_bytes / 1e9)

    # ---- latency ----

    def pings(self, seconds, interval=PING_INTERVAL):
        """Round trips in ms."""
        out = self.cable.left.inner.run("ping", "-c", int(seconds / interval), "-i", interval, "-W",
                                        "1", self.cable.right.inside(), check=False).stdout
        times = [float(line.split("time=")[1].split()[0])
                 for line in out.splitlines() if "time=" in line]
        if not times:
            raise Failed("no ping was answered")
        return times

    def loaded_pings(self, seconds):
        """Beside one TCP flow in the same direction, once that is at its speed."""
        flow = self.cable.left.inner.popen(*self._iperf("-t", seconds + 1),
                                           stdout=subprocess.DEVNULL)
        try:
            time.sleep(1)
            return self.pings(seconds, 0.005)
        finally:
            flow.wait(seconds + 20)

    # ---- small packets ----

    def flood(self, program, seconds, rate=0):
        before = self.cpu()
        result = flood(program, self.cable.left.inner, self.cable.right.inner,
                       self.cable.right.inside(), seconds, rate)
        result["cpu"] = self.cpu() - before
        if result["received"] == 0:
            raise Failed("no small packet arrived")
        return result

    # ---- idle ----

    def wake_ups(self, seconds):
        """A second, both programs, when nothing is sent and every timer has run out."""
        time.sleep(IDLE_AFTER)
        before = sum(map(dataplane.wake_ups, self.pids()))
        time.sleep(seconds)
        return (sum(map(dataplane.wake_ups, self.pids())) - before) / seconds


def flood(program, sender, receiver, address, seconds, rate=0):
    """udp_flood's numbers, and packets a second as they arrived."""
    out = subprocess.run([program, sender.path, receiver.path, address, str(SMALL_PACKET),
                          str(seconds), str(rate)],
                         capture_output=True, text=True, check=True, timeout=seconds + 20).stdout
    result = {key: float(value) for key, value in (word.split("=") for word in out.split())}
    result["per_second"] = result["received"] / max(result["arrived_in"], 1e-3)
    return result


def plain_flood(program, seconds):
    """Packets a second over the cable alone: what the generator can do."""
    cable = dataplane.Cable()
    try:
        return flood(program, cable.left.outer, cable.right.outer, cable.right.address(),
                     seconds)["per_second"]
    finally:
        cable.close()


FLOWS = {
    "1 flow": ["-P", 1],
    "1 flow, back": ["-P", 1, "-R"],
    "8 flows": ["-P", 8],
    "8 flows, back": ["-P", 8, "-R"],
}


def measure_all(program, seconds, flood_program):
    """One round: {name: value}, in the units that data_plane.py names."""
    result = {}
    with Tunnel(program) as tunnel:
        result["memory, idle"] = tunnel.pss()
        idle = tunnel.pings(min(seconds, 2))
        result["ping p50"], result["ping p99"] = percentile(idle, 50), percentile(idle, 99)
        a_gigabyte = []
        for name, args in FLOWS.items():
            result[name], cpu = tunnel.flows(args, seconds)
            a_gigabyte.append(cpu)
        result["processor"] = statistics.mean(a_gigabyte)
        loaded = tunnel.loaded_pings(min(seconds, 3))
        result["loaded p50"], result["loaded p99"] = percentile(loaded, 50), percentile(loaded, 99)
        small = tunnel.flood(flood_program, min(seconds, 2))
        result["small packets"] = small["per_second"] / 1e3
        result["small, processor"] = small["cpu"] / small["received"] * 1e6
        paced = tunnel.flood(flood_program, min(seconds, 2), SMALL_RATE)
        result["paced, processor"] = paced["cpu"] / paced["received"] * 1e6
        result["memory, loaded"] = tunnel.pss()
    return result
