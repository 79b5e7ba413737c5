"""Started by root, adit runs the command as a person, or says that it must be told whom."""

import json
import os

import pytest
from lab import GID, HOME, UID, USER, adit, internet, named, provider


@pytest.fixture(scope="module", params=["run", "exec"])
def conf(request, shared_net):
    with named.run_or_exec(shared_net, request.param, uid=0) as one:
        yield one


def as_root(net, conf, *command, **how):
    return adit.run(net, conf, *command, uid=0, **{"cwd": "/", **how})


def test_root_without_a_user_is_refused_with_what_to_do(shared_net, conf):
    status, out, err = as_root(shared_net, conf, "echo", "ran")
    assert (status, out) == (125, "")
    assert "--user" in err and "--as-root" in err


def test_user_can_be_named(shared_net, conf):
    status, out, err = as_root(shared_net, conf, "sh", "-c", "id -u; id -g; echo $HOME $USER",
                               options=["--user", USER])
    assert (status, out) == (0, f"{UID}\n{GID}\n{HOME} {USER}\n"), err


def test_user_may_be_a_number(shared_net, conf):
    assert as_root(shared_net, conf, "id", "-u", options=["--user", str(UID)])[1] == f"{UID}\n"


def test_unknown_user_is_named(shared_net, conf):
    status, _, err = as_root(shared_net, conf, "true", options=["--user", "nobody-of-that-name"])
    assert status == 125 and "nobody-of-that-name" in err


def test_user_who_called_sudo_is_taken(shared_net, conf):
    status, out, err = as_root(shared_net, conf, "id", "-u",
                               env={"SUDO_UID": str(UID), "SUDO_GID": str(GID), "SUDO_USER": USER})
    assert (status, out) == (0, f"{UID}\n"), err


def test_sudo_by_root_is_nobody(shared_net, conf):
    status, _, err = as_root(shared_net, conf, "true",
                             env={"SUDO_UID": "0", "SUDO_GID": "0", "SUDO_USER": "root"})
    assert status == 125 and "--user" in err


def test_traffic_of_a_named_user_goes_through_the_tunnel(shared_net, conf):
    _, out, err = as_root(shared_net, conf, "curl", "-sS", f"http://{internet.WEB}/",
                          options=["--user", USER])
    assert json.loads(out)["address"] == provider.ADDRESS, err


def test_named_user_cannot_become_root_again(shared_net, conf):
    said = as_root(shared_net, conf, adit.PYTHON, "-c", """
import os
for call in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.chroot("/")):
    try:
        call()
        print("done")
    except OSError:
        print("refused")
print(open("/proc/self/status").read().split("CapEff:")[1].split()[0])
""", options=["--user", USER])[1]
    assert said.split() == ["refused"] * 3 + ["0" * 16]


def test_tun_node_of_root_alone_is_enough_for_root(shared_net, conf):
    os.chmod("/dev/net/tun", 0o600)
    try:
        assert as_root(shared_net, conf, "true", options=["--user", USER])[0] == 0
    finally:
        os.chmod("/dev/net/tun", 0o666)


@pytest.mark.parametrize("path", ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches",
                                  "/sys/kernel/mm/transparent_hugepage/enabled"])
def test_as_root_cannot_write_settings_of_the_machine(shared_net, conf, path):
    status, _, err = as_root(shared_net, conf, "sh", "-c", f"exec 3>>{path}",
                             options=["--as-root"])
    assert status not in (0, 125), err


def test_as_root_has_a_small_dev_of_its_own(shared_net, conf):
    _, out, err = as_root(shared_net, conf, "sh", "-c", "id -u; find /dev -type b -o -type c",
                          options=["--as-root"])
    uid, *devices = out.split()
    assert uid == "0", err
    allowed = {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"}
    assert {os.path.basename(d) for d in devices if "/pts/" not in d} <= allowed, devices


def test_as_root_cannot_make_devices_or_change_the_network(shared_net, conf):
    for command in (["mknod", "/tmp/tun", "c", "10", "200"], ["ip", "link", "set", "lo", "down"],
                    ["nft", "flush", "ruleset"], ["ip", "route", "del", "default"]):
        assert as_root(shared_net, conf, *command, options=["--as-root"])[0] not in (0, 125)


def test_as_root_goes_through_the_tunnel(shared_net, conf):
    _, out, err = as_root(shared_net, conf, "curl", "-sS", f"http://{internet.WEB}/",
                          options=["--as-root"])
    assert json.loads(out)["address"] == provider.ADDRESS, err


def test_as_root_is_refused_to_somebody_who_is_not(shared_net):
    conf = shared_net.provider.write_conf()
    assert adit.run(shared_net, conf, "true", options=["--as-root"])[0] == 125
