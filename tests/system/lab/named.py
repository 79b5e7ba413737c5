"""Lasting namespaces: `adit up` and the others, on the host of the small internet.

    with named.place(net, "media", conf) as media:      # /etc/adit/media.conf
        media.up()
        media.wait()
        media.inside("curl", "-s", url)
    with named.place(net, "media", conf, uid=UID) as media:     # the user's own
        adit.output(net, media, "curl", "-s", url)              # adit exec media -- curl ...

/etc and /run are the sandbox's own, so files and pins are the real ones.
"""

import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from lab import GID, HOME, UID, adit

CONFIGURATIONS = Path("/etc/adit")
PINS = Path("/run/netns")
STATE = Path("/run/adit/netns")


class Place:
    """Root's, or with a uid that user's own, which has a holder instead of a pin."""

    def __init__(self, net, name, uid=0):
        self.net = net
        self.name = name
        self.uid = uid
        self.folder = (Path(f"/run/user/{uid}/adit/netns") if uid else STATE) / name
        self.configurations = Path(f"{HOME}/.config/adit") if uid else CONFIGURATIONS

    @property
    def file(self):
        return self.configurations / f"{self.name}.conf"

    def write(self, text):
        for folder in (self.configurations.parent, self.configurations):
            if not folder.exists():
                folder.mkdir()
                os.chown(folder, self.uid, self.uid and GID)
        if self.uid:  # the kernel's is for root
            text = text.replace("Backend = kernel\n", "Backend = auto\n")
        self.file.write_text(text)
        self.file.chmod(0o600)
        os.chown(self.file, self.uid, self.uid and GID)

    @property
    def pin(self):
        """What leads to the namespace."""
        return Path(f"/proc/{self.holder()}/ns/net") if self.uid else PINS / self.name

    def holder(self):
        """The process that holds a user's; 0: it is pinned, or there is none."""
        try:
            return int((self.folder / "seal").read_text().split()[2])
        except (FileNotFoundError, IndexError):
            return 0

    # ---- exec: what adit.run() and the others take in place of a configuration

    def exec_argv(self, options=()):
        return ["exec", *options, self.name]

    # ---- the subcommands

    def call(self, *words, check=True, **options):
        """adit WORDS on the host, as whose it is; (status, output, errors)."""
        argv = adit.as_user([adit.binary(), *words], self.uid)
        options = {"env": adit.environment(self.uid)} | options
        done = self.net.host.run(*argv, check=False, **options)
        if check:
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.returncode, done.stdout, done.stderr

    def up(self, **options):
        return self.call("up", self.name, **options)

    def down(self, **options):
        return self.call("down", self.name, **options)

    def reload(self, **options):
        return self.call("reload", self.name, **options)

    def restart(self, **options):
        return self.call("restart", self.name, **options)

    def wait(self, seconds=10, **options):
        return self.call("wait", "--timeout", str(seconds), self.name, **options)

    def status(self):
        return json.loads(self.call("status", self.name, "--json")[1])

    # ---- what is there

    def supervisor(self):
        """Its process; None: there is none."""
        try:
            return int((self.folder / "lock").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def kill(self):
        """The supervisor, as a crash would; it still has its lock until it is gone."""
        pid = self.supervisor()
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not os.path.exists(f"/proc/{pid}"))

    def command(self, *words):
        """What runs WORDS in the namespace as a service would be: with its resolv.conf."""
        bind = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
        return ["nsenter", f"--net={self.pin}", "--", "unshare", "--mount", "sh", "-c", bind, "-",
                str(self.folder / "resolv.conf"), *map(str, words)]

    def inside(self, *words, check=True, **options):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False,
                              timeout=60, **options)
        if check:
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    def start_inside(self, *words, **options):
        return subprocess.Popen(self.command(*words), text=True, **options)

    @contextmanager
    def running_inside(self, *commands):
        """All of them at once, killed at the end."""
        running = [self.start_inside(*words) for words in commands]
        try:
            yield
        finally:
            for process in running:
                process.kill()
                process.wait()

    def is_pinned(self):
        return self.pin.exists() and self.pin.stat().st_dev != PINS.stat().st_dev

    def links(self):
        out = subprocess.run(["nsenter", f"--net={self.pin}", "ip", "-j", "link"], check=True,
                             capture_output=True, text=True).stdout
        return {link["ifname"] for link in json.loads(out)}

    def log(self):
        try:
            return (self.folder / "log").read_text()
        except FileNotFoundError:
            return ""


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            return None
        time.sleep(0.01)
    return result


@contextmanager
def place(net, name, text, uid=0):
    one = Place(net, name, uid)
    one.write(text)
    try:
        yield one
    finally:
        one.call("down", name, check=False)
        one.file.unlink(missing_ok=True)
        if not uid and one.pin.exists():
            subprocess.run(["umount", "-l", one.pin], check=False, capture_output=True)
            one.pin.unlink(missing_ok=True)
        assert not os.path.exists(one.folder) or not one.supervisor()


@contextmanager
def run_or_exec(net, how, uid=UID):
    """What adit.run() takes for `adit run`, or for `adit exec` in a place that is up."""
    if how == "run":
        owner = (0, 0) if uid == 0 else (UID, GID)
        yield net.provider.write_conf("/run/lab/root.conf" if uid == 0 else None, owner=owner)
        return
    with place(net, "shared", net.provider.conf(), uid=uid) as one:
        one.up()
        one.wait()
        yield one
