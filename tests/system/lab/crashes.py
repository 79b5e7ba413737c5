"""A command of a lasting namespace, killed at a system call, or with that call failing.

    campaign = Campaign(net, chance)
    for point in campaign.points(): campaign.try_point(point)
    campaign.judge()

What is offered inside meanwhile must not leave; afterwards `up` or `down` must end as
if nothing had been, and after a `down` the host is what it was.  Which calls, and
which faults differ from one another: lab/calls.py.
"""

import os
import signal
import socket
import subprocess
import threading
import time
import zlib
from collections import Counter, namedtuple
from dataclasses import dataclass, field
from pathlib import Path

from lab import UID, adit, calls, internet, named, netns, provider
from lab.oracle import Oracle

NAME = "crash"
SHOWN = 20  # packets that leaked
WINDOW = 100  # points between two verdicts of the oracle
PATIENCE = 10  # seconds for a tunnel, on a busy machine
CATCH = 60  # seconds for the oracle's canaries, on such a one
UP_BEFORE = {"seal": False, "up": False, "reload": True, "restart": True, "down": True}
COMMANDS = tuple(UP_BEFORE)
ENDS = {"192.168.10.10", "fd00:10::10", "192.168.10.11", "fd00:10::11",
        "192.168.10.20", "fd00:10::20", "192.168.10.21", "fd00:10::21"}
HOST_FACTS = ("ip -o link", "ip -o address", "ip route show table all",
              "ip -6 route show table all", "ip rule", "ip -6 rule", "nft list ruleset")
ANOTHER_PEER = "jJ9VGX1XqVQ1c0Ttp6PvbQMpLYTSvCoVYt0LZx0mLmM="


@dataclass
class Kind:
    """A namespace to try it on: what [Lan] its file has, and what a reload makes of it."""

    lan: str
    lan_after: str
    uid: int = 0
    path: str = ""  # made by others, with nobody inside

    def _rest(self, lan):
        namespace = f"\n[Namespace]\nPath = {self.path}\n" if self.path else ""
        return f"{namespace}\n[Lan]\n{lan}\n"

    def text(self, net):
        return net.provider.conf() + self._rest(self.lan)

    def text_after(self, net):
        """With another peer, address, DNS server and MTU, and other forwards."""
        peer = ("\n[Peer]\nPublicKey = " + ANOTHER_PEER + "\nAllowedIPs = 10.77.0.0/16\n"
                f"Endpoint = {provider.OTHER}:{provider.PORT}\n")
        changed = net.provider.conf(
            dns=f"{provider.INNER}, {provider.INNER6}", interface="MTU = 1380", peer=peer,
            address=f"{provider.CLIENT}/32, {provider.CLIENT6}/128, 10.66.7.7/32")
        return changed + self._rest(self.lan_after)

    def make(self):
        """As it is before anything is done."""
        if self.path:
            name = os.path.basename(self.path)
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
            subprocess.run(["ip", "netns", "add", name], check=True)


KINDS = {
    "veth": Kind("HostAddress = 192.168.10.10, fd00:10::10\n"
                 "NamespaceAddress = 192.168.10.11, fd00:10::11\nForward = tcp:2222->22",
                 "HostAddress = 192.168.10.20, fd00:10::20\n"
                 "NamespaceAddress = 192.168.10.21, fd00:10::21\n"
                 "Forward = tcp:2223->22, udp:5353->53"),
    "relay": Kind("Forward = tcp:8080->80, lo/tcp:8081->81",
                  "Forward = tcp:8080->82, udp:5353->53"),
    "path": Kind("Forward = tcp:8080->80", "Forward = tcp:8082->80", path="/run/netns/others"),
    "user": Kind("Forward = tcp:8080->80", "Forward = tcp:8082->80, lo/udp:5353->53", UID),
}

Fault = namedtuple("Fault", "kind command point")


@dataclass
class Results:
    there_are: Counter = field(default_factory=Counter)  # by rank
    done: Counter = field(default_factory=Counter)  # by rank
    tried: Counter = field(default_factory=Counter)  # by kind, command and sort of fault
    hit: Counter = field(default_factory=Counter)  # those whose call was made
    offered: int = 0  # packets that were handed to the kernel inside
    leaked: int = 0
    leaks: list = field(default_factory=list)  # the first of them
    packets: Counter = field(default_factory=Counter)  # by kind
    problems: list = field(default_factory=list)
    passing: list = field(default_factory=list)  # problems that a second try did not have


class Offer:
    """A thread that lives in the namespace as soon as there is one, and sends."""

    # not the host and its LAN by IPv6: the provider's network leads back to them
    targets = [(socket.AF_INET, internet.WEB), (socket.AF_INET, internet.LAN),
               (socket.AF_INET, internet.DNS), (socket.AF_INET, internet.HOST),
               (socket.AF_INET6, internet.WEB6), (socket.AF_INET6, internet.DNS6)]

    def __init__(self, place):
        self.sent = 0
        self._place = place
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _enter(self):
        while not self._stop.is_set():
            try:
                if self._place.uid or self._place.is_pinned():
                    netns.setns(str(self._place.pin))
                    return True
            except OSError:
                pass  # it is not there yet, or has just gone
            time.sleep(0.002)
        return False

    def _work(self):
        if not self._enter():
            return
        socks = [(socket.socket(family, kind | socket.SOCK_NONBLOCK), (address, 9))
                 for family, address in self.targets
                 for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        while not self._stop.is_set():
            for sock, address in socks:
                try:
                    sock.connect(address)
                    sock.send(b"offered")
                except OSError:
                    pass  # dropped, or no way there
                self.sent += 1
            time.sleep(0.005)
        for sock, _ in socks:
            sock.close()

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.sent


def _sysctls():
    """The host's, but for counters and what changes of itself."""
    found = {}
    for top in ("ipv4", "ipv6"):
        for folder, _, files in os.walk(f"/proc/sys/net/{top}"):
            for file in files:
                try:
                    with open(f"{folder}/{file}", encoding="latin-1") as f:
                        found[f"{folder}/{file}"] = f.read()
                except OSError:
                    continue  # write-only
    return found


def _restore(before):
    for path, value in _sysctls().items():
        if before.get(path, value) != value:
            Path(path).write_text(before[path])


class Trial:
    """One place on one internet, for many faults of its commands."""

    def __init__(self, net, kind):
        self.net = net
        self.kind = KINDS[kind]
        self.place = named.Place(net, NAME, self.kind.uid)
        self.offered = 0
        self._tracer = calls.Tracer(net.host, self.kind.uid)
        self._before = None
        net.host_addresses |= ENDS  # the link's neighbours
        net.provider.addresses.add(provider.OTHER)  # another peer, after a reload
        self.kind.make()
        self._write()
        self.place.up()
        self.place.down()
        self._before = self._host()

    def _write(self, is_after=False):
        self.place.write(self.kind.text_after(self.net) if is_after else self.kind.text(self.net))

    # ---- the host

    def _host(self):
        """All of the host that a namespace could have changed."""
        text = self.net.host.output("sh", "-c", "; echo =====; ".join(HOST_FACTS))
        facts = dict(zip(HOST_FACTS, text.split("=====\n"), strict=True))
        facts["sysctls"] = self.net.host.call(_sysctls)
        if self.kind.path:
            others = netns.Netns(os.path.basename(self.kind.path))
            facts["others"] = others.output("sh", "-c", "; ".join(HOST_FACTS[1:]))
            facts["others' sysctls"] = others.call(_sysctls)
        facts["pins"] = sorted(os.listdir(named.PINS))
        facts["state"] = _state(self.place)
        facts["mounts"] = sorted(line.split()[4] for line in open("/proc/self/mountinfo"))
        return facts

    def _difference(self):
        now = self._host()
        wrong = [name for name, before in self._before.items() if now[name] != before]
        return {name: _changes(self._before[name], now[name]) for name in wrong}

    def force_clean(self):
        for pid in adits():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        named.wait_until(lambda: not adits(), 3)
        if not self.kind.uid:
            subprocess.run(["umount", "-l", self.place.pin], check=False, capture_output=True)
            self.place.pin.unlink(missing_ok=True)
        left = set(_state(self.place)) - set(self._before["state"])
        subprocess.run(["rm", "-rf", *left], check=True)
        self.net.host.run("ip", "link", "delete", f"ve-{NAME}", check=False)
        self.net.host.nft("flush ruleset")
        self.kind.make()
        self.net.host.call(_restore, self._before["sysctls"])

    # ---- commands

    def _prepare(self, command):
        """(the command, adit's processes that it meets)"""
        if UP_BEFORE[command]:
            self.place.up()
            self.place.wait(PATIENCE)
        if command == "reload":
            self._write(is_after=True)
        return [adit.binary(), command, NAME], adits()

    def list(self, command):
        try:
            found = self._tracer.list(*self._prepare(command))
        finally:
            self._write()
        self.place.down()
        named.wait_until(lambda: not adits(), 5)
        return found

    def try_fault(self, command, point, then):
        """then: "up" or "down", which must end well; a `down` comes last.  (hit, problems)"""
        argv, pids = self._prepare(command)
        offer = Offer(self.place)
        status, is_hit = self._tracer.run(argv, pids, point)
        problems = ["it hung"] if status is None else []
        problems += self._next("up") if then == "up" else []
        self.offered += offer.stop()
        problems += self._next("down")
        self._write()
        if problems:
            self.force_clean()
        return is_hit, [f"status {status}, then {then}", *problems] if problems else []

    def close(self):
        self.place.file.unlink(missing_ok=True)

    def _next(self, words):
        try:
            status, _, err = self.place.call(words, NAME, check=False)
        except subprocess.TimeoutExpired:
            return [f"the next {words} hung"]
        if status:
            return [f"the next {words}: {err.strip()}; its log: {self.place.log()[-300:]}"]
        if words == "up":
            done = self.place.wait(PATIENCE, check=False)
            return [] if done[0] == 0 else [f"no tunnel after the next up: {done[2].strip()}"]
        if not named.wait_until(lambda: not adits(), 3):
            return [f"after down there still runs {adits()}"]
        difference = self._difference()
        return [f"after down the host differs: {difference}"] if difference else []


def adits():
    """The processes of adit, the oldest first."""
    mine = os.stat(adit.binary())
    pids = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
            if adit.is_alive(pid) and adit.runs(pid, mine)]
    return sorted(pids, key=lambda pid: (_started(pid), pid))


def _state(place):
    folders = [Path("/run/adit"), named.STATE, place.folder.parent]
    return sorted(str(path) for folder in folders if folder.exists() for path in folder.iterdir())


def _started(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0


def _changes(before, now):
    if isinstance(now, str):
        before, now = before.splitlines(), now.splitlines()
    if isinstance(now, dict):
        before, now = ([f"{name} = {value.strip()}" for name, value in facts.items()]
                       for facts in (before, now))
    return [f"-{one}" for one in before if one not in now] + \
        [f"+{one}" for one in now if one not in before]


class Campaign:
    """Faults of several kinds of namespaces and commands, under one watch."""

    def __init__(self, net, chance, kinds=tuple(KINDS), commands=COMMANDS):
        self.net = net
        self.results = Results()
        self._chance = chance
        self._trials = {kind: Trial(net, kind) for kind in kinds}
        self._pairs = [(kind, command) for kind in kinds for command in commands]
        self._again = []
        self._watch()

    def _watch(self):
        self._oracle = Oracle(self.net)
        self._oracle.catch = CATCH
        self._began = time.monotonic()

    def points(self):
        """All of them, in an order of their own; those that differ most from one another first."""
        found = [Fault(kind, command, point) for kind, command in self._pairs
                 for point in calls.points(self._trials[kind].list(command))]
        found.sort(key=lambda fault: (fault.point.rank, zlib.crc32(repr(fault).encode())))
        return found

    def count(self, faults):
        self.results.there_are = Counter(fault.point.rank for fault in faults)

    def try_point(self, fault):
        then = self._chance.choice(("up", "down"))
        is_hit, problems = self._trials[fault.kind].try_fault(fault.command, fault.point, then)
        sort = "killed" if fault.point.fault == calls.KILL else "failed"
        key = f"{fault.kind} {fault.command} {sort}"
        self.results.tried[key] += 1
        self.results.hit[key] += is_hit
        self.results.done[fault.point.rank] += 1
        if problems:
            self._again.append((fault, then, problems))
        if sum(self.results.tried.values()) % WINDOW == 0:
            self.judge()

    def _try_again(self):
        """What a busy machine was the reason of does not come again."""
        for fault, then, problems in self._again:
            trial = self._trials[fault.kind]
            text = f"{fault.kind} {fault.command}, {' '.join(map(str, fault.point[1:]))}: "
            once_more = trial.try_fault(fault.command, fault.point, then)[1]
            where = self.results.problems if once_more else self.results.passing
            where.append(text + "; ".join(problems))
        self._again = []

    def judge(self):
        """What was offered since the last time, and what of it leaked."""
        self._try_again()
        leaks = self._oracle.leaks()
        self.results.leaked += len(leaks)
        self.results.leaks += map(str, leaks[:SHOWN - len(self.results.leaks)])
        self.results.packets += Counter({str(kind): n for kind, n in self._oracle.kinds().items()})
        self.results.offered = sum(trial.offered for trial in self._trials.values())
        if not leaks:
            self._oracle.finish(started=self._began)
        self._oracle.stop()
        self._watch()

    def close(self):
        self._oracle.stop()
        for trial in self._trials.values():
            trial.close()
