"""What a confined command sees of /etc, /run, /tmp, /dev, /proc and /sys."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from lab import HOME, UID, confined

RUNTIME = f"/run/user/{UID}"


def write(path, text, mode=0o644, uid=0):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, uid, uid)
    return path


@pytest.fixture
def mounted():
    """Mounts that go with the test."""
    places = []

    def mount(*argv):
        Path(argv[-1]).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", *argv], check=True)
        places.append(argv[-1])

    yield mount
    for place in reversed(places):
        subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def submount(mounted):
    """Something mounted below /run: an unprivileged overlay of /run is then refused."""
    mounted("-t", "tmpfs", "-o", "mode=1777", "lock", "/run/lock")


def test_resolver_files_are_private_and_survive_a_rename_outside():
    write("/etc/resolv.conf", "nameserver 192.0.2.1\n")
    script = ("cat /etc/resolv.conf /etc/nsswitch.conf; echo ready; read x; echo; "
              "cat /etc/resolv.conf; ls /etc/fresh")
    with confined.started("sh", "-c", script, options=["--dns", "10.2.0.1"],
                          stdin=subprocess.PIPE) as process:
        before = []
        while (line := process.stdout.readline()) not in ("ready\n", ""):
            before.append(line)
        write("/etc/fresh", "")
        write("/etc/resolv.conf.new", "nameserver 192.0.2.2\n")
        os.rename("/etc/resolv.conf.new", "/etc/resolv.conf")
        after, _ = process.communicate("go\n", timeout=10)
    os.unlink("/etc/fresh")
    assert "nameserver 10.2.0.1\n" in before
    assert "hosts: files dns\n" in before
    assert "192.0.2" not in "".join(before) + after
    assert "nameserver 10.2.0.1\n" in after
    assert "/etc/fresh" in after  # the rest of the host's changes shows


def test_a_resolv_conf_that_is_a_link_into_run_is_replaced():
    target = write("/run/resolvectl/stub.conf", "nameserver 192.0.2.3\n")
    Path("/etc/resolv.conf").unlink(missing_ok=True)
    os.symlink("../run/resolvectl/stub.conf", "/etc/resolv.conf")
    try:
        out = confined.shell("cat /etc/resolv.conf", options=["--dns", "10.2.0.1"])
    finally:
        os.unlink("/etc/resolv.conf")
        target.unlink()
    assert "nameserver 10.2.0.1" in out and "192.0.2.3" not in out


def test_files_mounted_in_etc_keep_showing():
    """As docker does with hosts, hostname and resolv.conf."""
    for name, text in (("hosts", "127.0.0.1 from-the-mount\n"), ("resolv.conf", "nameserver 192.0.2.4\n")):
        write(f"/run/mounted-{name}", text)
        if not Path(f"/etc/{name}").exists():
            write(f"/etc/{name}", "")
        subprocess.run(["mount", "--bind", f"/run/mounted-{name}", f"/etc/{name}"], check=True)
    try:
        out = confined.shell("cat /etc/hosts /etc/resolv.conf; id -un; ls /etc/passwd",
                             options=["--dns", "10.2.0.1"])
    finally:
        for name in ("hosts", "resolv.conf"):
            subprocess.run(["umount", f"/etc/{name}"], check=True)
    assert "from-the-mount" in out and "10.2.0.1" in out and "192.0.2.4" not in out


@pytest.mark.parametrize("place", ["/etc", "/run"])
def test_etc_and_run_are_read_only(place, submount):
    status, _, err = confined.run("touch", f"{place}/file")
    assert status != 0 and "Read-only" in err


def test_files_in_run_are_readable_with_something_mounted_below_it(submount):
    write("/run/daemon/pid", "17\n")
    write("/run/top", "text\n")
    write("/run/lock/one", "held\n")
    os.symlink("/run/daemon", "/run/link")
    out = confined.shell("cat /run/daemon/pid /run/top /run/lock/one /run/link/pid")
    for name in ("top", "link"):
        os.unlink(f"/run/{name}")
    assert out == "17\ntext\nheld\n17\n"


def test_a_disk_mounted_below_run_is_the_disk_itself(mounted, tmp_path):
    image = tmp_path / "image"
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", str(image)], check=False)
    if made.returncode != 0:
        pytest.skip("no mkfs.ext4")
    place = "/run/media/alice/STICK, a:b"
    try:
        mounted("-o", "loop", str(image), place)
    except subprocess.CalledProcessError:
        pytest.skip("no loop devices here")
    os.chmod(place, 0o777)
    confined.shell(f"echo written >'{place}/file'")
    assert Path(place, "file").read_text() == "written\n"


def test_kernel_mounts_below_run_do_not_show():
    os.makedirs("/run/netns", exist_ok=True)
    subprocess.run(["ip", "netns", "add", "probe"], check=True)
    try:
        out = confined.shell("ls /run/netns; stat -f -c %T /run/netns/probe 2>/dev/null || true")
    finally:
        subprocess.run(["ip", "netns", "del", "probe"], check=True)
    assert "nsfs" not in out


def test_runtime_dir_is_fresh_and_the_users_own():
    write(f"{RUNTIME}/secret", "text\n", uid=UID)
    out = confined.shell("echo $XDG_RUNTIME_DIR; stat -c '%a %u' $XDG_RUNTIME_DIR; "
                         "ls -A $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/mine")
    assert out.split()[:3] == [RUNTIME, "700", str(UID)]
    assert "secret" not in out
    assert not Path(RUNTIME, "mine").exists()


def test_tmp_shows_the_hosts_files_and_keeps_what_is_written(tmp_path):
    write("/tmp/theirs", "old\n", uid=UID)
    status, out, err = confined.run("sh", "-c", "cat /tmp/theirs; echo new >/tmp/theirs; mkdir /tmp/d; "
                                    "echo text >/tmp/d/mine; echo v >/var/tmp/other; cat /tmp/theirs; "
                                    "stat -c %a /tmp")
    assert status == 0 and out == "old\nnew\n1777\n"
    assert Path("/tmp/theirs").read_text() == "old\n" and not Path("/tmp/d").exists()
    kept = Path(err.split("kept ")[1].strip())
    assert kept.is_relative_to(Path(HOME, ".local/state/adit/tmp"))
    assert (kept / "tmp/upper/d/mine").read_text() == "text\n"
    assert (kept / "tmp/upper/theirs").read_text() == "new\n"
    assert (kept / "var-tmp/upper/other").read_text() == "v\n"


def test_nothing_is_kept_when_nothing_is_left():
    _, _, err = confined.run("sh", "-c", "mkdir -p /tmp/a/b; echo x >/tmp/x; rm /tmp/x; "
                             "python3 -c \"import socket;socket.socket(1).bind('/tmp/a/s')\"")
    assert "kept" not in err
    state = Path(HOME, ".local/state/adit/tmp")
    deadline = time.monotonic() + 5
    while any(".confine" in p.name or p.name.startswith(".") for p in state.iterdir()):
        assert time.monotonic() < deadline, list(state.iterdir())
        time.sleep(0.02)


def files_below(folder):
    """None while what is empty is being removed under our eyes."""
    try:
        return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    except FileNotFoundError:
        return None


def test_tmp_with_something_mounted_in_it(mounted):
    """As by an AppImage that runs outside."""
    mounted("-t", "tmpfs", "none", "/tmp/.mount_x")
    write("/tmp/theirs", "old\n", 0o666)
    write("/tmp/folder/file", "in folder\n", 0o666)
    os.chmod("/tmp/folder", 0o777)
    status, out, err = confined.run("sh", "-c", "cat /tmp/theirs /tmp/folder/file; echo x >/tmp/mine; "
                                    "echo y >/tmp/folder/mine; cat /tmp/mine /tmp/folder/mine")
    assert (status, out) == (0, "old\nin folder\nx\ny\n"), err
    assert not Path("/tmp/mine").exists() and not Path("/tmp/folder/mine").exists()
    kept = Path(err.split("kept ")[1].strip())
    deadline = time.monotonic() + 5
    while files_below(kept) != ["tmp/upper/folder/mine", "tmp/upper/mine"]:
        assert time.monotonic() < deadline, files_below(kept)
        time.sleep(0.02)


def test_share_tmp_is_the_real_one():
    confined.shell("echo x >/tmp/shared", options=["--share-tmp"])
    assert Path("/tmp/shared").read_text() == "x\n"


def test_lost_tmp_is_told_and_works(mounted):
    """An overlay's own upper layer cannot be on an overlay."""
    mounted("-t", "tmpfs", "none", "/mnt/layers")
    for name in ("low", "up", "work"):
        Path("/mnt/layers", name).mkdir()
    mounted("-t", "overlay", "-o", "lowerdir=/mnt/layers/low,upperdir=/mnt/layers/up,"
            "workdir=/mnt/layers/work", "none", "/mnt/state")
    os.chmod("/mnt/state", 0o777)
    status, out, err = confined.run("sh", "-c", "echo x >/tmp/mine; cat /tmp/mine",
                                    env={"XDG_STATE_HOME": "/mnt/state"})
    assert (status, out) == (0, "x\n"), err
    assert "is lost at the end" in err and "kept" not in err
    assert not Path("/tmp/mine").exists()


def test_proc_and_sys_are_the_namespaces_own():
    out = confined.shell("ls -d /proc/[0-9]* | wc -l; ls /sys/class/net; cat /proc/1/comm")
    count, *rest = out.split()
    assert int(count) <= 5 and rest[0] == "lo" and "confine_try" in rest[1]
    status, _, _ = confined.run("sh", "-c", "echo 1 >/sys/class/net/lo/mtu")
    assert status != 0


def test_nothing_of_the_views_can_be_undone_inside():
    for place in ("/etc", "/run", "/tmp", "/proc", "/sys", "/dev/pts", "/dev/net"):
        for argv in (["umount", place], ["unshare", "-Urm", "umount", place],
                     ["unshare", "-Urm", "umount", "-l", place]):
            status, _, _ = confined.run(*argv)
            assert status != 0, argv
    status, _, _ = confined.run("unshare", "-Urm", "mount", "-o", "remount,rw", "/etc")
    assert status != 0


def test_process_1_cannot_be_looked_into():
    for argv in (["ls", "/proc/1/fd"], ["ls", "/proc/1/root/"], ["cat", "/proc/1/environ"],
                 ["nsenter", "-t", "1", "-n", "true"], ["nsenter", "-t", "1", "-U", "true"]):
        status, _, _ = confined.run(*argv)
        assert status != 0, argv


def test_devices():
    out = confined.shell("ls /dev/net; echo x >/dev/null; head -c1 /dev/urandom | wc -c; "
                         "python3 -c 'import os; m, s = os.openpty(); print(os.ttyname(s))'; "
                         "ls -A /dev/shm; touch /dev/shm/x")
    assert out.split() == ["1", "/dev/pts/0"]


def test_working_directory_is_the_same_and_a_missing_one_is_said():
    out = confined.shell("pwd", cwd="/usr/share")
    assert out == "/usr/share\n"
    gone = Path(RUNTIME, "here")
    gone.mkdir(exist_ok=True)
    os.chmod(RUNTIME, 0o755)
    try:
        status, _, err = confined.run("pwd", cwd=str(gone))
    finally:
        os.chmod(RUNTIME, 0o700)
    assert status == 125 and "working directory" in err and "--share" in err


def test_remote_file_systems_are_named_and_masked(mounted):
    mounted("-t", "tmpfs", "-o", "mode=755", "/dev/nbd0", "/mnt/remote")
    write("/mnt/remote/file", "text\n")
    status, out, err = confined.run("cat", "/mnt/remote/file")
    assert status == 0 and out == "text\n"
    assert "/mnt/remote (tmpfs)" in err and "--strict" in err
    status, out, err = confined.run("ls", "-A", "/mnt/remote", options=["--strict"])
    assert (status, out, err) == (0, "", "")
