"""Files as providers hand them out are complete configurations, without a change."""

import os
import shutil
from pathlib import Path

import pytest

from lab import configs
from lab.configs import wireguard_go  # noqa: F401  (a fixture)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "providers"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.conf") if path.is_file())


@pytest.fixture
def folder(tmp_path):
    """The fixtures as a careful user keeps them: nobody else may read them."""
    copy = shutil.copytree(FIXTURES, tmp_path / "providers")
    for path in copy.rglob("*.conf"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return copy


@pytest.mark.parametrize("name", NAMES)
def test_provider_file_is_read_as_it_is(folder, name):
    status, out, report = configs.read(folder / f"{name}.conf")

    assert status == 0, report
    configs.compare(FIXTURES / f"{name}.expected", out)
    configs.compare(FIXTURES / f"{name}.report", report.replace(f"{folder}/", ""))


@pytest.mark.parametrize("name", NAMES)
def test_provider_file_gives_the_device_that_wg_makes(folder, wireguard_go, name):  # noqa: F811
    """The oracle is not adit: wg-quick strips the file, wg sets it, wg shows it."""
    plain = configs.strip(folder / f"{name}.conf", wireguard_go.hosts)

    assert wireguard_go.set(plain) == ""
    assert configs.canonical(configs.read(folder / f"{name}.conf")[1], wireguard_go.hosts) == \
        configs.canonical(wireguard_go.show(plain))


@pytest.mark.parametrize("name", ["mullvad", "proton"])
def test_file_that_others_can_read_draws_a_warning(folder, name):
    (folder / f"{name}.conf").chmod(0o644)

    status, _, report = configs.read(folder / f"{name}.conf")

    assert status == 0
    assert "warning: others can read this file, and it holds a key (mode 0644)" in report


def test_file_in_etc_adit_that_others_can_read_is_refused(folder):
    os.makedirs("/etc/adit", exist_ok=True)
    shutil.copy(folder / "mullvad.conf", "/etc/adit/media.conf")
    os.chmod("/etc/adit/media.conf", 0o644)

    status, out, report = configs.read("/etc/adit/media.conf")

    assert status == 1 and out == ""
    assert "error: others can read this file" in report


def test_file_in_etc_adit_is_refused_by_whatever_name_it_is_reached(folder, tmp_path):
    os.makedirs("/etc/adit", exist_ok=True)
    shutil.copy(folder / "mullvad.conf", "/etc/adit/media.conf")
    os.chmod("/etc/adit/media.conf", 0o644)
    (tmp_path / "link.conf").symlink_to("/etc/adit/media.conf")

    assert configs.read(tmp_path / "link.conf")[0] == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_key_is_shown_in_a_report(folder, name):
    path = folder / f"{name}.conf"
    path.chmod(0o644)
    broken = path.read_bytes().replace(b"PrivateKey", b"PrivatKey")

    path.write_bytes(broken)
    report = configs.read(path)[2]

    for line in broken.decode().splitlines():
        key, _, value = line.partition("=")
        if key.strip().lower() in ("privatkey", "privatekey", "presharedkey"):
            assert value.strip() not in report
