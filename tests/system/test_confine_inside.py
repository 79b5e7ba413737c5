"""What must work inside: sandboxes of programs' own, and everyday tools."""

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from lab import HOME, UID, adit, confined

SERVER = ("python3 -m http.server --bind 127.0.0.1 8000 >/dev/null 2>&1 & "
          "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do curl -s -o /dev/null http://127.0.0.1:8000/ && break; "
          "sleep 0.2; done; ")


@pytest.mark.parametrize("command", [
    "bwrap --unshare-user --unshare-pid --proc /proc --dev-bind / / true",
    "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp true",
    "unshare -Urn true",
    "unshare -Urn ip link set lo up",
    "unshare -Urmpf --mount-proc true",
    "unshare -Urm mount -t tmpfs none /mnt",
    "unshare -Urnm mount -t sysfs -o ro none /mnt",
    "ping -c1 -W2 127.0.0.1",
    "ping -c1 -W2 ::1",
    "ss -tulpn",
    "ip -br addr",
    "ssh -V",
    "git -C /tmp init -q repo",
    "getent passwd alice",
    "getent hosts localhost",
    "id",
    "script -qec true /dev/null",
    "mktemp",
    "nproc",
    "df /",
    "stty -a </dev/null; true",
    "python3 -c 'import multiprocessing as m; m.Lock(); m.shared_memory'; true",
    "python3 -c 'import multiprocessing.shared_memory as s; x = s.SharedMemory(create=True, size=9); x.unlink()'",
    "perl -e 'exit 0'",
], ids=lambda command: command[:50])
def test_runs(command):
    if not shutil.which(command.split()[0]):
        pytest.skip(f"no {command.split()[0]}")
    status, out, err = confined.run("sh", "-c", command)
    assert status == 0, out + err


def test_a_local_server_is_reached_inside_and_not_outside():
    out = confined.shell(SERVER + "curl -s http://127.0.0.1:8000/ | head -c 9")
    assert out == "<!DOCTYPE"
    status, _, _ = confined.run("curl", "-s", "--max-time", "2", "http://127.0.0.1:9/")
    assert status == 7


def test_git_clone_over_a_local_connection(tmp_path):
    confined.shell("cd /tmp && git init -q a && cd a && git -c user.name=a -c user.email=a@b commit -q --allow-empty "
                   "-m x && cd .. && git clone -q a b && git -C b log --oneline")


def test_same_ids_groups_and_umask():
    assert confined.shell("id -u; id -g; umask").split() == [str(UID), str(UID), "0022"]
    out = confined.shell("stat -c %u $HOME; touch $HOME/mine; stat -c %u $HOME/mine; stat -c %u /usr").split()
    assert out == [str(UID), str(UID), "65534"]
    assert Path(HOME, "mine").stat().st_uid == UID


def test_exit_status():
    assert confined.run("sh", "-c", "exit 7")[0] == 7
    assert confined.run("sh", "-c", "kill -9 $$")[0] == 137
    assert confined.run("sh", "-c", "kill -TERM $$")[0] == 143
    assert confined.run("/nonexistent")[0] == 127
    assert confined.run("nonexistent-program")[0] == 127
    assert confined.run("/etc/passwd")[0] == 126
    assert confined.run("/usr")[0] == 126


def test_pipes_end_when_the_command_closes_them():
    done = subprocess.run(confined.command("sh", "-c", "echo text; exec >&- 2>&-; exit 3"), capture_output=True,
                          env=adit.environment(), cwd=HOME, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (3, b"text\n")


def test_large_data_flows_through_the_standard_descriptors():
    data = b"x" * (4 << 20)
    done = subprocess.run(confined.command("cat"), input=data, capture_output=True, env=adit.environment(),
                          cwd=HOME, timeout=30, check=False)
    assert done.stdout == data


def test_orphans_are_reaped_and_end_with_the_command():
    """A grandchild whose parent is gone belongs to process 1."""
    out = confined.shell("(sh -c 'exit 0' & sh -c 'sleep 0.1; exit 0' &) ; sleep 0.4; "
                         "ps ax -o stat= | grep -c '^Z' || true")
    assert out.split() == ["0"]
    marker = f"{HOME}/orphan-pid"
    confined.shell(f"(setsid sh -c 'readlink /proc/self >/dev/null; exec sleep 777' </dev/null >/dev/null 2>&1 &); "
                   f"sleep 0.1; echo done >{marker}")
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 777" not in found.splitlines()


def test_many_runs_at_once():
    statuses = []
    threads = [threading.Thread(target=lambda n=n: statuses.append(confined.run("sh", "-c", f"exit {n}")[0]))
               for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == list(range(12))


def test_a_second_command_joins():
    place = f"{HOME}/join.sock"
    with confined.started("sh", "-c", "readlink /proc/self/ns/net; echo own >/tmp/own; echo go; sleep 60",
                          options=["--serve", place]) as first:
        net = first.stdout.readline().strip()
        first.stdout.readline()
        script = ("readlink /proc/self/ns/net; cat /tmp/own; id -u; ls -A /dev/net; "
                  "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; ip link set lo down 2>&1")
        status, out, err = confined.run("sh", "-c", script, options=["--join", place])
        lines = out.split("\n")
        assert lines[:3] == [net, "own", str(UID)], err
        assert "CapEff:\t0000000000000000" in out and "NoNewPrivs:\t1" in out and "Seccomp:\t2" in out
        assert "not permitted" in out and status == 2
        assert confined.run("sh", "-c", "exit 9", options=["--join", place])[0] == 9
        with confined.started("sleep", "50", options=["--join", place]) as second:
            first.kill()
            assert second.wait(timeout=10) in (137, 125)


def test_killed_adit_ends_everything():
    with confined.started("sh", "-c", "(setsid sleep 888 &); echo go; sleep 889") as process:
        process.stdout.readline()
        process.kill()
        process.wait()
        for _ in range(100):
            found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
            if not {"sleep 888", "sleep 889"} & set(found.splitlines()):
                return
        pytest.fail(found)
