"""Started by root: as another user, or as root with its powers inside alone."""

import os
import subprocess
from pathlib import Path

from lab import HOME, UID, USER, adit, confined


def test_root_without_a_user_is_refused():
    status, _, err = confined.run("id", uid=0)
    assert status == 125 and "--user" in err and "--as-root" in err


def test_user_is_taken_from_the_option_or_from_sudo():
    for options, env in (["--user", USER], {}), ([], {"SUDO_UID": str(UID), "SUDO_USER": USER}):
        status, out, err = confined.run("sh", "-c", "id -u; id -G; echo $HOME $USER $XDG_RUNTIME_DIR; ls -A /dev/net",
                                        uid=0, options=options, env=env)
        assert (status, out) == (0, f"{UID}\n{UID}\n{HOME} {USER} /run/user/{UID}\n"), err


def test_unknown_user():
    status, _, err = confined.run("id", uid=0, options=["--user", "nobody-such"])
    assert status == 125 and "nobody-such" in err


def test_tun_for_root_alone_is_opened_by_the_helper():
    os.chmod("/dev/net/tun", 0o600)
    try:
        assert confined.run("true", uid=0, options=["--user", USER])[0] == 0
        status, _, err = confined.run("true")
        assert status == 125 and "/dev/net/tun" in err and "chmod 0666" in err
    finally:
        os.chmod("/dev/net/tun", 0o666)


def test_tun_missing():
    os.rename("/dev/net/tun", "/dev/net/away")
    try:
        status, _, err = confined.run("true")
        assert status == 125 and "No such file" in err and "modprobe tun" in err
    finally:
        os.rename("/dev/net/away", "/dev/net/tun")


def test_as_root_reaches_nothing_of_the_network_or_the_kernel():
    script = """
        id -u; chown 7 /tmp/mine 2>/dev/null || touch /tmp/mine && chown 7 /tmp/mine && echo chowned
        for f in /proc/sys/kernel/core_pattern /proc/sys/net/ipv4/ip_forward /sys/class/net/lo/mtu \
                 /proc/sysrq-trigger /etc/passwd /run/x; do
            (echo 1 >$f) 2>/dev/null && echo "wrote $f"
        done
        ip link set lo down 2>/dev/null && echo link
        nft flush ruleset 2>/dev/null && echo nft
        mount -o remount,rw /proc/sys 2>/dev/null && echo remounted
        umount /proc/sys 2>/dev/null && echo unmounted
        mknod /tmp/node b 254 0 2>/dev/null && echo mknod
        python3 -c 'import socket; socket.socket(17, 3, 0)' 2>/dev/null && echo packet
        ls /dev | tr '\\n' ' '
    """
    status, out, err = confined.run("sh", "-c", script, uid=0, options=["--as-root"])
    assert status == 0, err
    lines = out.splitlines()
    assert lines[:2] == ["0", "chowned"], out + err
    assert len(lines) == 3, out
    assert set(lines[2].split()) == {"console", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm",
                                     "stderr", "stdin", "stdout", "tty", "urandom", "zero"}


def test_as_root_runs_sandboxes_of_programs():
    for command in ("unshare -n true", "ping -c1 127.0.0.1", "unshare -Urn true"):
        status, out, err = confined.run("sh", "-c", command, uid=0, options=["--as-root"])
        assert status == 0, command + out + err


def test_root_does_not_come_back():
    status, out, _ = confined.run("python3", "-c", "import os\ntry:\n os.setuid(0); print('root')\nexcept OSError: "
                                  "print('no')", uid=0, options=["--user", USER])
    assert (status, out) == (0, "no\n")


def test_set_user_id_programs_have_no_effect():
    copy = Path("/usr/local/bin/lab-id")
    subprocess.run(["cp", "/usr/bin/id", str(copy)], check=True)
    os.chmod(copy, 0o4755)
    try:
        plain = subprocess.run(adit.as_user([str(copy), "-u"]), capture_output=True, text=True, check=True).stdout
        assert plain == "0\n"
        assert confined.shell(f"{copy} -u") == f"{UID}\n"
    finally:
        copy.unlink()
