"""What a person reads about a configuration that cannot be used, word for word."""

import re
import shutil
import string
from pathlib import Path

import pytest

from lab import configs

GOLDEN = Path(__file__).parents[1] / "golden" / "config"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.conf") if path.is_file())
KEYS = ("eEeGGJoGqh0q9nbnAm3fHC3FPb3HWqmzRVAdGwNm3l8=",
        "0Kpn3F4FmaSQqPNn5ofvwYmQ9SB0xUyyGNqKuVzjfnU=")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    copy = shutil.copytree(GOLDEN, tmp_path_factory.mktemp("golden") / "config")
    for path in copy.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return copy


def test_there_are_enough_of_them():
    assert len(NAMES) >= 60


@pytest.mark.parametrize("name", NAMES)
def test_fault_is_told_with_its_place(folder, name):
    status, out, report = configs.read(f"{name}.conf", cwd=folder)

    assert (status, out) == (1, ""), report
    assert re.search(r"^\S+\.conf\S*: error: ", report, re.M) or ".wg:" in report
    configs.compare(GOLDEN / f"{name}.expected", report)


@pytest.mark.parametrize("name", NAMES)
def test_fault_shows_no_key_and_nothing_that_a_terminal_obeys(folder, name):
    report = configs.read(f"{name}.conf", cwd=folder)[2]

    for key in KEYS:
        assert not any(key[at:at + 12] in report for at in range(0, len(key) - 12))
    assert all(c in string.printable or c.isprintable() for c in report)


OWN = """[Namespace]
Backend = kernel
Underlay = other
Path = /run/netns/x
Users = alice
[Lan]
Forward = tcp:2222->22
[Tunnel]
Accept = tcp:1111
"""


def test_what_is_not_available_yet_is_parsed_and_refused_when_used(folder):
    """The grammar has it all; only using it is an error, each with its place."""
    work = folder / "later.conf"
    tunnel = (folder.parent / "tunnel.conf")
    work.write_text(OWN + f"[Namespace]\nWireGuard = {tunnel}\nAddress = 10.0.0.2\n")
    tunnel.write_text(f"[Interface]\nPrivateKey = {KEYS[0]}\n[Peer]\nPublicKey = {KEYS[1]}\n"
                      "AllowedIPs = 0.0.0.0/0\nEndpoint = 192.0.2.1:51820\n")
    work.chmod(0o600)
    tunnel.chmod(0o600)

    assert configs.read("later.conf", cwd=folder)[0] == 0
    status, _, report = configs.read("--require-available", "later.conf", cwd=folder)

    assert status == 1
    assert re.findall(r"^later.conf:(\d+:\d+): error: (.*)$", report, re.M) == [
        ("2:11", "Backend: 'kernel' is for lasting namespaces (adit up)"),
        ("3:1", "Underlay: not available yet"),
        ("4:1", "Path: is for lasting namespaces (adit up)"),
        ("5:1", "Users: not available yet"),
        ("6:2", "[Lan] is for lasting namespaces (adit up)"),
    ]


def test_file_that_is_not_there_is_named(folder):
    status, _, report = configs.read("no-such-file.conf", cwd=folder)

    assert status == 2
    assert report == "error: cannot read 'no-such-file.conf': No such file or directory\n"


def test_folder_is_no_file(folder):
    assert configs.read(".", cwd=folder)[2] == "error: '.' is a folder\n"


def test_enormous_file_is_refused(tmp_path):
    (tmp_path / "big.conf").write_bytes(b"#" * ((1 << 20) + 1))

    assert configs.read("big.conf", cwd=tmp_path)[2] == \
        "error: 'big.conf' is larger than 1048576 bytes\n"
