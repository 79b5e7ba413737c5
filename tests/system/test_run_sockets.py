"""Sockets of programs outside are dead inside, whatever their place; shared ones work by name."""

import os
import subprocess

import pytest
from lab import GID, HOME, UID, adit, named
from lab.canaries import PLACES, RESOLVERS, Canaries, UnixCanary

KNOCK = """
    import socket, sys
    for place in sys.argv[1:]:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            s = socket.socket(socket.AF_UNIX, kind)
            s.settimeout(1)
            try:
                s.connect("\\0" + place[1:] if place[0] == "@" else place)
                s.send(b"from inside")
                print("reached", place)
            except OSError:
                pass
    print("done")
"""


@pytest.fixture(scope="module", params=["run", "exec"])
def conf(request, shared_net):
    with named.run_or_exec(shared_net, request.param) as one:
        yield one


def test_no_canary_is_reached(shared_net, conf):
    with Canaries(shared_net) as canaries:
        said = adit.python(shared_net, conf, KNOCK, *PLACES, *RESOLVERS)
        # the session bus inside is one of its own, at the usual place
        assert set(said.splitlines()) <= {"done", f"reached /run/user/{UID}/bus"}
        canaries.check()


def test_no_canary_is_reached_by_other_ways_to_the_same_file(shared_net, conf):
    """Through /proc, a link, a bind mount of one's own, and a chroot."""
    with Canaries(shared_net) as canaries:
        ways = ["/proc/self/root/run/docker.sock", "/proc/1/root/run/docker.sock",
                "/var/run/docker.sock", "/proc/self/cwd/.lab-canary.sock"]
        assert adit.python(shared_net, conf, KNOCK, *ways) == "done\n"
        said = adit.output(shared_net, conf, "unshare", "-Urm", "sh", "-c",
                           "mkdir -p ~/m; mount --rbind /run ~/m; cd ~/m; "
                           "umount -l /run; exec \"$@\"", "sh", adit.PYTHON, "-c",
                           "import textwrap; exec(textwrap.dedent(" + repr(KNOCK) + "))",
                           f"{HOME}/m/docker.sock", "docker.sock", "/run/docker.sock")
        assert said == "done\n"
        canaries.check()


def test_socket_that_appears_later_is_not_reached(shared_net, conf):
    """In the places that are views: /run, /tmp and /var/tmp."""
    places = ["/run/late.sock", "/tmp/late.sock", "/var/tmp/late.sock", f"/run/user/{UID}/late"]
    late = "import sys\nsys.stdin.readline()\n" + "\n".join(
        line[4:] for line in KNOCK.splitlines())
    with adit.start(shared_net, conf, adit.PYTHON, "-c", late, *places,
                    stdin=subprocess.PIPE) as run:
        run.wait_for_command()
        with Canaries(shared_net, places) as canaries:
            run.process.stdin.write("now\n")
            run.process.stdin.flush()
            assert run.finish()[1] == "done\n"
            canaries.check()


def test_tmux_outside_is_not_reached(shared_net, conf):
    """Else the one outside would start the command."""
    server = ["tmux", "-f", "/dev/null"]
    environ = adit.environment()
    shared_net.host.run(*adit.as_user([*server, "new-session", "-d", "-s", "outside"]),
                        env=environ, cwd=HOME)
    try:
        status, out, _ = adit.run(shared_net, conf, *server, "list-sessions")
        assert status != 0 and "outside" not in out
        # the new server ends with adit's command, so that waits for it
        mark = f"{HOME}/tmux-ran-in"
        adit.output(shared_net, conf, "sh", "-c",
                    f"tmux -f /dev/null new-session -d 'readlink /proc/self/ns/net >{mark}'; "
                    f"for i in $(seq 50); do test -s {mark} && break; sleep 0.1; done")
        outside = shared_net.host.output("readlink", "/proc/self/ns/net").strip()
        with open(mark) as f:
            assert f.read().strip() not in ("", outside)
    finally:
        shared_net.host.run(*adit.as_user([*server, "kill-server"]), env=environ)


def test_ssh_master_outside_is_not_reached(shared_net, conf):
    place = f"{HOME}/.ssh/master"
    with Canaries(shared_net, [place]) as canaries:
        adit.run(shared_net, conf, "ssh", "-S", place, "-O", "check", "somebody@host")
        canaries.check()


def test_docker_socket_outside_is_not_reached(shared_net, conf):
    with Canaries(shared_net, ["/run/docker.sock"]) as canaries:
        status, _, _ = adit.run(shared_net, conf, "curl", "-sS", "-m2", "--unix-socket",
                                "/var/run/docker.sock", "http://d/info")
        assert status != 0
        canaries.check()


def test_programs_inside_use_sockets_among_themselves(shared_net, conf):
    said = adit.python(shared_net, conf, """
        import os, socket
        for place in ("/tmp/own", "/var/tmp/own", os.environ["XDG_RUNTIME_DIR"] + "/own",
                      os.environ["HOME"] + "/.own", "\\0own"):
            server = socket.socket(socket.AF_UNIX)
            server.bind(place)
            server.listen()
            client = socket.socket(socket.AF_UNIX)
            client.connect(place)
            client.send(b"x")
            print(server.accept()[0].recv(9))
            if place[0] != "\\0":
                os.unlink(place)
        """)
    assert said.split() == ["b'x'"] * 5


def test_runtime_folder_is_fresh_and_private(shared_net, conf):
    os.makedirs(f"/run/user/{UID}/of-another-program", exist_ok=True)
    said = adit.output(shared_net, conf, "sh", "-c",
                       'stat -c "%u %a" "$XDG_RUNTIME_DIR"; ls "$XDG_RUNTIME_DIR"')
    assert said.startswith(f"{UID} 700\n") and "of-another-program" not in said


def test_display_and_sound_sockets_are_there_unless_refused(shared_net, conf):
    runtime = f"/run/user/{UID}"
    places = [f"{runtime}/wayland-0", f"{runtime}/pipewire-0", f"{runtime}/pulse/native"]
    listening = [UnixCanary(shared_net.host, place) for place in places]
    environ = {"WAYLAND_DISPLAY": "wayland-0"}
    try:
        said = adit.python(shared_net, conf, KNOCK, *places, env=environ)
        assert set(said.splitlines()) == {f"reached {p}" for p in places} | {"done"}
        said = adit.python(shared_net, conf, KNOCK, *places, env=environ,
                           options=["--no-display", "--no-sound"])
        assert said == "done\n"
    finally:
        for canary in listening:
            canary.close()


def test_path_shared_by_name_is_reached_and_no_other(shared_net, conf):
    shared, other = "/run/lab-shared.sock", "/run/lab-other.sock"
    with Canaries(shared_net, [shared]) as canaries, Canaries(shared_net, [other]) as others:
        said = adit.python(shared_net, conf, KNOCK, shared, other, options=["--share", shared])
        assert said == f"reached {shared}\ndone\n"
        assert canaries.visited()
        others.check()


def test_ssh_agent_is_reached_only_when_shared(shared_net, conf):
    agent = f"{HOME}/.agent.sock"
    knock = KNOCK.replace("sys.argv[1:]", "[__import__('os').environ['SSH_AUTH_SOCK']]")
    with Canaries(shared_net, [agent]) as canaries:
        status, _, _ = adit.run(shared_net, conf, "ssh-add", "-l", env={"SSH_AUTH_SOCK": agent})
        assert status != 0
        canaries.check()
    with Canaries(shared_net, [agent]) as canaries:
        said = adit.python(shared_net, conf, knock, env={"SSH_AUTH_SOCK": agent},
                           options=["--share", "ssh-agent"])
        assert said.startswith("reached") and canaries.visited()


def test_session_bus_inside_is_another(shared_net, conf):
    bus = f"/run/user/{UID}/bus"
    with Canaries(shared_net, [bus]) as canaries:
        status, out, err = adit.run(
            shared_net, conf, "dbus-send", "--session", "--print-reply",
            "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames",
            env={"DBUS_SESSION_BUS_ADDRESS": f"unix:path={bus}"})
        canaries.check()
    assert status == 0 and "org.freedesktop.DBus" in out, err


def test_mounts_below_run_stay_visible(shared_net, conf):
    os.makedirs("/run/media/stick", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"uid={UID},gid={GID}", "stick",
                    "/run/media/stick"], check=True)
    try:
        with open("/run/media/stick/file", "w") as f:
            f.write("on the stick")
        assert adit.output(shared_net, conf, "cat", "/run/media/stick/file") == "on the stick"
    finally:
        subprocess.run(["umount", "/run/media/stick"], check=True)


def test_files_of_run_are_readable(shared_net, conf):
    with open("/run/lab-file", "w") as f:
        f.write("plain")
    assert adit.output(shared_net, conf, "cat", "/run/lab-file") == "plain"
