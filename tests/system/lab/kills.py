"""Kills adit's processes at random times, many times, under one watch."""

import os
import signal
import time
from dataclasses import dataclass, field

from lab import adit
from lab.oracle import Oracle
from lab.traffic import Traffic

AFTERWARDS = 0.25  # seconds that a run is watched after the kill
SPAN = 2  # the kill falls within this many times of a whole start-up, traffic included


@dataclass
class Results:
    runs: int = 0
    with_traffic: int = 0  # the command had begun to send
    attempts: int = 0  # packets and connections that were tried inside
    killed: dict = field(default_factory=dict)  # how many processes adit had: times
    free: list = field(default_factory=list)  # processes found on the host's network
    left: list = field(default_factory=list)  # that had to be ended by the lab
    leaks: list = field(default_factory=list)
    packets: dict = field(default_factory=dict)  # by kind


def _kill_one(run, chance):
    victims = run.adits()
    if not victims:
        return 0
    try:
        os.kill(chance.choice(victims), signal.SIGKILL)
    except ProcessLookupError:
        pass
    return len(victims)


def _is_free(run, pid, net):
    """A command on the host's network; what adit starts there itself has adit's file."""
    try:
        return run.netns_of(pid) == net.host.id() and adit.command_line(pid)[:1] == run.command[:1]
    except OSError:
        return False


def _measure_start_up(net, conf):
    """Seconds from adit's start until its command has offered traffic."""
    traffic = Traffic()
    with adit.start(net, conf, *traffic.command) as run:
        traffic.wait_for("attempts")
        return time.monotonic() - run.started


def _once(net, conf, chance, results, span):
    traffic = Traffic()
    with adit.start(net, conf, *traffic.command, options=["--wait", "5"]) as run:
        time.sleep(chance.uniform(0, span))
        number = _kill_one(run, chance)
        time.sleep(AFTERWARDS)
        processes = run.processes()
        results.free += [pid for pid in processes if _is_free(run, pid, net)]
        if run.process.poll() is not None:
            results.left += [pid for pid in processes if adit.is_alive(pid)]
    results.runs += 1
    results.killed[number] = results.killed.get(number, 0) + 1
    attempts = sum(traffic.counts()["attempts"].values())
    results.attempts += attempts
    results.with_traffic += attempts > 0


def kill_at_random_times(net, times, chance, on_progress=lambda results: None):
    """A verdict like Oracle.finish's, over all runs: raises when it would mean nothing."""
    results = Results()
    conf = net.provider.write_conf()
    oracle = Oracle(net)
    started = time.monotonic()
    span = SPAN * _measure_start_up(net, conf)
    for _ in range(times):
        _once(net, conf, chance, results, span)
        on_progress(results)
    results.leaks = [str(packet) for packet in oracle.leaks()]
    results.packets = {str(kind): n for kind, n in oracle.kinds().items()}
    if not results.leaks:
        oracle.finish(started=started, wireguard=times)
    oracle.stop()
    return results
