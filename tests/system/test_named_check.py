"""adit check: a namespace that keeps its promises, and each breakage with what is to blame."""

import json
import os
import socket
import subprocess
from contextlib import contextmanager

import pytest

from lab import UID, adit, named, provider

ONLY_TUNNEL, NAMES, NO_WAY_TO_HOST, HOST_UNTOUCHED = "I1", "I3", "I4", "I5"


@pytest.fixture
def media(net):
    with named.place(net, "media", net.provider.conf()) as one:
        one.up()
        one.wait()
        yield one


def check(one):
    status, out, err = one.call("check", one.name, "--json", check=False)
    assert status in (0, 1) and not err, (status, out, err)
    facts = json.loads(out)
    assert facts["kept"] == (status == 0)
    return {promise["promise"]: promise for promise in facts["promises"]}


def broken(one):
    """{promise: what breaks it}, and which processes."""
    found = {name: [x for x in promise["findings"] if x["verdict"] == "broken"]
             for name, promise in check(one).items()}
    return {name: findings for name, findings in found.items() if findings}


def says(findings, words, pid=None):
    return any(words in x["what"] and (pid is None or x.get("pid") == pid) for x in findings)


def nsenter(one, *words):
    """A change that a supervisor would undo comes after its end; one that is stopped would be
    waited for."""
    subprocess.run(["nsenter", f"--net={one.pin}", *words], check=True, capture_output=True)


@contextmanager
def guest(one, *prefix, **options):
    """A process inside, with its files bound over the host's, that has no privilege."""
    binds = 'for f in resolv.conf nsswitch.conf; do mount --bind "$0/$f" /etc/$f || exit; done; '
    argv = ["nsenter", f"--net={one.pin}", "unshare", "--mount", "sh", "-c",
            binds + 'exec "$@"', str(one.folder), *prefix, "sh", "-c", "echo ready; exec sleep 60"]
    with running(argv, **options) as pid:
        yield pid


@contextmanager
def running(argv, **options):
    process = subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, **options)
    try:
        assert process.stdout.readline() == "ready\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


UNPRIVILEGED = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all",
                "--bounding-set=-all")


def test_all_is_kept_and_said_in_a_line_each(media):
    with guest(media, *UNPRIVILEGED):
        status, out, err = media.call("check", media.name, check=False)
    assert (status, err) == (0, ""), out
    promises = [line.split()[:2] for line in out.splitlines() if not line.startswith(" ")]
    assert promises == [[name, "kept"] for name in (ONLY_TUNNEL, NAMES, NO_WAY_TO_HOST,
                                                    HOST_UNTOUCHED)]


def test_all_is_kept_with_a_command_that_exec_has_started(net, media):
    started = adit.start(net, media, "sh", "-c",
                         "echo ready; exec sleep 60", uid=0, options=["--user", "alice"])
    try:
        assert started.process.stdout.readline() == "ready\n"
        assert {x["verdict"] for x in check(media).values()} == {"kept"}
    finally:
        started.process.terminate()
        started.finish()


def test_a_link_of_somebody_elses_is_named(media):
    nsenter(media, "ip", "link", "add", "back0", "type", "veth", "peer", "name", "back1")
    found = broken(media)
    assert set(found) == {ONLY_TUNNEL, NO_WAY_TO_HOST}
    assert says(found[ONLY_TUNNEL], "link 'back0'") and says(found[ONLY_TUNNEL], "link 'back1'")


def test_a_route_past_the_tunnel_is_named(media):
    media.kill()
    nsenter(media, "ip", "link", "add", "back0", "type", "veth", "peer", "name", "back1")
    nsenter(media, "ip", "link", "set", "back0", "up")
    nsenter(media, "ip", "route", "add", "203.0.113.0/24", "dev", "back0", "table", "77")
    found = broken(media)
    assert says(found[ONLY_TUNNEL], "203.0.113.0/24")
    assert says(found[NO_WAY_TO_HOST], "203.0.113.0/24")


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_a_missing_unreachable_route_is_named(media, family):
    media.kill()
    nsenter(media, "ip", family, "route", "del", "unreachable", "default", "metric", "4294967295")
    found = broken(media)
    assert says(found[ONLY_TUNNEL], "unreachable route")


def test_a_rule_of_somebody_elses_is_named(media):
    media.kill()
    nsenter(media, "ip", "rule", "add", "from", "all", "table", "77", "priority", "5")
    found = broken(media)
    assert says(found[ONLY_TUNNEL], "table 77")


def test_a_firewall_that_is_gone_is_named(media):
    media.kill()
    nsenter(media, "nft", "flush", "ruleset")
    found = broken(media)
    assert set(found) == {ONLY_TUNNEL, NO_WAY_TO_HOST}
    assert says(found[ONLY_TUNNEL], "firewall")


def test_a_firewall_that_lets_more_through_is_named(media):
    media.kill()
    nsenter(media, "nft", "insert", "rule", "inet", "adit", "output", "accept")
    found = broken(media)
    assert says(found[ONLY_TUNNEL], "firewall")


def test_forwarding_is_named(media):
    media.kill()
    nsenter(media, "sysctl", "-qw", "net.ipv4.conf.all.forwarding=1")
    found = broken(media)
    assert says(found[ONLY_TUNNEL], "forwarding")


def test_root_with_the_hosts_capabilities_is_named(media):
    with guest(media) as pid:
        found = broken(media)
    assert says(found[ONLY_TUNNEL], "CAP_NET_ADMIN", pid)
    assert says(found[NO_WAY_TO_HOST], "CAP_SYS_ADMIN", pid)
    assert says(found[HOST_UNTOUCHED], "CAP_SYS_ADMIN", pid)
    assert NAMES not in found


def test_a_process_with_the_hosts_resolv_conf_is_named(media):
    with open("/etc/resolv.conf", encoding="utf-8") as f:
        before = f.read()
    argv = ["nsenter", f"--net={media.pin}", "unshare", "--mount", "sh", "-c",
            'echo nameserver 192.0.2.53 >/tmp/resolv; mount --bind /tmp/resolv /etc/resolv.conf;'
            'exec "$@"', "-", *UNPRIVILEGED, "sh", "-c", "echo ready; exec sleep 60"]
    with running(argv) as pid:
        found = broken(media)
    assert set(found) == {NAMES}
    assert says(found[NAMES], "192.0.2.53", pid)
    with open("/etc/resolv.conf", encoding="utf-8") as f:
        assert f.read() == before


def test_a_socket_of_nscd_within_reach_is_named(media):
    os.makedirs("/run/nscd", exist_ok=True)
    with socket.socket(socket.AF_UNIX) as nscd:
        nscd.bind("/run/nscd/socket")
        try:
            with guest(media, *UNPRIVILEGED) as pid:
                found = broken(media)
        finally:
            os.unlink("/run/nscd/socket")
    assert set(found) == {NAMES}
    assert says(found[NAMES], "nscd", pid)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_socket_of_outside_is_named(media, kind):
    with socket.socket(socket.AF_INET, kind) as leaked:
        fd = leaked.fileno()
        with guest(media, *UNPRIVILEGED, pass_fds=[fd]) as pid:
            found = broken(media)
    assert set(found) == {ONLY_TUNNEL, NO_WAY_TO_HOST}
    assert says(found[ONLY_TUNNEL], f"descriptor {fd},", pid)


def test_a_resolv_conf_that_somebody_wrote_is_named(media):
    (media.folder / "resolv.conf").write_text("nameserver 192.0.2.53\n")
    assert says(broken(media)[NAMES], "resolv.conf is not what its file says")


def test_a_veth_for_the_lan_is_no_link_of_somebody_elses(net):
    text = net.provider.conf() + "[Lan]\nForward = tcp:8080->80\nPath = veth\n"
    with named.place(net, "media", text) as media:
        media.up()
        media.wait()
        assert "eth-lan" in media.links()
        assert {x["verdict"] for x in check(media).values()} == {"kept"}
        media.kill()
        nsenter(media, "ip", "route", "add", "203.0.113.0/24", "dev", "eth-lan")
        found = broken(media)
        assert says(found[NO_WAY_TO_HOST], "203.0.113.0/24")


def test_a_users_own_is_checked_too(net):
    with named.place(net, "own", net.provider.conf(), uid=UID) as own:
        own.up()
        own.wait()
        assert broken(own) == {}


def test_a_tunnels_socket_inside_is_named_with_the_process_that_has_it(media):
    """That of a supervisor that somebody has started from inside."""
    assert broken(media) == {}
    media.kill()
    if "wg0" in media.links():  # the kernel's goes on
        nsenter(media, "ip", "link", "del", "wg0")
    inside = subprocess.Popen(["nsenter", f"--net={media.pin}", adit.binary(), "up",
                               "--foreground", "media"], env=adit.environment(0))
    try:
        assert named.wait_until(lambda: media.call("status", "media", check=False)[0] == 0)
        data_plane = media.status()["data_plane"]
        found = broken(media)
    finally:
        inside.terminate()
        inside.wait()
    assert set(found) == {ONLY_TUNNEL}
    if data_plane > 0:
        assert says(found[ONLY_TUNNEL], "the tunnel's own socket is inside", data_plane)
    else:
        assert says(found[ONLY_TUNNEL], "is not in the host's network; one inside has the port")


def test_several_are_checked_by_name_and_all_of_them(net, media):
    with named.place(net, "bare", net.provider.conf(private=provider.Key().private)) as bare:
        bare.up()
        for words in (("media", "bare"), ("--all",)):
            status, out, _ = media.call("check", *words, check=False)
            headings = [line for line in out.splitlines() if line.endswith(":")]
            assert (status, sorted(headings)) == (0, ["bare:", "media:"])
        bare.kill()
        nsenter(bare, "nft", "flush", "ruleset")
        status, out, _ = media.call("check", "--json", "--all", check=False)
        facts = "[" + out.replace("\n}\n{", "\n},{") + "]"
        assert status == 1
        assert {x["name"]: x["kept"] for x in json.loads(facts)} == {"media": True, "bare": False}
        assert media.call("check", "media", "none", check=False)[0] == 1


def test_a_name_that_is_not_up_and_a_missing_name_are_told_apart(net):
    with named.place(net, "media", net.provider.conf()) as one:
        status, _, err = one.call("check", "media", check=False)
        assert status == 1 and "is not up" in err
        assert one.call("check", check=False)[0] == 2
