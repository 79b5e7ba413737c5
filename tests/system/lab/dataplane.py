"""Two WireGuard programs over one cable, for tests and benchmarks of the data plane alone.

    left-in  [wg0] == left ──eth0── cable ──eth0── right == [wg0]  right-in

The clear side of each has a namespace of its own, as adit makes it.  A side is
adit's data plane (the helper dataplane_peer, which calls tunnel/tunnel.h) or
any wireguard-go.
"""

import functools
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from lab import netns
from lab.provider import Key, wait_for_uapi
from lab.sandbox import REPO

PORT = 51820
CACHE = REPO / ".cache" / "wireguard-go"


def helper():
    build = Path(os.environ.get("ADIT_BINARY", REPO / "build" / "adit")).parent
    return str(build / "tests/system/helpers/dataplane_peer")


def newest_wireguard_go():
    """Where bench/get-wireguard-go.sh put it; None: it was not fetched."""
    path = CACHE / "wireguard-go"
    return str(path) if os.access(path, os.X_OK) else None


def packaged_wireguard_go():
    return shutil.which("wireguard-go")


@dataclass
class Side:
    """One end of the cable.  `n`: 1 or 2, the last part of its addresses."""

    name: str
    n: int
    outer: netns.Netns = None
    inner: netns.Netns = None
    key: Key = field(default_factory=Key)

    def address(self, family=4):
        return f"10.80.0.{self.n}" if family == 4 else f"fd80::{self.n}"

    def inside(self, family=4):
        return f"10.81.0.{self.n}" if family == 4 else f"fd81::{self.n}"

    def endpoint(self, family):
        return f"10.80.0.{self.n}:{PORT}" if family == 4 else f"[fd80::{self.n}]:{PORT}"


@dataclass
class Settings:
    mtu: int = 1420
    outer_mtu: int = 1500
    family: int = 4  # of the outer addresses
    preshared: str = ""
    keepalive: int = 0


class Adit:
    """adit's data plane."""

    program = None  # another than helper()
    environment = {}

    def __init__(self, side, other, settings, starts=True, uid=None, env=None, wrapper=()):
        self.side = side
        argv = [*wrapper, self.program or helper(), "wg0", side.inner.path, settings.mtu, *([uid] if uid else [])]
        self.process = side.outer.popen(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=os.environ | self.environment | (env or {}))
        self._say(self._text(other, settings, starts))
        self.pid = int(self._answer("ready"))
        if self.pid > 0:  # what mtu_batch_segments() says
            side.inner.ip(f"link set wg0 gso_max_segs {min(64, 65507 // (settings.mtu + 32))}\n")

    def _text(self, other, settings, starts):
        lines = [f"private_key={_hex(self.side.key.private)}", f"listen_port={PORT}",
                 f"public_key={_hex(other.key.public)}", f"allowed_ip={other.inside(4)}/32",
                 f"allowed_ip={other.inside(6)}/128"]
        if settings.preshared:
            lines.append(f"preshared_key={_hex(settings.preshared)}")
        if starts:
            lines.append(f"endpoint={other.endpoint(settings.family)}")
        if settings.keepalive:
            lines.append(f"persistent_keepalive_interval={settings.keepalive}")
        return "\n".join(lines) + "\n\n"

    def _say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def _answer(self, word):
        line = self.process.stdout.readline().split()
        if not line or line[0] != word:
            raise RuntimeError(f"dataplane_peer: {' '.join(line) or 'has ended'}")
        return " ".join(line[1:])

    def stats(self):
        self._say("stats\n")
        return {name: int(value) for name, value in
                (word.split("=") for word in self._answer("stats").split())}

    def wait(self, seconds=5):
        """For a handshake; whether there was one."""
        self._say(f"wait {seconds}\n")
        return self._answer("handshake") == "1"

    def set_endpoint(self, endpoint):
        self._say(f"endpoint {endpoint}\n")
        self._answer("done")

    def configure(self, other, settings):
        """Another configuration, as of now."""
        self._say("configure\n" + self._text(other, settings, True))
        self._answer("done")

    def reopen(self):
        self._say("reopen\n")
        self.pid = int(self._answer("ready"))

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


class AditKernel(Adit):
    """adit's backend of the kernel's WireGuard, as a named namespace has it; `pid` is -1."""

    environment = {"DATAPLANE_BACKEND": "kernel"}

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stdin.close()

    def close(self):
        if self.process.poll() is None:
            super().close()
        self.side.inner.run("ip", "link", "del", "wg0", check=False)


class Go:
    """wireguard-go, whose device is moved inside, as wireguard.com/netns does.

    In a session of its own, as adit's data plane is: where sessions are groups of
    the scheduler (sched(7), autogroup), neither has more of the processor.
    """

    def __init__(self, program, side, other, settings, starts=True):
        self.link = f"wg{side.n}go"
        self.process = side.outer.popen(program, "-f", self.link, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env=os.environ | {"LOG_LEVEL": "error"},
                                        start_new_session=True)
        wait_for_uapi(self.process, self.link)
        self.pid = self.process.pid
        subprocess.run(["wg", "setconf", self.link, "/dev/stdin"], text=True, check=True,
                       input=wg_conf(side, other, settings, starts))
        side.outer.ip(f"link set {self.link} netns {side.inner.name}\n")
        side.inner.ip(f"link set {self.link} name wg0\n")

    def close(self):
        self.process.kill()
        self.process.wait()
        Path(f"/run/wireguard/{self.link}.sock").unlink(missing_ok=True)


class KernelLink:
    """The kernel's WireGuard by ip(8) and wg(8), moved inside as wireguard.com/netns does."""

    def __init__(self, side, other, settings, starts=True):
        self.side = side
        side.outer.ip("link add wg0 type wireguard\n")
        side.outer.run("wg", "setconf", "wg0", "/dev/stdin",
                       input=wg_conf(side, other, settings, starts))
        side.outer.ip(f"link set wg0 netns {side.inner.name}\n")

    def show(self, what):
        """What wg(8) says of the one peer."""
        return self.side.inner.output("wg", "show", "wg0", what).split()[1:]

    def close(self):
        self.side.inner.run("ip", "link", "del", "wg0", check=False)


def wg_conf(side, other, settings, starts):
    text = (f"[Interface]\nPrivateKey = {side.key.private}\nListenPort = {PORT}\n"
            f"[Peer]\nPublicKey = {other.key.public}\n"
            f"AllowedIPs = {other.inside(4)}/32, {other.inside(6)}/128\n")
    if settings.preshared:
        text += f"PresharedKey = {settings.preshared}\n"
    if starts:
        text += f"Endpoint = {other.endpoint(settings.family)}\n"
    return text


@functools.cache
def kernel_has_wireguard():
    """Its module is loaded by the question."""
    return subprocess.run(["unshare", "--net", "ip", "link", "add", "wg0", "type", "wireguard"],
                          capture_output=True).returncode == 0


class Cable:
    """The namespaces, the cable and, once started, both programs.

    left, right: called with (side, other, settings, starts) when started.
    """

    def __init__(self, settings=None):
        self.settings = settings or Settings()
        self.left, self.right = Side("left", 1), Side("right", 2)
        self.programs = {}
        spaces = netns.create(["left", "left-in", "right", "right-in"])
        self.left.outer, self.left.inner, self.right.outer, self.right.inner = spaces
        self.left.outer.ip("link add eth0 type veth peer name eth0 netns right\n")
        for side in (self.left, self.right):
            side.outer.ip(f"link set lo up\naddress add {side.address(4)}/24 dev eth0\n"
                          f"address add {side.address(6)}/64 dev eth0 nodad\n"
                          f"link set eth0 mtu {self.settings.outer_mtu} up\n")
            side.inner.ip("link set lo up\n")

    def start(self, left, right):
        """right None: nobody is there."""
        if right:
            self.programs["right"] = right(self.right, self.left, self.settings, starts=False)
            self._place(self.right)
        self.programs["left"] = left(self.left, self.right, self.settings, starts=True)
        self._place(self.left)

    def _place(self, side):
        side.inner.ip(f"address add {side.inside(4)}/24 dev wg0\n"
                      f"address add {side.inside(6)}/64 dev wg0 nodad\n"
                      f"link set wg0 mtu {self.settings.mtu} up\n")

    def ping(self, family=4, count=3, size=56):
        """How many of `count` answers are missing after two seconds, from left to right.

        ping -W alone waits for no more than two round trips after the last
        request, which a busy machine may take for a loss.  With a deadline it
        sends until it has had `count` answers, and may have had more by then.
        """
        out = self.left.inner.run("ping", f"-{family}", "-c", count, "-w", "2", "-i", "0.02", "-s",
                                  size, self.right.inside(family), check=False).stdout
        received = [line for line in out.splitlines() if "received" in line]
        return max(count - int(received[0].split(",")[1].split()[0]), 0) if received else count

    def stop(self):
        for program in self.programs.values():
            program.close()
        self.programs = {}

    def close(self):
        self.stop()
        netns.delete([self.left.outer, self.left.inner, self.right.outer, self.right.inner])


def _hex(key):
    import base64

    return base64.b64decode(key).hex()


def base64_of(number):
    """A public key that nobody has the private one to."""
    import base64

    return base64.b64encode(number.to_bytes(4, "big") + b"nobody's" * 3 + b"key!").decode()


def go(program):
    """A wireguard-go as Cable.start() wants it."""
    return lambda side, other, settings, starts: Go(program, side, other, settings, starts)


def null_cipher():
    """adit's data plane without encryption (-Dnull_cipher=true); None: it was not built."""
    path = Path(helper()).parents[3] / "bench/dataplane_peer_null"
    if not path.exists():
        return None
    return type("AditNull", (Adit,), {"program": str(path)})


def pss_kib(pid):
    """What a process holds of the machine's memory: shared pages by their share."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.split("\nPss:")[1].split()[0])


def wake_ups(pid):
    """How often any of its threads went to sleep, which is how often they were woken."""
    def of_thread(status):
        return int(status.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])

    return sum(map(of_thread, Path(f"/proc/{pid}/task").glob("*/status")))


def cpu_seconds(pid):
    """Processor time of all threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
