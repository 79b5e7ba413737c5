"""A command of a lasting namespace, killed at a system call, or with that call failing.

    for point in crashes.points(trial, "up"):
        trial.try_point("up", point)

Every process of adit that the command starts, and the supervisor that it asks, is
under strace, which counts calls for each process of its own: the process that comes
to its Nth call of a name is killed there, or is told that the call has failed.
What is offered inside meanwhile must not leave; afterwards `up` or `down` must end as
if nothing had been, and after a `down` the host is what it was.
"""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter, namedtuple
from dataclasses import dataclass, field
from pathlib import Path

from lab import adit, internet, named, netns
from lab.oracle import Oracle

NAME = "crash"
SHOWN = 20  # packets that leaked
ATTEMPTS = 3
LINGER = 0.02  # seconds that a fault stays after the command has ended
TIMEOUT = 25  # seconds for a command under strace, on a busy machine
COMMANDS = {  # what is tried: (it is up before, the words)
    "seal": (False, ["seal", NAME]),
    "up": (False, ["up", NAME]),
    "reload": (True, ["reload", NAME]),
    "down": (True, ["down", NAME]),
}
ENDS = {"192.168.10.10", "fd00:10::10", "192.168.10.11", "fd00:10::11"}
LAN = """
[Lan]
HostAddress = 192.168.10.10, fd00:10::10
NamespaceAddress = 192.168.10.11, fd00:10::11
Forward = tcp:2222->22
"""
ERRORS = {  # errno(7), as each page of section 2 has them
    "openat": ("EMFILE", "ENOSPC", "EROFS"), "socket": ("EMFILE", "ENOBUFS"),
    "socketpair": ("EMFILE",), "pipe2": ("EMFILE",), "dup2": ("EMFILE",),
    "read": ("EIO",), "write": ("ENOSPC", "EIO"), "pwrite64": ("ENOSPC",),
    "ftruncate": ("EIO",), "mkdir": ("ENOSPC", "EROFS"), "unlink": ("EROFS", "EIO"),
    "rename": ("ENOSPC", "EROFS"), "rmdir": ("EROFS",), "chmod": ("EROFS",),
    "fchmod": ("EIO",), "bind": ("ENOSPC",), "connect": ("ECONNREFUSED",),
    "mount": ("ENOMEM", "EPERM"), "umount2": ("EBUSY", "EPERM"), "fork": ("EAGAIN",),
    "clone": ("EAGAIN", "ENOSPC"), "clone3": ("EAGAIN",), "setns": ("ENOMEM", "EPERM"),
    "fcntl": ("ENOLCK",), "ioctl": ("EPERM", "ENOMEM"), "sendto": ("ENOBUFS", "EINTR"),
    "sendmsg": ("ENOBUFS",), "recvmsg": ("ENOMEM", "ENOBUFS"), "recvfrom": ("ENOMEM",),
    "poll": ("EINTR", "ENOMEM"), "wait4": ("EINTR",), "close": ("EIO",),
    "newfstatat": ("ENOMEM", "EACCES"), "fstat": ("ENOMEM",), "statfs": ("ENOMEM",),
}
ERRORS |= dict.fromkeys(("geteuid", "getegid", "getuid", "getpid", "gettid", "getppid", "umask",
                         "setsid", "brk"), ())  # these are always successful
OTHERS = ("ENOMEM", "EPERM")
# never return, or are the program's own loading; and their waits end by signals only
SKIPPED = {"exit_group", "exit", "rt_sigreturn", "execve", "restart_syscall"}

Point = namedtuple("Point", "call when fault")  # fault: "KILL", or an error's name


@dataclass
class Results:
    tried: Counter = field(default_factory=Counter)  # by command and kind of fault
    hit: Counter = field(default_factory=Counter)  # those whose call was made
    offered: int = 0  # packets that were handed to the kernel inside
    leaked: int = 0
    leaks: list = field(default_factory=list)  # the first of them
    packets: Counter = field(default_factory=Counter)  # by kind
    problems: list = field(default_factory=list)


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
                if self._place.is_pinned():
                    netns.setns(str(self._place.pin))
                    return True
            except OSError:
                pass  # it has just gone
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
    """One place on one internet, for many points."""

    def __init__(self, net):
        self.net = net
        self.results = Results()
        self.place = named.Place(net, NAME)
        self.place.write(net.provider.conf() + LAN)
        net.host_addresses |= ENDS  # the link's neighbours
        self._trace = Path(f"/tmp/{NAME}.trace")
        self._before = None
        self.place.up()
        self.place.down()
        self._before = self._host()

    # ---- the host

    def _host(self):
        """All of the host that a namespace could have changed."""
        run = self.net.host.output
        facts = {words: run(*words.split()) for words in (
            "ip -o link", "ip -o address", "ip route show table all", "ip -6 route show table all",
            "ip rule", "ip -6 rule", "nft list ruleset")}
        facts["sysctls"] = self.net.host.call(_sysctls)
        facts["pins"] = sorted(os.listdir(named.PINS))
        folders = [Path("/run/adit"), named.STATE]
        facts["state"] = sorted(str(path) for folder in folders if folder.exists()
                                for path in folder.iterdir())
        facts["mounts"] = sorted(line.split()[4] for line in open("/proc/self/mountinfo"))
        return facts

    def _adits(self):
        mine = os.stat(adit.binary())
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if adit.is_alive(pid) and _is_of(pid, mine)]

    def _difference(self):
        now = self._host()
        wrong = [name for name, before in self._before.items() if now[name] != before]
        return {name: _changes(self._before[name], now[name]) for name in wrong}

    def _force_clean(self):
        for pid in self._adits():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        named.wait_until(lambda: not self._adits(), 3)
        subprocess.run(["umount", "-l", self.place.pin], check=False, capture_output=True)
        self.place.pin.unlink(missing_ok=True)
        subprocess.run(["rm", "-rf", "/run/adit"], check=True)
        self.net.host.run("ip", "link", "delete", f"ve-{NAME}", check=False)
        self.net.host.nft("flush ruleset")
        self.net.host.call(_restore, self._before["sysctls"])

    # ---- commands

    def _strace(self, options):
        self._trace.unlink(missing_ok=True)
        return ["strace", "-f", "-qq", "-a", "1", "-o", str(self._trace), *options]

    def _attach(self, options):
        """To the supervisor and the others that are there; None: there is none.

        strace gives up when one of them ends meanwhile: then once more.
        """
        for _ in range(ATTEMPTS):
            pids = self._adits()
            if not pids:
                return None
            tracer = self._attach_to(pids, options)
            if tracer:
                return tracer
        raise AssertionError("strace does not attach")

    def _attach_to(self, pids, options):
        argv = self._strace(options) + [word for pid in pids for word in ("-p", str(pid))]
        tracer = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        named.wait_until(lambda: tracer.poll() is not None or all(map(_tracer_of, pids)), 5)
        if all(map(_tracer_of, pids)):
            return tracer
        tracer.terminate()
        tracer.wait()
        return None

    def _call(self, words, options):
        """The status; None: it hung."""
        tracer = self._attach(options)
        output = self._trace.with_suffix(".own") if tracer else self._trace
        argv = [*self._strace(options), "-D"] if not tracer else \
            ["strace", "-D", "-f", "-qq", "-a", "1", "-o", str(output), *options]
        process = self.net.host.popen(*argv, adit.binary(), *words, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      env=adit.environment(0))
        try:
            return process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
        finally:
            self._let_go()
            if tracer:
                tracer.wait()

    def _let_go(self):
        """What was started while the command ran is not under strace for ever."""
        time.sleep(LINGER)
        tracers = {_tracer_of(pid) for pid in self._adits()} - {0}
        for pid in tracers:
            try:
                os.kill(pid, signal.SIGINT)
            except ProcessLookupError:
                pass
        named.wait_until(lambda: not any(map(_tracer_of, self._adits())), 3)

    def _trace_text(self):
        files = (self._trace, self._trace.with_suffix(".own"))
        text = "".join(file.read_text(errors="replace") for file in files if file.exists())
        for file in files:
            file.unlink(missing_ok=True)
        return text

    def _prepare(self, command):
        is_up, words = COMMANDS[command]
        if is_up:
            self.place.up()
            self.place.wait()
        return words

    def calls(self, command):
        """{call: how often a process makes it at most}, of the good case."""
        words = self._prepare(command)
        assert self._call(words, []) == 0
        self.place.down()
        named.wait_until(lambda: not self._adits(), 5)
        counts = Counter(re.findall(r"^(\d+) +([a-z_0-9]+)\(", self._trace_text(), re.M))
        most = {}
        for (_, call), number in counts.items():
            most[call] = max(most.get(call, 0), number)
        return {call: number for call, number in sorted(most.items()) if call not in SKIPPED}

    # ---- one point

    def try_point(self, command, point, then="down"):
        """then: "up" or "down", which must end well afterwards; a `down` comes last."""
        words = self._prepare(command)
        offer = Offer(self.place)
        fault = "signal=KILL" if point.fault == "KILL" else f"error={point.fault}"
        inject = f"inject={point.call}:{fault}:when={point.when}"
        status = self._call(words, ["-e", f"trace={point.call}", "-e", inject])
        text = self._trace_text()
        kind = f"{command} {'killed' if point.fault == 'KILL' else 'failed'}"
        self.results.tried[kind] += 1
        self.results.hit[kind] += "INJECTED" in text or "killed by SIGKILL" in text
        problems = ["it hung"] if status is None else []
        problems += self._next("up") if then == "up" else []
        self.results.offered += offer.stop()
        problems += self._next("down")
        if problems:
            self._force_clean()
            self.results.problems.append(f"{command}, {' '.join(map(str, point))}: "
                                         f"status {status}, {'; '.join(problems)}")
        return problems

    def _next(self, words):
        try:
            status, _, err = self.place.call(words, NAME, check=False)
        except subprocess.TimeoutExpired:
            return [f"the next {words} hung"]
        if status:
            return [f"the next {words}: {err.strip()}"]
        if words == "up":
            done = self.place.wait(5, check=False)
            return [] if done[0] == 0 else [f"no tunnel after the next up: {done[2].strip()}"]
        if not named.wait_until(lambda: not self._adits(), 3):
            return [f"after down there still runs {self._adits()}"]
        difference = self._difference()
        return [f"after down the host differs: {difference}"] if difference else []


def _changes(before, now):
    if isinstance(now, str):
        before, now = before.splitlines(), now.splitlines()
    if isinstance(now, dict):
        before, now = ([f"{name} = {value.strip()}" for name, value in facts.items()]
                       for facts in (before, now))
    return [f"-{one}" for one in before if one not in now] + \
        [f"+{one}" for one in now if one not in before]


def _is_of(pid, mine):
    try:
        exe = os.stat(f"/proc/{pid}/exe")
    except OSError:
        return False
    return (exe.st_dev, exe.st_ino) == (mine.st_dev, mine.st_ino)


def _tracer_of(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(re.search(r"^TracerPid:\t(\d+)", status, re.M).group(1))


def points(trial, command):
    """All of them: each call in turn, with a kill and each of its errors."""
    return [Point(call, when, fault) for call, number in trial.calls(command).items()
            for when in range(1, number + 1)
            for fault in ("KILL", *ERRORS.get(call, OTHERS))]


def campaign(net, commands, chance, number=None, on_progress=lambda results: None):
    """All points of the commands, or `number` of each by chance, under one watch."""
    oracle = Oracle(net)
    started = time.monotonic()
    trial = Trial(net)
    results = trial.results
    for command in commands:
        chosen = points(trial, command)
        if number and number < len(chosen):
            chosen = chance.sample(chosen, number)
        for point in chosen:
            trial.try_point(command, point, chance.choice(("up", "down")))
            on_progress(results)
    leaks = oracle.leaks()
    results.leaked = len(leaks)
    results.leaks = list(map(str, leaks[:SHOWN]))
    results.packets = {str(kind): n for kind, n in oracle.kinds().items()}
    if not results.leaks:
        oracle.finish(started=started)
    oracle.stop()
    trial.place.file.unlink()
    return results
