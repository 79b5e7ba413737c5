"""A lasting namespace: up, wait, status, list, reload, restart, down, and what comes between."""

import json
import os
import signal
import subprocess
import time

import pytest

from lab import UID, adit, internet, named, provider, servers
from lab.flow import Flow
from lab.oracle import Oracle
from lab.traffic import ORDINARY, PRIVILEGED, Traffic

NO_SUCH = "nowhere.test"


@pytest.fixture
def media(net):
    with named.place(net, "media", net.provider.conf()) as one:
        yield one


def pings(one, address=internet.WEB, count=1):
    return one.inside("ping", "-c", str(count), "-W", "2", address, check=False).returncode == 0


# ---- up


def test_up_makes_a_namespace_that_lasts_and_has_a_tunnel(media):
    media.up()
    media.wait()
    assert media.is_pinned()
    assert media.links() == {"lo", "wg0"}
    seen = json.loads(media.inside("curl", "-s", f"http://{internet.WEB}/").stdout)
    assert seen["address"] == provider.ADDRESS
    assert pings(media, internet.WEB6)


def test_up_does_not_wait_for_the_server(net, media):
    net.provider.drop()
    media.up()
    assert media.status()["state"] == "connecting"
    assert not pings(media)
    status, _, err = media.wait(0.3, check=False)
    assert status == 1 and "no handshake yet" in err


def test_up_twice_is_up(media):
    media.up()
    first = media.supervisor()
    _, _, err = media.up()
    assert "is up already" in err
    assert media.supervisor() == first


def test_the_environment_and_arguments_of_the_supervisor_hold_no_key(net, media):
    media.up()
    pids = [media.supervisor(), media.status()["data_plane"]]
    for pid in (pid for pid in pids if pid > 0):  # the kernel's has none
        for file in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{file}", encoding="latin-1") as f:
                assert net.provider.client.private not in f.read()
    assert net.provider.client.private not in media.log()


def test_a_configuration_with_errors_changes_nothing(media):
    media.write("[Interface]\nPrivateKey = short\n")
    status, _, err = media.up(check=False)
    assert status == 1
    assert f"{media.file}:2:" in err
    assert not media.pin.exists() and not media.folder.exists()


def test_a_name_without_a_file_is_an_error(net):
    one = named.Place(net, "nobody")
    status, _, err = one.up(check=False)
    assert status == 1 and "no configuration 'nobody'" in err
    assert not one.folder.exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "-x", ""])
def test_what_is_no_name_is_an_error(net, name):
    status, _, err = named.Place(net, "x").call("up", "--", name, check=False)
    assert status in (1, 2) and err


def listed(one):
    _, out, _ = one.call("list", "--json")
    return {each["name"]: each["state"] for each in json.loads(out)}


def test_a_namespace_that_is_gone_is_not_called_sealed(media):
    media.up()
    os.kill(media.supervisor(), signal.SIGKILL)
    assert named.wait_until(lambda: listed(media) == {"media": "sealed"})
    subprocess.run(["ip", "netns", "del", "media"], check=True)
    assert listed(media) == {"media": "gone"}
    media.down()
    assert listed(media) == {}


def test_a_namespace_of_somebody_elses_is_never_taken_over(media):
    subprocess.run(["ip", "netns", "add", "media"], check=True)
    try:
        before = os.stat(media.pin).st_ino
        status, _, err = media.up(check=False)
        assert status == 1 and "is not adit's" in err
        assert not media.folder.exists()
        assert listed(media) == {}
        media.down(check=False)
        assert os.stat(media.pin).st_ino == before
        assert media.links() == {"lo"}
    finally:
        subprocess.run(["ip", "netns", "del", "media"], check=True)


def test_one_key_is_not_used_twice(net, media):
    media.up()
    with named.place(net, "other", net.provider.conf()) as other:
        status, _, err = other.up(check=False)
        assert status == 1 and "key is in use by process" in err
        assert not other.pin.exists()


def test_a_name_that_does_not_resolve_is_waited_for_in_a_sealed_namespace(net, media):
    media.write(net.provider.conf(endpoint=f"{NO_SUCH}:{provider.PORT}"))
    media.up()
    assert NO_SUCH in media.status()["line"]
    assert media.links() == {"lo", "wg0"}
    assert not pings(media)
    net.zone[NO_SUCH] = [provider.ADDRESS]
    media.wait()
    assert pings(media)
    assert media.status()["peers"][0]["endpoint_name"] == f"{NO_SUCH}:{provider.PORT}"


# ---- status and list


def test_status_has_facts_for_people_and_programs(net, media):
    media.up()
    media.wait()
    pings(media)
    facts = media.status()
    assert facts["name"] == "media" and facts["state"] == "up"
    assert facts["namespace"] == str(media.pin)
    assert facts["addresses"] == [f"{provider.CLIENT}/32", f"{provider.CLIENT6}/128"]
    assert facts["dns"] == [provider.INNER]
    assert facts["peers"][0]["public_key"] == net.provider.key.public
    assert facts["peers"][0]["rx_bytes"] > 0
    assert abs(facts["peers"][0]["latest_handshake"] - time.time()) < 10
    _, out, _ = media.call("status", "media")
    assert out.startswith("media: tunnel up, handshake ")
    assert net.provider.client.private not in out + json.dumps(facts)
    assert media.call("status", "--exit-code", "media")[1] == ""
    assert media.call("status", "--exit-code", "--all")[0] == 0
    assert media.call("status", "--all")[1].startswith("media: tunnel up")


def test_status_counts_what_was_dropped(net, media):
    media.up()
    media.wait()
    pings(media)
    net.provider.netns.run("ping", "-c", "3", "-i", "0.2", "-W", "1", provider.CLIENT, check=False)
    dropped = {one["name"]: one["packets"] for one in media.status()["drops"]}
    assert sum(dropped.values()) >= 3, dropped
    assert "dropped" in media.call("status", "media")[1]


def test_status_of_what_is_not_up_is_an_error(media):
    status, out, err = media.call("status", "media", check=False)
    assert (status, out) == (1, "")
    assert "'media' is not up" in err and "adit up media" in err


def ask_as_another(net, media, word):
    """What the supervisor's socket answers alice."""
    ask = ("import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); "
           "s.connect(sys.argv[1]); s.send(sys.argv[2].encode()); print(s.recv(9999))")
    argv = [adit.PYTHON, "-c", ask, media.folder / "control", word]
    return net.host.run(*adit.as_user(argv, UID), check=False)


def test_another_user_can_neither_ask_nor_end_it(net, media):
    media.up()
    theirs = named.Place(net, "media", UID)
    for word in ("status", "reload", "restart"):
        assert theirs.call(word, "media", check=False)[0] == 1, word
    theirs.call("down", "media", check=False)
    assert "PermissionError" in ask_as_another(net, media, "stop").stderr
    # nor where the way to the socket is open
    for path in (named.STATE.parent, named.STATE, media.folder, media.folder / "control"):
        os.chmod(path, 0o777)
    assert "{" not in ask_as_another(net, media, "status").stdout
    ask_as_another(net, media, "stop")
    assert media.supervisor()
    for path in (media.folder, named.STATE, named.STATE.parent):
        os.chmod(path, 0o700)
    assert media.status()["state"] in ("connecting", "up")


def test_the_list_has_all_and_also_those_without_a_supervisor(net, media):
    media.up()
    media.wait()
    os.kill(media.supervisor(), signal.SIGKILL)
    with named.place(net, "second", net.provider.conf(private=provider.Key().private)) as second:
        second.up()
        listed = json.loads(media.call("list", "--json")[1])
        assert [(one["name"], one["state"]) for one in listed] == [
            ("media", "sealed"), ("second", "connecting")]
        assert media.call("list", "media", check=False)[0] == 2
        _, out, _ = media.call("list")
        assert [line.split()[0] for line in out.splitlines()] == ["NAME", "media", "second"]


# ---- down


def test_down_leaves_nothing(media):
    media.up()
    media.down()
    assert not media.pin.exists()
    assert not media.folder.exists()
    _, _, err = media.down()
    assert "is not up" in err


@pytest.mark.parametrize("words", [["down"], ["seal", "--undo"]])
def test_down_names_who_is_inside_and_they_stay_sealed(media, words):
    media.up()
    media.wait()
    with media.start_inside("sleep", "60") as guest:
        try:
            assert named.wait_until(lambda: os.readlink(f"/proc/{guest.pid}/exe").endswith("sleep"))
            _, _, err = media.call(*words, "media")
            assert f"'sleep' (process {guest.pid}) is still inside 'media'" in err
            links = subprocess.run(["nsenter", f"--net=/proc/{guest.pid}/ns/net", "ip", "-o",
                                    "link"], capture_output=True, text=True, check=True).stdout
            assert len(links.splitlines()) == 1 and " lo:" in links
        finally:
            guest.kill()


def test_down_works_without_a_supervisor(media):
    media.up()
    os.kill(media.supervisor(), signal.SIGKILL)
    media.down()
    assert not media.pin.exists() and not media.folder.exists()


# ---- the supervisor comes and goes


@pytest.mark.parametrize("how", ["killed", "restart"])
def test_what_runs_inside_goes_on_with_its_connection(media, how):
    media.up()
    media.wait()
    flow = Flow()
    with media.start_inside(*flow.command) as inside:
        assert flow.goes_on(5)
        if how == "killed":
            os.kill(media.supervisor(), signal.SIGKILL)
            assert named.wait_until(lambda: media.supervisor() is None or
                                    not os.path.exists(f"/proc/{media.supervisor()}"))
            media.up()
        else:
            media.restart()
        media.wait()
        assert flow.goes_on(15)
        assert inside.poll() is None
        flow.stop()
        assert flow.is_unharmed()


def test_nothing_leaks_from_before_the_first_link_until_after_the_last(net, media):
    oracle = Oracle(net)
    traffic = Traffic()
    started = time.monotonic()
    media.up()
    media.wait()
    inside = media.start_inside(*traffic.command)
    try:
        traffic.wait_for()
        os.kill(media.supervisor(), signal.SIGKILL)
        time.sleep(1)
        media.up()
        media.wait()
        traffic.wait_for()
        media.down()
        time.sleep(1)
    finally:
        inside.kill()
        inside.wait()
    oracle.finish(started=started, offered=traffic.counts()["attempts"],
                  least={kind: 4 for kind in ORDINARY + PRIVILEGED}, wireguard=30)


# ---- reload


def test_reload_changes_addresses_and_routes_under_what_runs(net, media):
    media.up()
    media.wait()
    flow = Flow()
    with media.start_inside(*flow.command):
        assert flow.goes_on(5)
        media.write(net.provider.conf(interface="MTU = 1300",
                                      allowed=f"{internet.WEB}/32, {internet.DNS}/32, "
                                              f"{provider.INNER}/32"))
        media.reload()
        assert flow.goes_on(10)
        flow.stop()
        assert flow.is_unharmed()
    assert media.status()["mtu"] == 1300
    assert pings(media)
    assert not pings(media, internet.LAN)
    routes = media.inside("ip", "route").stdout
    assert "default dev wg0" not in routes and "unreachable default" in routes


def test_reload_of_a_wrong_file_changes_nothing(net, media):
    media.up()
    media.wait()
    before = media.inside("ip", "route").stdout
    media.write(net.provider.conf() + "\n[Interface]\nAddress = nonsense\n")
    status, _, err = media.reload(check=False)
    assert status == 1 and "configuration of 'media' has errors" in err
    assert media.inside("ip", "route").stdout == before
    assert pings(media)


def test_reload_that_cannot_write_the_resolvers_files_changes_nothing(net, media):
    media.up()
    media.wait()
    hidden, before = ((media.folder / "hidden").read_text(), media.inside("ip", "address").stdout)
    names = media.folder / "resolv.conf"
    text = names.read_text()
    names.unlink()
    names.mkdir()
    media.write(net.provider.conf(dns="192.0.2.53", address="10.66.0.9/32"))
    status, _, err = media.reload(check=False)
    names.rmdir()
    names.write_text(text)
    assert status == 1 and f"cannot write '{names}'" in err
    assert media.inside("ip", "address").stdout == before
    assert (media.folder / "hidden").read_text() == hidden
    assert media.status()["dns"] == [provider.INNER] and pings(media)


def test_reload_that_fails_later_leaves_the_resolvers_files_as_they_were(net, media):
    """By a port of the host's that is taken."""
    media.up()
    media.wait()
    before = (media.folder / "resolv.conf").read_text()
    net.serve(servers.TcpEcho, net.host, internet.HOST, 8080)
    media.write(net.provider.conf(dns="192.0.2.53") + "\n[Lan]\nForward = tcp:8080->80\n")
    status, _, err = media.reload(check=False)
    assert status == 1 and "8080" in err
    assert (media.folder / "resolv.conf").read_text() == before and pings(media)


def test_reload_takes_another_key(net, media):
    media.up()
    media.wait()
    key = provider.Key()
    net.provider.configure(client=key.public)
    media.write(net.provider.conf(private=key.private))
    media.reload()
    assert media.status()["public_key"] == key.public
    assert named.wait_until(lambda: pings(media))


def test_reload_takes_another_device_name(net, media):
    media.up()
    media.wait()
    media.write(net.provider.conf() + "\n[Namespace]\nDevice = tunnel0\n")
    media.reload()
    assert media.links() == {"lo", "tunnel0"}
    assert named.wait_until(lambda: pings(media))


def test_the_resolvers_files_are_the_configurations(net, media):
    media.up()
    text = (media.folder / "resolv.conf").read_text()
    assert f"nameserver {provider.INNER}\n" in text
    assert "hosts:" in (media.folder / "nsswitch.conf").read_text()
    media.write(net.provider.conf(dns="192.0.2.53"))
    media.reload()
    assert "nameserver 192.0.2.53\n" in (media.folder / "resolv.conf").read_text()
