"""adit plan: what up would do, to the letter, and what differs from a live namespace."""

import json
import os
import shutil
import subprocess

import pytest

from lab import adit, named


@pytest.fixture
def media(net):
    with named.place(net, "media", net.provider.conf()) as one:
        yield one


def plan(one, *options, name=None):
    return one.call("plan", *options, name or one.name)[1]


def facts(one, **options):
    return json.loads(plan(one, "--json", **options))


def lines(one):
    return [step["line"] for step in facts(one)["steps"]]


def nsenter(one, *words, text=None):
    return subprocess.run(["nsenter", f"--net={one.pin}", *words], input=text, text=True, check=True,
                          capture_output=True).stdout


def listing(one):
    return nsenter(one, "nft", "-s", "list", "ruleset")


def test_a_plan_makes_nothing_and_begins_with_the_drops(media):
    said = plan(media).splitlines()
    assert said[0].startswith("# sealed first")
    assert said[1] == "firewall.load table inet adit"
    assert said.index("link.up lo") < next(
        i for i, x in enumerate(said) if x.startswith(("tun.create wg0", "wireguard.create wg0")))
    assert not media.pin.exists() and not media.folder.exists()


def test_what_is_printed_is_what_is_loaded(media):
    media.up()
    now = listing(media)
    media.down()
    texts = [step["text"] for step in facts(media)["steps"] if step["operation"] == "firewall.load"]
    assert len(texts) == 1 and texts[0] in plan(media)
    try:
        subprocess.run(["ip", "netns", "add", "bare"], check=True)
        subprocess.run(["ip", "netns", "exec", "bare", "nft", "-f", "-"], input=texts[0], text=True,
                       check=True)
        assert subprocess.run(["ip", "netns", "exec", "bare", "nft", "-s", "list", "ruleset"], check=True,
                              capture_output=True, text=True).stdout == now
    finally:
        subprocess.run(["ip", "netns", "delete", "bare"], check=False)


def test_the_rules_of_a_new_namespace_are_loaded_once(media):
    # to replace a table takes the kernel longer than all else that up does
    media.up()
    tables = json.loads(nsenter(media, "nft", "-j", "list", "tables"))["nftables"]
    assert [x["table"]["handle"] for x in tables if "table" in x] == [1]


def test_an_ordinary_user_may_ask_about_a_file(net, media):
    copy = "/home/alice/media.conf"
    shutil.copy(media.file, copy)
    shutil.chown(copy, "alice")
    os.chmod(copy, 0o600)
    done = net.host.run("setpriv", "--reuid", "1001", "--regid", "1001", "--clear-groups",
                        adit.binary(), "plan", copy, check=False)
    assert done.returncode == 0, done.stderr
    assert "route.add 0.0.0.0/0 dev wg0" in done.stdout


def test_a_live_namespace_is_as_its_file_says(media):
    media.up()
    media.wait()
    assert facts(media)["is_there"]
    assert lines(media) == []
    assert plan(media) == "# media is as its file says\n"


def test_what_somebody_changed_is_named(media):
    media.up()
    media.wait()
    supervisor = media.supervisor()
    os.kill(supervisor, 19)  # SIGSTOP: else it repairs before we have looked
    try:
        nsenter(media, "nft", "flush", "ruleset")
        nsenter(media, "ip", "link", "add", "other", "type", "bridge")
        nsenter(media, "ip", "link", "set", "other", "up")
        nsenter(media, "ip", "route", "add", "10.0.0.0/8", "dev", "other")
        nsenter(media, "ip", "rule", "add", "from", "10.0.0.0/8", "lookup", "77")
        nsenter(media, "ip", "-6", "route", "del", "default", "dev", "wg0")
        # the supervisor, stopped, cannot say its MTU
        media.write(media.file.read_text().replace("[Peer]", "MTU = "
                                                   f"{mtu(media)}\n\n[Peer]", 1))
        assert lines(media) == [
            "firewall.load table inet adit",
            "route.delete 10.0.0.0/8 dev other",
            "rule.delete ipv4 32765: from 10.0.0.0/8 table 77",
            "route.add ::/0 dev wg0",
        ]
        assert facts(media)["foreign_links"] == ["other"]
        assert "# link other is not adit's: nothing goes by it" in plan(media)
    finally:
        os.kill(supervisor, 18)


def mtu(one):
    return json.loads(nsenter(one, "ip", "-j", "link", "show", "wg0"))[0]["mtu"]


def test_what_reload_would_do_is_named(net, media):
    media.up()
    media.wait()
    media.write(net.provider.conf().replace("[Peer]", "MTU = 1300\n\n[Peer]", 1) +
                "\n[Tunnel]\nAccept = tcp:1111\n")
    said = facts(media)
    assert [step["operation"] for step in said["steps"]] == ["firewall.load", "link.alter"]
    assert "tcp dport 1111 accept" in said["steps"][0]["text"]
    assert said["steps"][1]["mtu"] == 1300
    media.reload()
    assert lines(media) == []


def test_errors_of_the_file_are_told_with_their_places(media):
    media.write("[Interface]\nPrivateKey = short\n")
    status, out, err = media.call("plan", media.name, check=False)
    assert (status, out) == (1, "")
    assert f"{media.file}:2:" in err


def test_keys_are_no_part_of_a_plan(net, media):
    for options in [[], ["--json"]]:
        assert net.provider.client.private not in plan(media, *options)


def test_several_are_planned_by_name_and_all_that_are_configured(net, media):
    with named.place(net, "second", net.provider.conf()):
        for words in (["media", "second"], ["--all"]):
            said = media.call("plan", *words)[1].splitlines()
            assert [line for line in said if line in ("# media:", "# second:")] == \
                ["# media:", "# second:"]
        status, out, err = media.call("plan", "media", "nobody", check=False)
        assert status == 1 and "# media:" in out and "no configuration 'nobody'" in err


@pytest.mark.parametrize("words", [[], ["--no-such-option", "a"]])
def test_wrong_usage_is_2(media, words):
    status, _, err = media.call("plan", *words, check=False)
    assert status == 2 and err
