"""The units with systemd as process 1: what runs inside goes on, whatever happens to adit@."""

import contextlib
import json
import subprocess
import time

import pytest

from lab import USER, UID, internet, machine, named, provider
from lab.flow import Flow
from lab.oracle import Oracle
from lab.relay import ask
from lab.sandbox import REPO
from lab.traffic import ORDINARY, PRIVILEGED, Traffic

pytestmark = pytest.mark.skipif(not machine.NSPAWN, reason="systemd-nspawn is not installed")

SERVICE = """
[Unit]
BindsTo=adit-netns@media.service
Wants=adit@media.service
After=adit-netns@media.service adit@media.service
[Service]
NetworkNamespacePath=/run/netns/media
ExecStart={}
"""


@pytest.fixture(scope="module")
def host(shared_net):
    with machine.booted(shared_net) as one:
        yield one


@pytest.fixture
def media(host, shared_net):
    """The machine with a configuration, and nothing up."""
    host.configure("media", shared_net.provider.conf())
    yield host
    shared_net.provider.pass_all()
    host.systemctl("stop", "adit-netns@media", "adit@media", "inside", "guest", "monitor-*",
                   check=False)
    host.run("rm", "-rf", "/etc/systemd/system/adit@.service.d",
             "/etc/systemd/system/inside.service")
    host.systemctl("daemon-reload")


def status(host):
    return host.property("adit@media", "StatusText")


def supervisor_changes(host, act):
    """Does that, and waits until another supervisor has had a handshake."""
    before = host.main_pid("adit@media")
    act()
    assert named.wait_until(lambda: host.main_pid("adit@media") not in (0, before) and
                            host.is_active("adit@media"))
    host.run("adit", "wait", "--timeout", "15", "media")


# ---- the installation


def test_only_root_reads_the_folder_of_configurations(media):
    folder = media.root / "etc/adit"
    assert folder.stat().st_mode & 0o7777 == 0o700
    folder.chmod(0o750)
    try:
        media.install()
        assert folder.stat().st_mode & 0o7777 == 0o750  # whose it is decides
    finally:
        folder.chmod(0o700)


# ---- the start


def test_it_is_ready_when_sealed_and_says_how_it_is(media, shared_net):
    shared_net.provider.drop()
    media.systemctl("start", "adit@media")
    assert media.is_active("adit@media") and media.is_active("adit-netns@media")
    assert named.wait_until(lambda: "waiting for the first handshake" in status(media))
    assert media.inside("media", "ping", "-c1", "-W1", internet.WEB, check=False).returncode == 1
    shared_net.provider.pass_all()
    assert named.wait_until(lambda: status(media).startswith("tunnel up, handshake "), 30)


def test_what_must_have_the_tunnel_waits_for_the_online_target(media, shared_net):
    shared_net.provider.drop()
    media.systemctl("start", "--no-block", "adit-online@media.target")
    assert named.wait_until(lambda: media.is_active("adit@media"))
    assert media.property("adit-online@media.target", "ActiveState") == "inactive"
    shared_net.provider.pass_all()
    assert named.wait_until(lambda: media.is_active("adit-online@media.target"), 30)


def test_boot_waits_neither_for_a_network_nor_for_a_tunnel(net):
    def prepare(one):
        net.unplug_uplink()
        one.configure("media", net.provider.conf(endpoint=f"vpn.test:{provider.PORT}"))
        one.run_before_boot("systemctl", "enable", "adit@media")

    with machine.booted(net, prepare) as host:
        assert host.is_active("adit@media")
        assert named.wait_until(lambda: "looking up 'vpn.test'" in status(host))
        links = json.loads(host.inside("media", "ip", "-j", "link").stdout)
        assert {link["ifname"] for link in links} == {"lo", "wg0"}
        net.zone["vpn.test"] = [provider.ADDRESS]
        net.plug_uplink()
        host.run("adit", "wait", "--timeout", "40", "media")


# ---- what runs inside


def killed(host):
    host.systemctl("kill", "--kill-whom=main", "--signal=KILL", "adit@media")


def restarted(host):
    host.systemctl("restart", "adit@media")


def upgraded(host):
    host.install()
    host.systemctl("daemon-reload")
    host.systemctl("try-restart", "adit@*.service")


@pytest.mark.parametrize("event", [killed, restarted, upgraded])
def test_what_runs_inside_keeps_its_process_its_link_and_its_connection(media, event):
    flow = Flow()
    media.unit("inside.service", SERVICE.format(" ".join(flow.command)))
    media.systemctl("start", "adit@media", "inside.service")
    media.run("adit", "wait", "--timeout", "10", "media")
    pid = media.main_pid("inside.service")
    assert flow.goes_on(10), media.journal("inside.service")
    monitor = f"monitor-{event.__name__}"
    media.start(monitor, "ip", "monitor", "link", "address", namespace="media")
    supervisor_changes(media, lambda: event(media))
    assert flow.goes_on(15)
    seen = media.journal(monitor)
    assert "Deleted" not in seen and "state DOWN" not in seen, seen
    assert media.main_pid("inside.service") == pid
    flow.stop()
    assert flow.is_unharmed()


def test_nothing_leaks_while_the_supervisor_comes_and_goes(media, shared_net):
    oracle = Oracle(shared_net)
    traffic = Traffic()
    started = time.monotonic()
    media.systemctl("start", "adit@media")
    media.run("adit", "wait", "--timeout", "10", "media")
    media.start("guest", *traffic.command, namespace="media")
    traffic.wait_for()
    for event in (killed, restarted):
        supervisor_changes(media, lambda event=event: event(media))
        traffic.wait_for()
    media.run("adit", "down", "media")
    time.sleep(1)
    media.systemctl("stop", "guest")
    oracle.finish(started=started, offered=traffic.counts()["attempts"],
                  least={kind: 4 for kind in ORDINARY + PRIVILEGED}, wireguard=30)


def test_systemd_itself_is_replaced_under_it(media):
    flow = Flow()
    media.unit("inside.service", SERVICE.format(" ".join(flow.command)))
    media.systemctl("start", "adit@media", "inside.service")
    media.run("adit", "wait", "--timeout", "10", "media")
    pids = [media.main_pid(unit) for unit in ("adit@media", "inside.service")]
    assert flow.goes_on(10), media.journal("inside.service")
    media.systemctl("daemon-reexec")
    assert [media.main_pid(unit) for unit in ("adit@media", "inside.service")] == pids
    assert flow.goes_on(10), media.journal("inside.service")
    supervisor_changes(media, lambda: restarted(media))
    assert flow.goes_on(15)
    flow.stop()
    assert flow.is_unharmed()


def test_the_watchdog_ends_one_that_hangs(media):
    media.write("/etc/systemd/system/adit@.service.d/test.conf",
                "[Service]\nWatchdogSec=1\nRestartSec=100ms\n")
    media.systemctl("daemon-reload")
    media.systemctl("start", "adit@media")
    time.sleep(2)
    assert media.property("adit@media", "NRestarts") == "0"
    supervisor_changes(media, lambda: media.systemctl("kill", "--kill-whom=main", "--signal=STOP",
                                                      "adit@media"))
    assert "Watchdog timeout" in media.journal("adit@media")


# ---- adit's own commands


def test_up_and_down_are_systemds(media):
    media.run("adit", "up", "media")
    assert media.is_active("adit@media")
    first = media.main_pid("adit@media")
    media.run("adit", "restart", "media")
    assert media.main_pid("adit@media") not in (0, first)
    media.start("guest", "sleep", "60", namespace="media")
    done = media.run("adit", "down", "media")
    assert "'sleep' (process " in done.stderr and "stays sealed" in done.stderr
    for unit in ("adit@media", "adit-netns@media"):
        assert media.property(unit, "ActiveState") == "inactive"
    assert media.run("ls", "/run/netns", "/run/adit/netns").stdout.split() == [
        "/run/adit/netns:", "/run/netns:"]


def test_up_says_what_is_wrong_and_leaves_nothing(media, shared_net):
    media.configure("media", "[Interface]\nPrivateKey = short\n")
    done = media.run("adit", "up", "media", check=False)
    assert done.returncode == 1 and "/etc/adit/media.conf:2:" in done.stderr
    media.configure("media", shared_net.provider.conf())
    media.run("ip", "netns", "add", "media")
    try:
        done = media.run("adit", "up", "media", check=False)
        assert done.returncode == 1 and "journalctl --unit adit@media" in done.stderr
        assert media.property("adit@media", "ActiveState") == "inactive"
    finally:
        media.run("ip", "netns", "del", "media")


def test_a_wrong_file_is_not_tried_again_before_it_is_mended(media, shared_net):
    media.write("/etc/systemd/system/adit@.service.d/test.conf", "[Service]\nRestartSec=10ms\n")
    media.systemctl("daemon-reload")
    for text in ("[Interface]\nPrivateKey = short\n", None):
        if text:
            media.configure("media", text)
        else:
            media.run("rm", "/etc/adit/media.conf")
        assert media.run("systemctl", "start", "adit@media", check=False).returncode == 1
        assert media.property("adit@media", "ActiveState") == "failed"
        assert media.property("adit@media", "ExecMainStatus") == "78"
        assert media.property("adit@media", "NRestarts") == "0"
        assert media.is_active("adit-netns@media")  # what is inside stays, sealed
    media.configure("media", shared_net.provider.conf())
    media.systemctl("start", "adit@media")
    media.run("adit", "wait", "--timeout", "15", "media")


def test_what_somebody_else_is_in_the_way_of_is_tried_again(media, shared_net):
    """Another namespace has its key, and ends."""
    media.write("/etc/systemd/system/adit@.service.d/test.conf", "[Service]\nRestartSec=10ms\n")
    media.systemctl("daemon-reload")
    media.configure("first", shared_net.provider.conf())
    media.systemctl("start", "adit@first")
    try:
        media.systemctl("start", "--no-block", "adit@media")
        assert named.wait_until(lambda: int(media.property("adit@media", "NRestarts")) > 1)
        assert "key is in use by process" in media.journal("adit@media")
    finally:
        media.systemctl("stop", "adit-netns@first")
    assert named.wait_until(lambda: media.is_active("adit@media"))


def test_reload_is_systemds_too(media):
    media.systemctl("start", "adit@media")
    media.configure("media", "[Interface]\nnonsense\n")
    done = media.run("systemctl", "reload", "adit@media", check=False)
    assert done.returncode == 1 and media.is_active("adit@media")


# ---- the sandbox


ECHO = """
import socket
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("0.0.0.0", 80))
listening.listen()
while True:
    with listening.accept()[0] as conn:
        conn.sendall(conn.recv(100))
"""
PATHS = {
    "relay": "[Lan]\nForward = tcp:808->80\n",
    "veth": "[Lan]\nForward = tcp:808->80\nPath = veth\n",
}


@pytest.mark.parametrize("path", PATHS)
def test_clients_of_the_lan_are_let_in_from_the_units_sandbox(media, shared_net, path):
    rules, settings = (("nft", "list", "ruleset"), ("sysctl", "-a", "--pattern", "forwarding"))
    before = [media.run(*words).stdout for words in (rules, settings)]
    media.configure("media", shared_net.provider.conf() + PATHS[path])
    media.systemctl("start", "adit@media")
    media.run("adit", "wait", "--timeout", "15", "media")
    backend = json.loads(media.run("adit", "status", "--json", "media").stdout)["backend"]
    assert backend == (shared_net.provider.backend or backend)
    media.start("guest", "python3", "-c", ECHO, namespace="media")
    assert named.wait_until(lambda: answers(shared_net)), media.journal("adit@media")
    # and again, by the next supervisor
    supervisor_changes(media, lambda: killed(media))
    assert named.wait_until(lambda: answers(shared_net)), media.journal("adit@media")
    media.run("adit", "down", "media")
    assert not answers(shared_net)
    assert [media.run(*words).stdout for words in (rules, settings)] == before


@pytest.mark.kernel
def test_reload_changes_the_backend_from_the_units_sandbox(media, shared_net):
    """What systemd keeps goes with the backend, and the module comes; under tests/vm/run."""
    provider_backend = shared_net.provider.backend
    media.systemctl("stop", "adit@media", "adit-netns@media")
    subprocess.run(["modprobe", "-r", "wireguard"], check=True)
    try:
        for backend, n_kept in (("userspace", "1"), ("kernel", "0"), ("userspace", "1")):
            shared_net.provider.backend = backend
            media.configure("media", shared_net.provider.conf())
            media.systemctl("reload-or-restart", "adit@media")
            assert named.wait_until(lambda n=n_kept: media.property(
                "adit@media", "NFileDescriptorStore") == n)
            supervisor_changes(media, lambda: killed(media))
            told = json.loads(media.run("adit", "status", "--json", "media").stdout)
            assert told["backend"] == backend
            media.inside("media", "ping", "-c1", "-W5", internet.WEB)
    finally:
        shared_net.provider.backend = provider_backend


def answers(net):
    with contextlib.suppress(OSError, EOFError):
        return ask(net.lan, internet.HOST, 808, timeout=0.5) == b"hello"
    return False


def test_each_thing_that_is_left_open_is_explained(media):
    media.systemctl("start", "adit@media")
    media.run("systemd-analyze", "security", "--threshold=50", "adit@media.service")
    found = json.loads(media.run("systemd-analyze", "security", "--json=short",
                                 "adit@media.service").stdout)
    text = (REPO / "packaging/systemd/adit@.service.in").read_text()
    unexplained = [one["name"] for one in found if not one["set"] and one["exposure"]
                   and one["name"].split("=")[0] not in text]
    assert unexplained == []


# ---- a user's own


def test_a_user_has_units_too(media, shared_net):
    shared = shared_net.provider.conf()
    media.run("mkdir", "-p", "-m", "700", f"/home/{USER}/.config/adit", user=USER)
    media.run("sh", "-c", f"umask 077; cat > /home/{USER}/.config/adit/own.conf", user=USER,
              input=shared)
    media.systemctl("start", f"user@{UID}.service")
    try:
        media.user_systemctl("start", "adit@own")
        media.run("adit", "wait", "--timeout", "10", "own", user=USER)
        assert media.property("adit@own", "StatusText", user=True).startswith("tunnel up")
        before = media.property("adit@own", "MainPID", user=True)
        media.user_systemctl("kill", "--kill-whom=main", "--signal=KILL", "adit@own")
        assert named.wait_until(lambda: media.property("adit@own", "MainPID", user=True)
                                not in ("0", before) and
                                media.property("adit@own", "ActiveState", user=True) == "active")
        media.run("adit", "wait", "--timeout", "10", "own", user=USER)
        media.run("adit", "down", "own", user=USER)
        for unit in ("adit@own", "adit-netns@own"):
            assert media.property(unit, "ActiveState", user=True) == "inactive"
    finally:
        media.systemctl("stop", f"user@{UID}.service")
