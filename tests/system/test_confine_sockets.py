"""Programs outside that would do a confined command's work: none is reached, unless shared by name."""

import os
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import HOME, UID, adit, confined

RUNTIME = f"/run/user/{UID}"
CONNECT = ("import socket, sys; s = socket.socket(socket.AF_UNIX); "
           "s.connect(sys.argv[1]); print(s.recv(9).decode())")


@contextmanager
def listening(path, uid=UID):
    """A program outside that says "outside" to whoever connects."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o777)
        os.chown(path, uid, uid)
        server.listen()

        def serve():
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                client.sendall(b"outside")
                client.close()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield str(path)
        finally:
            server.shutdown(socket.SHUT_RDWR)
            path.unlink(missing_ok=True)


def reach(path, **how):
    status, out, err = confined.run("python3", "-c", CONNECT, path, **how)
    if status == 0:
        return out.strip()
    return next(word for word in ("Refused", "FileNotFound", "Permission") if word in err)


@pytest.mark.parametrize("path", ["/run/daemon.sock", "/run/deep/er/docker.sock", "/tmp/.X11-unix/X7",
                                  "/var/tmp/sock", f"{HOME}/sock", f"{HOME}/a/b/c.sock", "/etc/sock",
                                  "/srv/sock", "/dev/shm/sock", f"{RUNTIME}/systemd/private"])
@pytest.mark.parametrize("has_submount", [False, True])
def test_a_listening_socket_is_dead(path, has_submount):
    if has_submount:
        os.makedirs("/run/sub", exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run/sub"], check=True)
    try:
        with listening(path):
            assert reach(path) in ("Refused", "FileNotFound")
            assert adit_free(path) == "outside"
    finally:
        if has_submount:
            subprocess.run(["umount", "/run/sub"], check=True)


def adit_free(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        return client.recv(9).decode()


def test_a_socket_that_appears_in_run_or_tmp_later_is_dead():
    script = ("echo ready; read x; for p in /run/late.sock /tmp/late.sock; do "
              f"python3 -c '{CONNECT}' $p 2>&1 | tail -1; done")
    with confined.started("sh", "-c", script, stdin=subprocess.PIPE) as process:
        process.stdout.readline()
        with listening("/run/late.sock"), listening("/tmp/late.sock"):
            out, _ = process.communicate("go\n", timeout=10)
    # where something is mounted below /run, what comes later is not there at all
    ends = [line.split(":")[0] for line in out.splitlines()]
    assert len(ends) == 2 and set(ends) <= {"ConnectionRefusedError", "FileNotFoundError"}, out


def test_a_socket_moved_after_it_was_bound_is_dead():
    """As ssh does with its ControlPath: bound under another name, linked, unlinked."""
    with listening(f"{HOME}/.ssh/master.Xy3") as bound:
        os.rename(bound, f"{HOME}/.ssh/master")
        try:
            assert reach(f"{HOME}/.ssh/master") == "Refused"
        finally:
            os.unlink(f"{HOME}/.ssh/master")


def test_a_socket_reached_through_a_link_is_dead():
    """Chromium's SingletonSocket: a link in the profile to a socket in /tmp."""
    with listening("/tmp/.org.chromium.Chromium.abc/SingletonSocket") as path:
        os.chmod(Path(path).parent, 0o755)
        link = Path(HOME, ".config/chromium/SingletonSocket")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
        try:
            assert reach(str(link)) == "Refused"
        finally:
            link.unlink()


def test_a_datagram_socket_is_dead():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("/run/log.sock")
        os.chmod("/run/log.sock", 0o777)
        status, _, err = confined.run("python3", "-c", "import socket; s = socket.socket(1, 2); "
                                      "s.sendto(b'x', '/run/log.sock')")
        os.unlink("/run/log.sock")
        assert status != 0 and "Refused" in err


def test_sockets_made_inside_work():
    script = ("import socket, os; s = socket.socket(1)\n"
              "for p in ('/tmp/s', os.environ['XDG_RUNTIME_DIR'] + '/s', os.environ['HOME'] + '/s'):\n"
              "    s = socket.socket(1); s.bind(p); s.listen(); c = socket.socket(1); c.connect(p)\n"
              "    os.unlink(p)\n")
    status, _, err = confined.run("python3", "-c", script)
    assert status == 0, err


@pytest.mark.parametrize("path", ["/run/daemon.sock", f"{HOME}/sock", f"{RUNTIME}/deep/er/sock", "/tmp/sock"])
def test_a_shared_path_is_alive(path):
    with listening(path):
        for folder in Path(path).relative_to("/").parents:
            os.chmod("/" / folder, os.stat("/" / folder).st_mode | 0o755)
        assert reach(path, options=["--share", path]) == "outside"
        assert reach(path) in ("Refused", "FileNotFound")


def test_share_of_what_is_not_there_is_an_error():
    status, _, err = confined.run("true", options=["--share", "/run/nothing"])
    assert status == 125 and "/run/nothing" in err
    status, _, err = confined.run("true", options=["--share", "nothing"])
    assert status == 125 and "x11, bus, ssh-agent or a path" in err


def test_display_and_sound_are_bound_unless_refused():
    names = ["wayland-0", "pipewire-0", "pulse/native", "pipewire-0-manager", "gnupg/S.gpg-agent"]
    ls = "cd $XDG_RUNTIME_DIR; find . -type s"
    sockets = [listening(f"{RUNTIME}/{name}") for name in names]
    for item in sockets:
        item.__enter__()
    try:
        assert reach(f"{RUNTIME}/wayland-0") == "outside"
        assert reach(f"{RUNTIME}/pulse/native") == "outside"
        both = confined.shell(ls).split()
        none = confined.shell(ls, options=["--no-display", "--no-sound"]).split()
    finally:
        for item in sockets:
            item.__exit__(None, None, None)
    assert set(both) - {"./bus"} == {"./wayland-0", "./pipewire-0", "./pulse/native"}
    assert set(none) - {"./bus"} == set()


def test_x11_only_by_name():
    with listening("/tmp/.X11-unix/X5"):
        env = {"DISPLAY": ":5.0", "XAUTHORITY": f"{HOME}/.Xauthority"}
        assert confined.shell("echo ${DISPLAY-none} ${XAUTHORITY-none}", env=env) == "none none\n"
        assert reach("/tmp/.X11-unix/X5", env=env) == "Refused"
        assert reach("/tmp/.X11-unix/X5", env=env, options=["--share", "x11"]) == "outside"
        out = confined.shell("echo $DISPLAY $XAUTHORITY", env=env, options=["--share", "x11"])
        assert out == f":5.0 {HOME}/.Xauthority\n"
    status, _, err = confined.run("true", options=["--share", "x11"], env={"DISPLAY": "localhost:10.0"})
    assert status == 125 and "TCP" in err


def test_session_bus_and_agent_only_by_name():
    with listening(f"{RUNTIME}/bus"), listening("/tmp/ssh-x/agent.1"):
        os.chmod("/tmp/ssh-x", 0o755)
        env = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={RUNTIME}/bus,guid=7", "SSH_AUTH_SOCK": "/tmp/ssh-x/agent.1"}
        out = confined.shell("echo ${SSH_AUTH_SOCK-none}", env=env)
        assert out == "none\n"
        assert reach(f"{RUNTIME}/bus", env=env, options=["--share", "bus"]) == "outside"
        assert reach("/tmp/ssh-x/agent.1", env=env, options=["--share", "ssh-agent"]) == "outside"


def test_abstract_sockets_are_refused():
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0adit-test")
        server.listen()
        status, _, err = confined.run("python3", "-c", "import socket; socket.socket(1).connect('\\0adit-test')")
        assert status != 0 and "Refused" in err


@pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="no dbus-daemon")
def test_a_private_session_bus_runs_when_asked():
    out = confined.shell("ps ax -o args | grep -c '[d]bus-daemon' || true; "
                         "dbus-send --session --print-reply --dest=org.freedesktop.DBus / "
                         "org.freedesktop.DBus.ListNames; ps ax -o args | grep -c '[d]bus-daemon'")
    assert out.splitlines()[0] == "0" and "org.freedesktop.DBus" in out and out.splitlines()[-1] == "1"


@pytest.mark.skipif(not shutil.which("tmux"), reason="no tmux")
def test_tmux_outside_is_not_reached():
    subprocess.run(adit.as_user(["tmux", "new-session", "-d", "sleep 60"]), env=adit.environment(), check=True,
                   cwd=HOME)
    try:
        out = confined.shell("tmux new-session -d 'readlink /proc/self/ns/net >$HOME/ns'; sleep 0.5; "
                             "cat $HOME/ns; readlink /proc/self/ns/net",
                             env={"TMUX": f"/tmp/tmux-{UID}/default,1,0"})
    finally:
        subprocess.run(adit.as_user(["tmux", "kill-server"]), env=adit.environment(), check=False, cwd=HOME)
    inside, expected = out.split()
    assert inside == expected


@pytest.mark.skipif(not shutil.which("ssh-agent"), reason="no ssh-agent")
def test_an_agent_is_not_reached_by_its_socket():
    agent = subprocess.Popen(adit.as_user(["ssh-agent", "-D", "-a", f"{HOME}/.agent"]), stdout=subprocess.DEVNULL,
                             env=adit.environment())
    try:
        while not Path(HOME, ".agent").exists():
            time.sleep(0.01)
        status, _, err = confined.run("ssh-add", "-l", env={"SSH_AUTH_SOCK": f"{HOME}/.agent"})
        assert status == 2, err
        status, _, err = confined.run("env", f"SSH_AUTH_SOCK={HOME}/.agent", "ssh-add", "-l")
        assert status == 2, err
        status, out, err = confined.run("ssh-add", "-l", env={"SSH_AUTH_SOCK": f"{HOME}/.agent"},
                                        options=["--share", "ssh-agent"])
        assert status == 1 and "no identities" in out, err
    finally:
        agent.kill()
        agent.wait()
