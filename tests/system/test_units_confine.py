"""`adit confine`: services, their sockets and containers behind a namespace, by a drop-in."""

import json

import pytest

from lab import machine, named, provider

pytestmark = pytest.mark.skipif(not machine.NSPAWN, reason="systemd-nspawn is not installed")

# What a service sees, as one line in its journal.
PROBE = """#!/bin/sh
bus=$(busctl --no-pager list >/dev/null 2>&1 && echo reached || echo dead)
address=$(curl -sS --max-time 5 http://web.test/ | sed 's/.*"address": "\\([^"]*\\)".*/\\1/')
echo "{\\"netns\\": \\"$(readlink /proc/self/ns/net)\\", \\"bus\\": \\"$bus\\", \
\\"address\\": \\"$address\\", \\"user\\": \\"$(id -u)\\", \
\\"bounding\\": \\"$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)\\", \
\\"nameserver\\": \\"$(sed -n 's/^nameserver //p' /etc/resolv.conf | tr '\\n' ' ')\\"}"
"""
ECHO = """#!/usr/bin/python3
import os, socket
listening = socket.socket(fileno=3)
while True:
    connection, _ = listening.accept()
    connection.sendall(os.readlink("/proc/self/ns/net").encode())
    connection.close()
"""
NET_ADMIN, SYS_PTRACE, SYS_ADMIN = 12, 19, 21


@pytest.fixture(scope="module")
def host(shared_net):
    def prepare(one):
        one.write("/usr/local/bin/probe", PROBE, 0o755)
        one.write("/usr/local/bin/answer", ECHO, 0o755)
        one.configure("media", shared_net.provider.conf())

    with machine.booted(shared_net, prepare) as one:
        yield one


def namespace(host):
    return host.inside("media", "readlink", "/proc/self/ns/net").stdout.strip()


def confine(host, *words, **options):
    return host.run("adit", "confine", *words, **options)


def probed(host, unit):
    """What the probe has written last."""
    lines = [line for line in host.journal(unit).splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else None


def assert_confined(host, seen):
    assert seen["netns"] == namespace(host)
    assert seen["address"] == provider.ADDRESS
    assert seen["bus"] == "dead"
    assert seen["nameserver"].split() == [provider.INNER]
    for capability in (NET_ADMIN, SYS_PTRACE, SYS_ADMIN):
        assert not int(seen["bounding"], 16) >> capability & 1


def run_probe(host, unit):
    host.run("adit", "up", "media")
    host.run("adit", "wait", "--timeout", "10", "media")
    host.systemctl("restart", unit)
    assert named.wait_until(lambda: probed(host, unit))
    return probed(host, unit)


def test_it_is_shown_first_and_with_dry_run_only_shown(host):
    host.unit("shown.service", "[Service]\nExecStart=sleep 60\n")
    done = confine(host, "--dry-run", "shown", "media")
    assert done.stdout.startswith("# /etc/systemd/system/shown.service.d/adit.conf\n")
    assert "\nNetworkNamespacePath=/run/netns/media\n" in done.stdout
    assert not (host.root / "etc/systemd/system/shown.service.d").exists()
    again = confine(host, "shown", "media")
    assert again.stdout == done.stdout
    written = (host.root / "etc/systemd/system/shown.service.d/adit.conf").read_text()
    assert written in done.stdout
    assert "systemctl restart shown.service" in again.stderr


def test_a_service_that_notifies_is_confined_and_its_journal_goes_on(host):
    host.unit("told.service", "[Service]\nType=notify\nNotifyAccess=all\n"
              "ExecStart=sh -c 'probe; systemd-notify --ready; exec sleep 600'\n")
    confine(host, "told", "media")
    seen = run_probe(host, "told.service")
    assert host.is_active("told.service")
    assert_confined(host, seen)
    pid = host.main_pid("told.service")
    host.systemctl("restart", "adit@media")
    assert host.main_pid("told.service") == pid
    host.systemctl("stop", "told")


def test_roots_own_service_sees_no_key_and_no_supervisor(host, shared_net):
    lines = shared_net.provider.conf().partition("\n[Namespace]")[0].splitlines()
    host.write("/etc/wg media.conf", "\n".join(
        line for line in lines if not line.startswith(("Address", "DNS"))) + "\n", 0o600)
    host.configure("apart", "[Namespace]\nWireGuard = /etc/wg media.conf\n"
                   f"Address = {provider.CLIENT}\nDNS = {provider.INNER}\n")
    host.unit("rooted.service", "[Service]\nType=oneshot\nExecStart="
              "-grep -rsl . /etc/adit /run/adit '/etc/wg media.conf' /etc/resolv.conf\n")

    def files_seen():
        host.systemctl("start", "rooted")
        said = host.journal("rooted").rpartition("Starting ")[2]
        return {line for line in said.splitlines() if line.startswith("/")}

    assert {"/etc/wg media.conf", "/etc/adit/apart.conf"} < files_seen()
    done = confine(host, "rooted", "apart")
    assert " -/etc/wg\\ media.conf\n" in done.stdout, done
    assert files_seen() == {"/etc/resolv.conf"}
    host.run("adit", "down", "apart")


def test_a_dynamic_user_and_a_narrower_unit_are_confined(host):
    host.unit("narrow.service", "[Service]\nType=oneshot\nDynamicUser=yes\nExecStart=probe\n"
              "RestrictAddressFamilies=AF_INET AF_UNIX AF_VSOCK\nProtectSystem=strict\n"
              "CapabilityBoundingSet=CAP_CHOWN CAP_NET_ADMIN\n")
    confine(host, "narrow", "media")
    seen = run_probe(host, "narrow.service")
    assert_confined(host, seen)
    assert int(seen["user"]) >= 61184
    assert int(seen["bounding"], 16) == 1
    assert sorted(host.property("narrow", "RestrictAddressFamilies").split()) == [
        "AF_INET", "AF_UNIX"]


def test_what_a_timer_starts_is_confined(host):
    host.unit("now.service", "[Service]\nType=oneshot\nExecStart=probe\n")
    host.unit("now.timer", "[Timer]\nOnActiveSec=100ms\nAccuracySec=10ms\n")
    status = confine(host, "now.timer", "media", check=False)
    assert status.returncode == 1 and "name the service" in status.stderr
    confine(host, "now", "media")
    host.run("adit", "up", "media")
    host.run("adit", "wait", "--timeout", "10", "media")
    host.systemctl("start", "now.timer")
    assert named.wait_until(lambda: probed(host, "now.service"))
    assert_confined(host, probed(host, "now.service"))


ASK = ("/usr/bin/python3", "-c", "import socket; s = socket.create_connection(('127.0.0.1', 8099), 3);"
       " print(s.recv(100).decode())")


def test_the_sockets_of_a_service_are_inside_with_it(host):
    host.unit("asked.service", "[Service]\nExecStart=answer\n")
    host.unit("asked.socket", "[Socket]\nListenStream=8099\n")
    host.systemctl("start", "asked.socket")
    assert host.run(*ASK).stdout.strip() != namespace(host)
    done = confine(host, "asked", "media")
    assert "# /etc/systemd/system/asked.socket.d/adit.conf" in done.stdout
    host.systemctl("stop", "asked.service")
    host.systemctl("restart", "asked.socket")
    assert host.run(*ASK, check=False).returncode == 1
    assert host.inside("media", *ASK).stdout.strip() == namespace(host)
    host.systemctl("stop", "asked.socket", "asked.service")


def test_undo_takes_it_away_and_leaves_what_others_wrote(host):
    host.unit("undone.service", "[Service]\nExecStart=sleep 60\n")
    folder = host.root / "etc/systemd/system/undone.service.d"
    host.write("/etc/systemd/system/undone.service.d/other.conf", "[Service]\nNice=1\n")
    confine(host, "undone", "media")
    assert host.property("undone", "NetworkNamespacePath") == "/run/netns/media"
    confine(host, "--undo", "undone")
    assert [file.name for file in folder.iterdir()] == ["other.conf"]
    assert host.property("undone", "NetworkNamespacePath") == ""
    done = confine(host, "--undo", "undone", "media", check=False)
    assert done.returncode == 1 and "is not confined by adit" in done.stderr
    host.write("/etc/systemd/system/undone.service.d/adit.conf", "[Service]\nNice=2\n")
    done = confine(host, "undone", "media", check=False)
    assert done.returncode == 1 and "was not made by adit" in done.stderr
    assert "Nice=2" in (folder / "adit.conf").read_text()


@pytest.mark.parametrize("unit, why", [("systemd-logind", "Type=dbus"), ("nowhere", "no unit"),
                                       ("../x", "no name of a unit")])
def test_what_cannot_be_confined_is_refused_with_the_reason(host, unit, why):
    done = confine(host, unit, "media", check=False)
    assert done.returncode == 1 and why in done.stderr


def test_without_a_place_to_write_it_prints_lines_for_nixos(host):
    host.unit("fixed.service", "[Service]\nExecStart=sleep 60\n")
    units = "/etc/systemd/system"
    host.run("mount", "--bind", units, units)
    host.run("mount", "-o", "remount,bind,ro", units)
    try:
        done = confine(host, "fixed", "media")
        assert "in configuration.nix" in done.stderr
        assert 'systemd.services."fixed" = {\n' in done.stdout
        assert 'NetworkNamespacePath = "/run/netns/media";' in done.stdout
    finally:
        host.run("umount", units)


def make_box(host, name, text):
    """A container without anything of its own."""
    box = f"/var/lib/machines/{name}"
    for folder in ("usr", "etc", "var", "root", "proc", "sys", "dev", "run", "tmp"):
        host.run("mkdir", "-p", f"{box}/{folder}")
    for link in ("bin", "sbin", "lib", "lib64"):
        host.run("ln", "-s", f"usr/{link}", f"{box}/{link}", check=False)
    host.write(f"{box}/etc/os-release", "ID=box\n")
    host.write(f"{box}/etc/resolv.conf", "")
    host.write(f"/etc/systemd/nspawn/{name}.nspawn", text)
    return box


def test_a_container_is_started_behind_it(host):
    make_box(host, "box", "[Exec]\nBoot=no\nParameters=/usr/local/bin/inbox\n"
             "[Files]\nBindReadOnly=/usr\n")
    host.write("/usr/local/bin/inbox", "#!/bin/sh\nprobe\nexec sleep 600\n", 0o755)
    confine(host, "systemd-nspawn@box", "media")
    host.run("adit", "up", "media")
    host.run("adit", "wait", "--timeout", "10", "media")
    host.systemctl("start", "systemd-nspawn@box")
    assert named.wait_until(lambda: probed(host, "systemd-nspawn@box"))
    seen = probed(host, "systemd-nspawn@box")
    assert seen["address"] == provider.ADDRESS, (seen, host.journal("systemd-nspawn@box"))
    assert seen["netns"] == namespace(host)
    assert seen["nameserver"].split() == [provider.INNER]
    host.systemctl("stop", "systemd-nspawn@box")
    host.systemctl("enable", "adit@media", "systemd-nspawn@box", "machines.target")
    host.reboot()
    assert named.wait_until(lambda: host.is_active("systemd-nspawn@box"))
    pid = host.main_pid("systemd-nspawn@box")
    assert host.run("readlink", f"/proc/{pid}/ns/net").stdout.strip() == namespace(host)


def test_a_container_with_an_init_of_its_own_is_started_behind_it_at_boot(host):
    """Its services are behind the tunnel, and its root has no power over that."""
    box = make_box(host, "booted", "[Exec]\nBoot=yes\n[Files]\nBindReadOnly=/usr\n")
    host.write(f"{box}/etc/machine-id", "fedcba9876543210fedcba9876543210\n")
    host.write(f"{box}/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    host.write(f"{box}/etc/group", "root:x:0:\n")
    host.write(f"{box}/etc/systemd/system/multi-user.target",
               "[Unit]\nWants=probe.service\nAllowIsolate=yes\n")
    host.write(f"{box}/etc/systemd/system/probe.service",
               "[Service]\nType=exec\nStandardOutput=tty\nTTYPath=/dev/console\n"
               "ExecStart=sh -c 'ip link delete wg0; until curl -s -o /dev/null http://web.test/; "
               "do sleep 0.1; done; probe; exec sleep 600'\n")
    host.run("ln", "-s", "multi-user.target", f"{box}/etc/systemd/system/default.target")
    confine(host, "systemd-nspawn@booted", "media")
    host.systemctl("enable", "adit@media", "systemd-nspawn@booted", "machines.target")
    host.reboot()
    seen = named.wait_until(lambda: probed(host, "systemd-nspawn@booted"), 20)
    assert seen, host.journal("systemd-nspawn@booted")
    assert seen["address"] == provider.ADDRESS
    assert seen["netns"] == namespace(host)
    assert seen["nameserver"].split() == [provider.INNER]
    nspawn = host.main_pid("systemd-nspawn@booted")
    assert host.run("ps", "--ppid", nspawn, "-o", "comm=").stdout.split() == ["systemd"]
