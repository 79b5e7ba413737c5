"""[Namespace] Path=: adit in a network namespace that others have made.

A process that was started in a namespace of its own stands in for the container that
holds one; `test_named_docker.py` has the engine itself.
"""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import GID, UID, USER, adit, internet, named, provider
from lab.holder import Holder
from lab.oracle import Oracle
from lab.traffic import ORDINARY, PRIVILEGED, Traffic

VETH = ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"]


@pytest.fixture
def holder():
    one = Holder()
    yield one
    one.close()


@contextmanager
def pinned(name, path):
    """As `ip netns attach` does, or with an own one: path None."""
    words = ["attach", name, str(path)] if path else ["add", name]
    subprocess.run(["ip", "netns", *words], check=True)
    try:
        yield named.PINS / name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def conf(net, path, **options):
    text = net.provider.conf(**options)
    section = "" if "[Namespace]" in text else "\n[Namespace]\n"
    return f"{text}{section}Path = {path}\n"


@pytest.fixture
def media(net, holder):
    with named.place(net, "media", conf(net, holder.path)) as one:
        yield one


def place_of_path(one):
    lines = one.file.read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if text.startswith("Path"))
    return f"{one.file}:{line}:8: Path: "


def assert_same(after, before):
    for now, then in zip(after, before):
        if isinstance(now, set):
            now, then = now - then, then - now
        assert now == then


def facts(namespace):
    """All that adit could have changed there."""
    def read(*words):
        return subprocess.run(["nsenter", f"--net={namespace}", *words], check=True,
                              capture_output=True, text=True).stdout

    settings = ("cd /proc/sys/net && grep -r . ipv4/ping_group_range ipv4/conf ipv6/conf 2>&1"
                " | grep -v stable_secret | sort")
    # without "noqueue", which a link keeps that was up once
    links = [(link["ifname"], link["flags"], link["mtu"], link["addr_info"])
             for link in json.loads(read("ip", "-j", "address"))]
    return [links, read("nft", "list", "ruleset"),
            *(read("ip", family, *words) for family in ("-4", "-6")
              for words in (["rule"], ["route", "show", "table", "all"])),
            set(read("sh", "-c", settings).splitlines())]


def reached(namespace, address=internet.WEB):
    return subprocess.run(["nsenter", f"--net={namespace}", "ping", "-c1", "-W2", address],
                          capture_output=True, check=False).returncode == 0


def kill_supervisor(one):
    pid = one.supervisor()
    os.kill(pid, signal.SIGKILL)
    assert named.wait_until(lambda: not adit.is_alive(pid))


# ---- it works there


def test_who_was_inside_before_has_the_tunnel(media, holder):
    assert not reached(holder.path)
    media.up()
    media.wait()
    assert media.links() == {"lo", "wg0"}
    assert os.stat(media.pin).st_ino == os.stat(holder.path).st_ino
    assert reached(holder.path) and reached(holder.path, internet.WEB6)
    seen = json.loads(holder.run("curl", "-s", f"http://{internet.WEB}/").stdout)
    assert seen["address"] == provider.ADDRESS


def test_all_that_asks_knows_of_it(net, media, holder):
    _, out, _ = media.call("plan", "media")
    assert out.startswith(f"# in the namespace that {holder.path} leads to, sealed first")
    media.up()
    media.wait()
    status = media.status()
    assert (status["path"], status["path_leads"]) == (str(holder.path), "here")
    assert f"path  {holder.path}\n" in media.call("status", "media")[1]
    assert "media" in media.call("list")[1]
    assert "# media is as its file says" in media.call("plan", "media")[1]
    assert json.loads(media.call("plan", "--json", "media")[1])["path"] == str(holder.path)
    _, out, _ = media.call("check", "media", check=False)
    found = [line for line in out.splitlines() if holder.name in line]
    assert len(found) == 1 and "its resolv.conf names" in found[0], out
    assert out.count("broken") == 1, out


@pytest.mark.parametrize("options", [["--user", USER], ["--as-root"]], ids=["user", "root"])
def test_exec_has_the_tunnel_and_no_power_over_the_namespace(net, media, holder, options):
    media.up()
    media.wait()
    out = media.call("exec", *options, "media", "--", "curl", "-s", f"http://{internet.WEB}/")[1]
    assert json.loads(out)["address"] == provider.ADDRESS
    for words in (["nft", "flush", "ruleset"], ["ip", "link", "del", "wg0"],
                  ["ip", "link", "set", "wg0", "netns", "1"]):
        assert media.call("exec", *options, "media", "--", *words, check=False)[0] != 0
    assert reached(holder.path)


def test_restart_and_reload_keep_it(net, media, holder):
    media.up()
    media.wait()
    media.restart()
    media.wait()
    assert reached(holder.path)
    media.write(conf(net, holder.path, address="10.64.0.9/32"))
    media.reload()
    assert media.status()["addresses"] == ["10.64.0.9/32"]
    assert media.links() == {"lo", "wg0"}


# ---- the end


def test_down_names_who_is_inside_and_they_stay_sealed(media, holder):
    media.up()
    media.wait()
    _, _, err = media.down()
    assert f"'{holder.name}' (process {holder.pid}) is still inside 'media'" in err
    assert not media.pin.exists() and not media.folder.exists()
    assert holder.links() == {"lo"}
    assert "policy drop" in holder.run("nft", "list", "table", "inet", "adit").stdout
    assert "unreachable default" in holder.run("ip", "route").stdout
    media.up()
    media.wait()
    assert reached(holder.path)


@pytest.mark.parametrize("words", [["up"], ["seal"]])
def test_with_nobody_inside_it_is_as_it_was(net, words):
    with pinned("others", None) as path:
        before = facts(path)
        with named.place(net, "media", conf(net, path)) as media:
            media.call(*words, "media")
            assert "inet adit" in facts(path)[1]
            media.down()
            assert_same(facts(path), before)
            assert not media.pin.exists() and not media.folder.exists()


def test_a_pin_of_others_stays_theirs(net):
    with pinned("media", None) as path:
        before = facts(path)
        with named.place(net, "media", conf(net, path)) as media:
            media.up()
            media.wait()
            assert reached(path)
            media.restart()
            media.down()
            assert_same(facts(path), before)


def test_an_up_that_cannot_begin_leaves_it_as_it_was(net, holder):
    text = conf(net, holder.path) + "\n[Lan]\nForward = lo/tcp:8080\n"
    before = facts(holder.path)
    with named.place(net, "media", text) as media, \
            net.host.popen("python3", "-m", "http.server", "--bind", "127.0.0.1", "8080",
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as taken:
        try:
            assert named.wait_until(lambda: net.host.run(
                "curl", "-s", "http://127.0.0.1:8080/", check=False).returncode == 0)
            status, _, err = media.up(check=False)
            assert status == 1 and "8080" in err
            assert_same(facts(holder.path), before)
            assert not media.pin.exists()
        finally:
            taken.kill()


# ---- what is refused, and nothing changed


def refusal(one, words=("up",)):
    status, _, err = one.call(*words, one.name, check=False)
    assert status == 1
    assert place_of_path(one) in err
    return err


@pytest.mark.parametrize("words", [["up"], ["seal"], ["plan"]])
def test_a_link_besides_lo_is_refused(net, holder, words):
    holder.run(*VETH)
    before = facts(holder.path)
    with named.place(net, "media", conf(net, holder.path)) as media:
        err = refusal(media, words)
        assert re.search("has a link 'eth[01]', and nothing but lo is allowed", err)
        assert "docker run --network none" in err
        assert_same(facts(holder.path), before)
        assert not media.pin.exists()


def test_the_hosts_own_is_refused(net):
    with net.host.popen("sleep", "60") as sleeper:
        try:
            for pid in (1, sleeper.pid):
                with named.place(net, "media", conf(net, f"/proc/{pid}/ns/net")) as media:
                    assert "is the host's own network" in refusal(media)
        finally:
            sleeper.kill()


def test_another_of_adits_is_refused(net, media, holder):
    media.up()
    for path in (holder.path, media.pin):
        with named.place(net, "other", conf(net, path)) as other:
            assert "is the namespace 'media' of adit's" in refusal(other, ["seal"])


@pytest.mark.parametrize("path, meaning", [
    ("/proc/self/ns/user", "is no network namespace"), ("/etc", "is no network namespace"),
    ("/etc/passwd", "is no network namespace"), ("/run/nothing", "No such file or directory"),
    ("/proc/4194304/ns/net", "what holds it must be there first")])
def test_what_is_no_network_namespace_is_refused(net, path, meaning):
    with named.place(net, "media", conf(net, path)) as media:
        assert meaning in refusal(media)
        assert not media.pin.exists()


def test_a_pin_of_somebody_elses_at_its_name_is_refused(net, holder):
    with pinned("media", None) as path, \
            named.place(net, "media", conf(net, holder.path)) as media:
        before = facts(path)
        assert "is there already and is not adit's" in refusal(media)
        assert_same(facts(path), before)


def test_it_is_for_root(net, holder):
    with named.place(net, "media", conf(net, holder.path), uid=UID) as media:
        assert "is for root" in refusal(media)


def test_a_run_has_no_path(net, holder):
    file = net.provider.write_conf("/run/lab/path.conf", owner=(UID, GID))
    Path(file).write_text(conf(net, holder.path))
    status, _, err = adit.run(net, file, "true")
    assert status == 125 and "Path" in err and "lasting" in err


def test_reload_moves_nobody(net, media, holder):
    media.up()
    media.wait()
    other = Holder()
    try:
        for text in (conf(net, other.path), net.provider.conf()):
            media.write(text)
            status, _, err = media.reload(check=False)
            assert status == 1 and "is up in another namespace" in err
            assert "adit down media, then adit up media" in err
        assert other.links() == {"lo"}
        assert reached(holder.path)
    finally:
        other.close()


@pytest.mark.parametrize("is_first_own", [True, False])
def test_up_does_not_change_whose_namespace_it_is(net, media, holder, is_first_own):
    texts = [net.provider.conf(), conf(net, holder.path)]
    first, second = texts if is_first_own else reversed(texts)
    media.write(first)
    media.call("seal", "media")
    inode = os.stat(media.pin).st_ino
    media.write(second)
    status, _, err = media.up(check=False)
    assert status == 1 and "adit down media, then adit up media" in err
    assert os.stat(media.pin).st_ino == inode


# ---- the holder goes


def test_when_its_path_is_gone_it_is_still_what_it_was(media, holder):
    """A container that has joined is inside; the one it joined is not any more."""
    media.up()
    media.wait()
    with holder.start("sleep", "60") as joined:
        try:
            path = f"/proc/{joined.pid}/ns/net"
            assert named.wait_until(
                lambda: os.readlink(f"/proc/{joined.pid}/exe").endswith("sleep"))
            holder.kill()
            assert media.status()["path_leads"] == "nowhere"
            assert "(gone)" in media.call("status", "media")[1]
            assert reached(path)
            kill_supervisor(media)
            _, _, err = media.up()
            assert f"'{holder.path}' is gone" in err
            media.wait()
            assert reached(path)
            _, _, err = media.down()
            assert f"(process {joined.pid}) is still inside" in err
        finally:
            joined.kill()


def test_a_path_that_leads_elsewhere_later_is_not_followed(net, holder):
    link = Path("/run/holder")
    link.symlink_to(holder.path)
    other = Holder()
    try:
        with named.place(net, "media", conf(net, link)) as media:
            media.up()
            media.wait()
            link.unlink()
            link.symlink_to(other.path)
            assert media.status()["path_leads"] == "elsewhere"
            assert "leads to another namespace now" in media.call("status", "media")[1]
            media.reload()
            kill_supervisor(media)
            for words in (["up"], ["seal"]):
                assert "leads to another namespace now than the one that is 'media'" in refusal(
                    media, words)
            assert other.links() == {"lo"} and not reached(other.path)
            media.down()
            media.up()
            media.wait()
            assert reached(other.path) and not reached(holder.path)
    finally:
        link.unlink()
        other.close()


def test_another_namespace_with_the_same_numbers_is_not_taken_for_it(net):
    """The kernel gives the number of what is gone to what comes later."""
    with pinned("media", None) as path, \
            named.place(net, "media", conf(net, path)) as media:
        media.call("seal", "media")
        inode = os.stat(path).st_ino
        subprocess.run(["ip", "netns", "del", "media"], check=True)
        subprocess.run(["ip", "netns", "add", "media"], check=True)
        record = (media.folder / "seal").read_text()
        (media.folder / "seal").write_text(record.replace(str(inode), str(os.stat(path).st_ino)))
        subprocess.run(["nsenter", f"--net={path}", *VETH], check=True)
        before = facts(path)
        assert "has a link 'eth" in refusal(media)
        assert media.call("exec", "media", "--", "true", check=False)[0] == 125
        media.down()
        assert_same(facts(path), before)


# ---- nothing leaks


def test_nothing_leaks_whatever_ends(net, media, holder):
    """What runs inside is there before `up` and after `down`."""
    oracle = Oracle(net)
    traffic = Traffic()
    started = time.monotonic()
    with holder.start(*traffic.command) as inside:
        try:
            traffic.wait_for("attempts")
            media.up()
            media.wait()
            traffic.wait_for()
            kill_supervisor(media)
            traffic.wait_for("attempts")
            holder.kill()
            media.up()
            media.wait()
            traffic.wait_for()
            media.down()
            traffic.wait_for("attempts")
        finally:
            inside.kill()
            inside.wait()
    oracle.finish(started=started, offered=traffic.counts()["attempts"],
                  least={kind: 4 for kind in ORDINARY + PRIVILEGED}, wireguard=30)
