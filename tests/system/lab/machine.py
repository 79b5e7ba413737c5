"""The host of the small internet as a machine of its own: systemd is its process 1.

    with machine.booted(net) as m:
        m.configure("media", net.provider.conf())      # /etc/adit/media.conf
        m.systemctl("start", "adit@media")

systemd-nspawn(1) over a throw-away copy (overlay) of this machine's root, in the
network of net.host; adit is installed in it as `meson install` does.  A boot
takes a second.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

from lab import HOME, UID, USER, adit, internet, named
from lab.sandbox import REPO

BUILD = Path(os.environ.get("ADIT_BUILD", REPO / "build"))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Hierarchies of control groups in which nspawn and systemd make groups of their own.
CGROUPS = [Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup/systemd")]
BOOTED = 90  # seconds; 1.5 are usual, and 20 in a machine that is emulated
NSPAWN = shutil.which("systemd-nspawn")


class Failed(Exception):
    pass


class Machine:
    def __init__(self, net, prepare=None, is_installed=True):
        self.net = net
        # control groups are the machine's: another sandbox may have a process of our number
        self.name = f"machine-{secrets.token_hex(4)}"
        self.base = Path("/run/lab") / self.name
        self.root = self.base / "root"
        self.cgroups = []
        self.nspawn = None
        self.leader = None
        self._make_root()
        if is_installed:
            self.install()
        if prepare:
            prepare(self)
        self._boot()

    # ---- the root

    def _make_root(self):
        self.base.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "machine", self.base], check=True)
        for folder in ("upper", "work", "root"):
            (self.base / folder).mkdir()
        subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={self.base}/upper,"
                        f"workdir={self.base}/work", "machine", self.root], check=True)
        self._empty_of_services()
        self.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.write("/etc/hostname", "machine\n")
        # else /tmp is emptied at boot, with what is bound in it
        self.write("/etc/tmpfiles.d/tmp.conf", "")
        # that of container images: packages may start and stop nothing
        (self.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        self.write("/etc/resolv.conf", f"nameserver {internet.GATEWAY}\n")
        for file in ("passwd", "group"):
            shutil.copy(f"/etc/{file}", self.root / "etc" / file)
        for folder in ("etc/adit", "run/netns"):
            shutil.rmtree(self.root / folder, ignore_errors=True)

    def _empty_of_services(self):
        """What this machine starts at boot is no part of a test."""
        system = self.root / "etc/systemd/system"
        system.mkdir(parents=True, exist_ok=True)
        for wants in system.glob("*.wants"):
            shutil.rmtree(wants)
        for unit in ("systemd-networkd.service", "systemd-resolved.service", "getty.target",
                     "systemd-timesyncd.service", "console-getty.service"):
            with contextlib.suppress(FileExistsError):
                (system / unit).symlink_to("/dev/null")

    def install(self):
        """As `meson install` does; an upgrade, when it is there already."""
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir",
                        self.root], check=True, stdout=subprocess.DEVNULL)
        # another file under the name, as dpkg does it
        fresh = self.root / "usr/local/bin/adit.fresh"
        shutil.copy(adit.source(), fresh)
        fresh.chmod(0o755)
        fresh.rename(self.root / "usr/local/bin/adit")

    def write(self, path, text, mode=0o644):
        place = self.root / str(path).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
        return place

    def configure(self, name, text):
        return self.write(f"/etc/adit/{name}.conf", text, 0o600)

    def unit(self, name, text):
        self.write(f"/etc/systemd/system/{name}", text)
        if self.leader:
            self.systemctl("daemon-reload")

    def run_before_boot(self, *words):
        subprocess.run(["chroot", self.root, *words], check=True, capture_output=True)

    # ---- its life

    def _enter_cgroups(self):
        """Called in the child: two machines must not share a group."""
        for group in self.cgroups:
            (group / "cgroup.procs").write_text("0")

    def _make_cgroups(self):
        for hierarchy in CGROUPS:
            group = hierarchy / f"adit-{self.name}"
            if not (hierarchy / "cgroup.procs").exists():
                continue
            group.mkdir(exist_ok=True)
            if group not in self.cgroups:
                self.cgroups.append(group)
        if not self.cgroups:
            raise Failed("no control groups that could be used")

    def _boot(self):
        self._make_cgroups()
        command = ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--register=no",
                   f"--machine={self.name}", "--keep-unit", "--kill-signal=SIGRTMIN+3",
                   f"--network-namespace-path={self.net.host.path}", "--bind=/dev/net/tun",
                   f"--bind={HOME}", "--capability=CAP_NET_ADMIN,CAP_NET_RAW",
                   "--system-call-filter=bpf", "--resolv-conf=off", "--timezone=off",
                   "--link-journal=no", "--console=passive", "--boot", "--",
                   "--unit=multi-user.target", "--show-status=no"]
        environ = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1",
                       SYSTEMD_NSPAWN_TMPFS_TMP="0",
                       SYSTEMD_NSPAWN_API_VFS_WRITABLE="network")
        self.log = (self.base / "log").open("w+")
        self.nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                       stderr=self.log, env=environ, preexec_fn=self._enter_cgroups)
        if not named.wait_until(self._has_booted, BOOTED):
            self.log.seek(0)
            raise Failed(f"the machine does not boot: {self.log.read()}")

    def _has_booted(self):
        if self.nspawn.poll() is not None:
            return True
        children = f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children"
        for pid in Path(children).read_text().split():
            self.leader = int(pid)
        if not self.leader:
            return False
        state = self.run("systemctl", "is-active", "multi-user.target", check=False)
        return state.stdout.strip() == "active"

    def _halt(self):
        if not self.nspawn or self.nspawn.poll() is not None:
            return
        self.nspawn.send_signal(signal.SIGTERM)
        try:
            self.nspawn.wait(10)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()

    def reboot(self):
        self._halt()
        self.leader = None
        self._boot()

    def close(self):
        self._halt()
        subprocess.run(["umount", self.root], check=False)
        subprocess.run(["umount", "-l", self.base], check=False)
        for group in self.cgroups:
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)

    # ---- what is done in it

    def command(self, *words, user=None):
        environ = [f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8"]
        if user:
            environ = [f"PATH={PATH}", f"HOME={HOME}", "LANG=C.UTF-8",
                       f"XDG_RUNTIME_DIR=/run/user/{UID}"]
        become = [f"--setuid={UID}", f"--setgid={UID}"] if user else []
        return ["nsenter", f"--target={self.leader}", "--all", *become, "--", "env", "-i",
                *environ, *map(str, words)]

    def run(self, *words, check=True, user=None, **options):
        done = subprocess.run(self.command(*words, user=user), capture_output=True, text=True,
                              check=False, timeout=60, **options)
        if check and done.returncode:
            log = subprocess.run(self.command("journalctl", "--no-pager", "--lines=40"),
                                 capture_output=True, text=True, check=False).stdout
            raise Failed(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}{log}")
        return done

    def start(self, unit, *words, namespace=None):
        """Begins a service of that name; what it says is in its journal."""
        settings = []
        if namespace:
            names = f"/run/adit/netns/{namespace}/resolv.conf:/etc/resolv.conf"
            settings = [f"--property=NetworkNamespacePath=/run/netns/{namespace}",
                        f"--property=BindReadOnlyPaths={names}"]
        self.run("systemd-run", "--quiet", f"--unit={unit}", *settings, "--", *words)

    def systemctl(self, *words, **options):
        return self.run("systemctl", *words, **options).stdout.strip()

    def user_systemctl(self, *words, **options):
        return self.run("systemctl", "--user", *words, user=USER, **options).stdout.strip()

    def property(self, unit, name, user=False):
        words = ("show", "--value", "--property", name, unit)
        return self.user_systemctl(*words) if user else self.systemctl(*words)

    def is_active(self, unit):
        return self.property(unit, "ActiveState") == "active"

    def main_pid(self, unit):
        """As the machine numbers it; 0: none."""
        return int(self.property(unit, "MainPID"))

    def journal(self, unit):
        self.run("journalctl", "--sync")  # what a process said that has just ended, too
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit", unit).stdout

    def inside(self, name, *words, **options):
        return self.run("nsenter", f"--net=/run/netns/{name}", "--", *words, **options)


@contextlib.contextmanager
def booted(net, prepare=None, is_installed=True):
    """`prepare` is called with the machine before it boots."""
    one = Machine.__new__(Machine)
    try:
        one.__init__(net, prepare, is_installed)
        yield one
    finally:
        one.close()
