"""Starts adit as a person would, and finds its processes without ever asking for a name."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from lab import HOME, UID, USER
from lab.sandbox import REPO

MARK = "ADIT_LAB_RUN"
INSIDE = Path(__file__).parent / "inside"
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
_copies = {}


def source():
    """The binary under test, as built."""
    return Path(os.environ.get("ADIT_BINARY", REPO / "build" / "adit"))


def binary():
    """A copy that every user can reach, wherever the sources are."""
    if "adit" not in _copies:
        _copies["adit"] = publish(source())
    return _copies["adit"]


def inside(name):
    """The path of a program of lab/inside, for use behind the tunnel."""
    if name not in _copies:
        _copies[name] = publish(INSIDE / name)
    return _copies[name]


def publish(path):
    """A copy that every user can reach."""
    place = Path(HOME) / ".lab" / path.name
    place.parent.mkdir(exist_ok=True)
    shutil.copy(path, place)
    place.chmod(0o755)
    return str(place)


def environment(uid=UID, **extra):
    """What a login of the ordinary user has; nothing of the machine that runs the tests."""
    environ = {"HOME": HOME, "USER": USER, "LOGNAME": USER, "SHELL": "/bin/sh", "TERM": "dumb",
               "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
               "XDG_RUNTIME_DIR": f"/run/user/{UID}"}
    if uid == 0:
        environ |= {"HOME": "/root", "USER": "root", "LOGNAME": "root"}
        del environ["XDG_RUNTIME_DIR"]
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LLVM_PROFILE_FILE"):
        if name in os.environ:
            environ[name] = os.environ[name]
    return {name: value for name, value in (environ | extra).items() if value is not None}


def as_user(argv, uid=UID, gid=None):
    """By nsenter, since setpriv looks the numbers up as names first, and so asks nscd."""
    if uid == 0:
        return list(map(str, argv))
    return ["nsenter", f"--setuid={uid}", f"--setgid={gid or uid}", "--", *map(str, argv)]


class Run:
    """A running adit.  `process` is adit itself, from the first exec on."""

    def __init__(self, netns, argv, *, uid=UID, env=None, wrapper=(), **popen):
        self.mark = secrets.token_hex(8)
        environ = environment(uid, **{MARK: self.mark}, **(env or {}))
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                 "cwd": HOME, "text": True} | popen
        command = netns.command([*wrapper, *as_user([binary(), *argv], uid)])
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, env=environ, **popen)
        self.pid = self.process.pid
        self.command = list(map(str, argv[argv.index("--") + 1:])) if "--" in argv else []

    def finish(self, timeout=20):
        """(status, stdout, stderr); a signal as a negative status, as subprocess gives it."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.end()
            raise
        return self.process.returncode, out, err

    def processes(self):
        """Everything that came of this run and lives, adit's and the command's, by the mark.

        A process that has cleaned its environment is found by its parent.
        """
        found = set(marked(self.mark))
        if self.process.poll() is None:
            found.add(self.pid)
        return sorted(_with_descendants(found))

    def adits(self):
        """Those of them that run adit's binary."""
        mine = os.stat(binary())
        return [pid for pid in self.processes() if runs(pid, mine)]

    def wait_for_command(self, timeout=10):
        """The process id of the command, once it has been started."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.process.poll() is None:
            for pid in self.processes():
                if command_line(pid) == self.command:
                    return pid
            time.sleep(0.01)
        raise AssertionError(f"no command was started: {self._last_words()}")

    def _last_words(self):
        if self.process.poll() is None:
            return "adit still waits"
        return f"status {self.process.returncode}: {self.process.stderr.read()}"

    def wait_until_gone(self, timeout=5):
        """Whether every process of the run ended by itself."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.process.poll()
            if not self.processes():
                return True
            time.sleep(0.02)
        return False

    def netns_of(self, pid):
        return os.readlink(f"/proc/{pid}/ns/net")

    def end(self):
        """Ends what is left, by process id; asks adit first."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                pass
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def run(net, conf, *command, options=(), timeout=20, **popen):
    """`adit run OPTIONS CONF -- COMMAND` to its end: (status, stdout, stderr).

    Where conf is a named.Place: `adit exec` in it.
    """
    return start(net, conf, *command, options=options, **popen).finish(timeout)


def output(net, conf, *command, **how):
    """What the command wrote, when it and adit succeeded."""
    status, out, err = run(net, conf, *command, **how)
    assert status == 0, f"status {status}: {out}{err}"
    return out


def python(net, conf, code, *args, **how):
    """output() of a Python program inside."""
    return output(net, conf, PYTHON, "-c", textwrap.dedent(code), *args, **how)


def start(net, conf, *command, options=(), **popen):
    argv = words(conf, options)
    if command:
        argv += ["--", *map(str, command)]
    return Run(net.host, argv, **popen)


def words(conf, options=()):
    """Up to the command: `run OPTIONS CONF`, or `exec OPTIONS NAME` where conf is a named.Place."""
    return conf.exec_argv(options) if hasattr(conf, "exec_argv") else ["run", *options, str(conf)]


def marked(mark):
    """The processes that carry it in their environment."""
    return [pid for pid in _all_pids() if _environ(pid).get(MARK) == mark]


def _all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _environ(pid):
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (line.partition(b"=") for line in raw.split(b"\0"))
    return {name.decode(errors="replace"): value.decode(errors="replace")
            for name, _, value in pairs}


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def parent(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _with_descendants(pids):
    parents = {pid: parent(pid) for pid in _all_pids()}
    found = set(pids)
    while True:
        more = {pid for pid, of in parents.items() if of in found} - found
        if not more:
            return [pid for pid in found if is_alive(pid)]
        found |= more


def runs(pid, mine):
    try:
        exe = os.stat(f"/proc/{pid}/exe")
    except OSError:
        return False
    return (exe.st_dev, exe.st_ino) == (mine.st_dev, mine.st_ino)
