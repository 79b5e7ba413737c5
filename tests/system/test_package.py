"""The Debian package: installed, upgraded under a running service, removed, purged.

Only with --package FILE, which is what packaging/debian/build.sh makes.
"""

import shutil
import subprocess

import pytest

from lab import machine, named
from lab.flow import Flow
from test_units_life import SERVICE

pytestmark = pytest.mark.package
NEWER = "99.0"


@pytest.fixture(scope="module")
def package(request):
    return request.config.option.package.absolute()


@pytest.fixture
def host(net, package):
    def prepare(one):
        shutil.copy(package, one.root / "adit.deb")

    with machine.booted(net, prepare, is_installed=False) as one:
        dpkg(one, "--install", "/adit.deb")
        one.configure("media", net.provider.conf())
        yield one


def dpkg(host, *words):
    return host.run("dpkg", "--no-triggers", "--force-unsafe-io", *words).stdout


def newer(host, package):
    """The same one with a higher version."""
    content = host.base / "newer"
    subprocess.run(["dpkg-deb", "--raw-extract", package, content], check=True)
    control = content / "DEBIAN/control"
    lines = [f"Version: {NEWER}" if line.startswith("Version:") else line
             for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", content,
                    host.root / "newer.deb"], check=True, capture_output=True)
    return "/newer.deb"


def serve(host):
    flow = Flow()
    host.unit("inside.service", SERVICE.format(" ".join(flow.command)))
    host.systemctl("start", "adit@media", "inside.service")
    host.run("adit", "wait", "--timeout", "10", "media")
    assert flow.goes_on(10), host.journal("inside.service")
    return flow


def test_what_is_installed_is_complete(host):
    assert host.run("stat", "-c", "%a %U", "/etc/adit").stdout == "700 root\n"
    assert host.run("adit", "--version").stdout.startswith("adit ")
    host.run("systemd-analyze", "verify", "adit@media.service", "adit-online@media.target")
    for unit in ("adit@media.service", "adit-netns@media.service"):
        assert host.property(unit, "LoadState") == "loaded"
    assert host.run("dpkg", "--verify", "adit").stdout == ""
    completed = host.run("bash", "-c", "source /usr/share/bash-completion/completions/adit; "
                         "COMP_WORDS=(adit up m); COMP_CWORD=2; _adit; echo \"${COMPREPLY[@]}\"; "
                         "COMP_WORDS=(adit wait --t); COMP_CWORD=2; _adit; echo \"${COMPREPLY[@]}\"; "
                         "COMP_WORDS=(adit relo); COMP_CWORD=1; _adit; echo \"${COMPREPLY[@]}\"")
    assert completed.stdout.split() == ["media", "--timeout", "reload"]


def test_an_upgrade_under_a_service_is_not_noticed_by_it(host, package):
    flow = serve(host)
    inside, supervisor = host.main_pid("inside.service"), host.main_pid("adit@media")
    dpkg(host, "--install", newer(host, package))
    assert NEWER in host.run("dpkg-query", "--show", "adit").stdout
    assert host.main_pid("adit@media") not in (0, supervisor)
    assert host.main_pid("inside.service") == inside
    host.run("adit", "wait", "--timeout", "10", "media")
    assert flow.goes_on(15)
    flow.stop()
    assert flow.is_unharmed()


def test_removal_leaves_what_runs_sealed_and_says_so(host):
    flow = serve(host)
    inside = host.main_pid("inside.service")
    done = dpkg(host, "--remove", "adit")
    assert "stay, sealed, with what runs in them: media" in done
    assert "adit down media" in done
    assert host.main_pid("inside.service") == inside
    assert not host.run("pidof", "adit", check=False).stdout
    links = host.inside("media", "ip", "-o", "link").stdout
    assert len(links.splitlines()) == 1 and " lo:" in links
    assert not flow.goes_on(1)
    # and as it says, so it is
    dpkg(host, "--install", "/adit.deb")
    host.run("adit", "down", "media")
    assert host.run("ls", "/run/netns").stdout == ""
    assert named.wait_until(lambda: not host.is_active("inside.service"))


def test_a_purge_leaves_configurations_alone(host):
    host.run("systemctl", "enable", "adit@media")
    done = dpkg(host, "--purge", "adit")
    assert "/etc/adit stays" in done
    assert "adit" not in host.run("ls", "/etc/systemd/system/multi-user.target.wants").stdout
    host.run("rm", "/etc/adit/media.conf")
    dpkg(host, "--install", "/adit.deb")
    dpkg(host, "--purge", "adit")
    assert host.run("test", "-e", "/etc/adit", check=False).returncode == 1
