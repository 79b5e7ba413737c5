"""What cannot work or would leave is named before it starts, with what to do."""

import os

import pytest
from lab import GID, HOME, UID, adit
from lab.internet import Internet

BIN = f"{HOME}/bin"


@pytest.fixture(scope="module")
def conf(shared_net):
    return shared_net.provider.write_conf()


def pretend(name, text="#!/bin/sh\necho ran\n"):
    """A program of that name, first in PATH; refusals go by what it is called and is."""
    os.makedirs(BIN, exist_ok=True)
    path = f"{BIN}/{name}"
    with open(path, "w" if isinstance(text, str) else "wb") as f:
        f.write(text)
    os.chmod(path, 0o755)
    return path


def first_in_path():
    return {"PATH": f"{BIN}:{adit.environment()['PATH']}"}


@pytest.mark.parametrize("command", [
    ["snap", "run", "firefox"], ["flatpak", "run", "org.mozilla.firefox"],
    ["docker", "run", "busybox"], ["podman", "--remote", "run", "busybox"],
    ["systemd-run", "--user", "true"], ["sudo", "true"],
], ids=lambda command: command[0])
def test_program_that_works_outside_is_refused_by_name(shared_net, conf, command):
    pretend(command[0])
    status, out, err = adit.run(shared_net, conf, *command, env=first_in_path())
    assert (status, out) == (125, ""), err
    assert command[0] in err and len(err.splitlines()) >= 1
    assert "hint" in err.lower()


def test_link_to_such_a_program_is_seen_through(shared_net, conf):
    pretend("snap")
    link = f"{BIN}/chromium-of-snap"
    if not os.path.islink(link):
        os.symlink("snap", link)
    status, out, err = adit.run(shared_net, conf, "chromium-of-snap", env=first_in_path())
    assert (status, out) == (125, "") and "snap" in err


def test_appimage_is_told_by_its_magic(shared_net, conf):
    """Its FUSE mount needs a setuid helper; bytes 8 to 10 of the file are AI and the type."""
    with open("/bin/true", "rb") as f:
        elf = bytearray(f.read())
    elf[8:11] = b"AI\x02"
    path = pretend("Tool.AppImage", bytes(elf))
    status, _, err = adit.run(shared_net, conf, path)
    assert status == 125 and "AppImage" in err


def test_program_that_only_sounds_alike_runs(shared_net, conf):
    path = pretend("sudoku")
    assert adit.output(shared_net, conf, path) == "ran\n"


def test_browser_that_runs_outside_with_the_profile_is_refused(shared_net, conf):
    """It would be handed the page, and show it from outside."""
    pretend("chromium")
    os.makedirs(f"{HOME}/.config/chromium", exist_ok=True)
    lock = f"{HOME}/.config/chromium/SingletonLock"
    with shared_net.host.popen("sleep", "60") as outside:
        os.symlink(f"host-{outside.pid}", lock)
        try:
            status, out, err = adit.run(shared_net, conf, "chromium", env=first_in_path())
            assert (status, out) == (125, "") and "chromium" in err and "outside" in err, err
        finally:
            outside.kill()
            outside.wait()
    assert adit.run(shared_net, conf, "chromium", env=first_in_path())[:2] == (0, "ran\n")
    os.unlink(lock)


def no_user_namespaces(*command):
    """As in a container, or with Debian's switch: none can be made."""
    return ["unshare", "-U", "--map-current-user", "--keep-caps", "sh", "-c",
            'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh",
            "setpriv", "--inh-caps=-all", "--ambient-caps=-all", *command]


def test_forbidden_user_namespaces_are_named_with_what_to_do(shared_net, conf):
    argv = no_user_namespaces(adit.binary(), "run", str(conf), "--", "echo", "ran")
    done = shared_net.host.run(*adit.as_user(argv), env=adit.environment(), cwd=HOME, check=False)
    assert done.returncode == 125 and done.stdout == ""
    said = done.stderr.lower()
    assert "user namespace" in said and "max_user_namespaces" in said, said


def test_missing_tun_device_is_named_with_what_to_do(shared_net, conf):
    os.rename("/dev/net/tun", "/dev/net/tun.away")
    try:
        status, out, err = adit.run(shared_net, conf, "echo", "ran")
    finally:
        os.rename("/dev/net/tun.away", "/dev/net/tun")
    assert (status, out) == (125, "")
    assert "/dev/net/tun" in err and "modprobe" in err, err


def test_forbidden_tun_device_is_named_with_what_to_do(shared_net, conf):
    os.chmod("/dev/net/tun", 0o600)
    try:
        status, _, err = adit.run(shared_net, conf, "echo", "ran")
    finally:
        os.chmod("/dev/net/tun", 0o666)
    assert status == 125 and "/dev/net/tun" in err, err


def test_key_in_use_names_the_process_and_join_shares_its_tunnel(shared_net, conf):
    with adit.start(shared_net, conf, "sleep", "60") as first:
        inside = first.wait_for_command()
        status, out, err = adit.run(shared_net, conf, "echo", "ran")
        assert (status, out) == (125, "")
        assert str(first.pid) in err and "--join" in err, err
        joined = adit.output(shared_net, conf, "readlink", "/proc/self/ns/net",
                             options=["--join"])
        assert joined.strip() == os.readlink(f"/proc/{inside}/ns/net")
        assert adit.is_alive(inside)


def test_joined_command_is_confined_alike(shared_net, conf):
    with adit.start(shared_net, conf, "sleep", "60") as first:
        first.wait_for_command()
        status, _, err = adit.run(shared_net, conf, "unshare", "-Ur", "ip", "link", "set", "lo",
                                  "down", options=["--join"])
        assert status not in (0, 125, 126, 127) and "not permitted" in err
        assert adit.run(shared_net, conf, "sh", "-c", "exit 9", options=["--join"])[0] == 9


def test_joined_command_ends_with_the_first(shared_net, conf):
    with adit.start(shared_net, conf, "sleep", "60") as first:
        first.wait_for_command()
        with adit.start(shared_net, conf, "sleep", "61", options=["--join"]) as second:
            second.wait_for_command()
            first.end()
            assert second.wait_until_gone(3)


def test_key_is_free_again_after_the_run(shared_net, conf):
    for _ in range(2):
        adit.output(shared_net, conf, "true")


def test_key_is_free_again_after_a_crash(shared_net, conf):
    with adit.start(shared_net, conf, "sleep", "60") as run:
        run.wait_for_command()
        run.process.kill()
        run.process.wait()
        assert run.wait_until_gone(3)
    adit.output(shared_net, conf, "true")


def test_two_files_with_two_keys_run_side_by_side(shared_net, conf):
    other = Internet()
    try:
        other_conf = other.provider.write_conf()
        with adit.start(shared_net, conf, "sleep", "60") as first:
            first.wait_for_command()
            adit.output(other, other_conf, "ping", "-c1", "-W2", "198.18.0.80")
    finally:
        other.close()
        shared_net.use()


def test_readable_key_file_is_warned_about(shared_net):
    conf = shared_net.provider.write_conf(f"{HOME}/open.conf")
    os.chmod(conf, 0o644)
    status, _, err = adit.run(shared_net, conf, "true")
    assert status == 0 and "open.conf" in err and "warning" in err.lower()


def test_hooks_of_wg_quick_are_never_run(shared_net):
    mark = f"{HOME}/hook-ran"
    conf = shared_net.provider.write_conf(f"{HOME}/hooks.conf",
                                          interface=f"PostUp = touch {mark}\nPreUp = touch {mark}")
    status, _, err = adit.run(shared_net, conf, "true")
    assert status == 0 and "PostUp" in err
    assert not os.path.exists(mark)


def test_file_of_another_user_is_refused_in_words(shared_net):
    conf = shared_net.provider.write_conf(f"{HOME}/roots.conf", owner=(0, 0))
    status, _, err = adit.run(shared_net, conf, "true")
    assert status == 125 and "roots.conf" in err and "denied" in err.lower()
    os.chown(conf, UID, GID)


def test_the_kernels_tunnel_is_for_lasting_namespaces(shared_net):
    text = shared_net.provider.conf() + "[Namespace]\nBackend = kernel\n"
    path = shared_net.provider.write_conf(f"{HOME}/kernel.conf")
    path.write_text(text)
    status, out, err = adit.run(shared_net, path, "true")
    assert (status, out) == (125, "")
    assert "error: Backend: 'kernel' is for lasting namespaces (adit up)" in err
