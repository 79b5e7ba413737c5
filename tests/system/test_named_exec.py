"""`adit exec`: confined as by `adit run`, in a namespace that others share and that lasts."""

import json
import os
import signal
import subprocess
import time

import pytest

from lab import GID, HOME, UID, USER, adit, changes, internet, named, provider
from lab.canaries import Canaries
from lab.flow import Flow
from lab.oracle import Oracle
from lab.terminal import CTRL_C, CTRL_Z, Terminal
from lab.traffic import ORDINARY, PRIVILEGED, Traffic

# Who executes, and with which options: root in her name and as herself, a user in her own.
WHO = {"root for a user": (0, ["--user", USER]), "root as root": (0, ["--as-root"]),
       "a user": (UID, [])}


class Door:
    """One way into one place."""

    def __init__(self, place, options):
        self.place, self.options = place, options

    def start(self, *command, **how):
        return adit.start(self.place.net, self.place, *command, uid=self.place.uid,
                          options=[*self.options, *how.pop("options", [])], **{"cwd": "/"} | how)

    def run(self, *command, timeout=20, **how):
        return self.start(*command, **how).finish(timeout)

    def output(self, *command, **how):
        status, out, err = self.run(*command, **how)
        assert status == 0, f"status {status}: {out}{err}"
        return out


@pytest.fixture(scope="module", params=WHO, ids=str)
def door(request, shared_net):
    uid, options = WHO[request.param]
    with named.place(shared_net, "media", shared_net.provider.conf(), uid=uid) as place:
        place.up()
        place.wait()
        yield Door(place, options)


@pytest.fixture
def media(net):
    with named.place(net, "media", net.provider.conf()) as one:
        yield one


def as_alice(place):
    return Door(place, ["--user", USER])


# ---- who, and where


def test_the_command_is_whom_it_should_be(door):
    said = door.output("sh", "-c", "id -u; id -g; grep -E 'CapEff|NoNewPrivs' /proc/self/status")
    uid = 0 if "--as-root" in door.options else UID
    assert said.split()[:2] == [str(uid), str(uid and GID)]
    assert "NoNewPrivs:\t1" in said
    assert ("CapEff:\t0000000000000000" in said) == (uid != 0)


def test_it_goes_through_the_tunnel(door):
    seen = json.loads(door.output("curl", "-sS", f"http://{internet.WEB}/"))
    assert seen["address"] == provider.ADDRESS
    door.output("ping", "-c1", "-W2", internet.WEB)
    door.output("ping", "-c1", "-W2", internet.WEB6)


def test_root_drops_to_who_called_sudo_and_to_nobody_else(net, media):
    media.up()
    door = Door(media, [])
    status, out, err = door.run("echo", "ran")
    assert (status, out) == (125, "") and "--user" in err and "--as-root" in err
    sudo = {"SUDO_UID": str(UID), "SUDO_GID": str(GID), "SUDO_USER": USER}
    said = door.output("sh", "-c", "id -u; id -G; echo $HOME $USER", env=sudo)
    assert said == f"{UID}\n{GID}\n{HOME} {USER}\n"


def test_root_does_not_come_back(net, media):
    media.up()
    said = as_alice(media).output(adit.PYTHON, "-c", """
import os
for call in (lambda: os.setuid(0), lambda: os.seteuid(0), lambda: os.setgid(0),
             lambda: os.setgroups([0]), lambda: os.chroot("/")):
    try:
        call()
        print("done")
    except OSError:
        print("refused")
""")
    assert said.split() == ["refused"] * 5


def test_adit_itself_is_not_root_while_the_users_command_runs(net, media):
    media.up()
    with as_alice(media).start("sleep", "60") as run:
        run.wait_for_command()
        for pid in run.processes():
            with open(f"/proc/{pid}/status") as f:
                ids = next(line for line in f if line.startswith("Uid:")).split()[1:]
            assert ids == [str(UID)] * 4, pid


def test_what_is_not_up_is_an_error_with_what_to_do(net):
    status, out, err = adit.run(net, named.Place(net, "media"), "echo", "ran", uid=0)
    assert (status, out) == (125, "")
    assert "'media' is not up" in err and "adit up media" in err


def test_namespace_of_somebody_elses_is_not_entered(net):
    subprocess.run(["ip", "netns", "add", "media"], check=True)
    try:
        status, _, err = adit.run(net, named.Place(net, "media"), "true", uid=0,
                                  options=["--as-root"])
        assert status == 125 and "not up" in err
    finally:
        subprocess.run(["ip", "netns", "del", "media"], check=True)


@pytest.mark.parametrize("words", [[], ["--", "true"], ["--wait", "3", "media"], ["--join", "x"]],
                         ids=" ".join)
def test_wrong_usage_gives_125(net, words):
    done = net.host.run(adit.binary(), "exec", *words, check=False)
    assert done.returncode == 125 and done.stderr


# ---- no way to change the network or the views


NETWORK_CHANGES = [
    *changes.NETWORK_CHANGES,
    ["ip", "link", "set", "wg0", "down"],
    ["sh", "-c", "echo 9 >/sys/class/net/wg0/mtu"],
    [adit.PYTHON, "-c", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)"],
    [adit.PYTHON, "-c", "import socket; socket.socket(2, socket.SOCK_RAW, 255)"],
]


@pytest.mark.parametrize("prefix", [[], ["unshare", "-Ur"]], ids=["as is", "root of its own"])
def test_the_network_cannot_be_changed(door, prefix):
    for change in NETWORK_CHANGES:
        status, _, err = door.run(*prefix, *change)
        assert status not in (0, 125, 126, 127), (change, err)
    assert door.place.links() == {"lo", "wg0"}


def test_no_namespace_can_be_entered(door):
    """Process 1 is in another user namespace, and what owns the network is further out."""
    said = door.output("sh", "-c", """
        for flags in -n -U -m -p; do
            nsenter -t 1 $flags true && echo entered $flags
            unshare -Ur nsenter -t 1 $flags true && echo entered $flags
        done
        for link in net user mnt pid; do
            readlink /proc/1/ns/$link && echo read $link
        done
        ls /run/netns/media /proc/1/root/etc && echo listed
        true""")
    assert said == ""


def test_no_owner_of_the_network_can_be_had(door):
    """NS_GET_USERNS, NS_GET_PARENT: only what lies below one's own is given."""
    said = door.output(adit.PYTHON, "-c", """
import fcntl, os
for name in ("net", "user", "mnt", "pid"):
    fd = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    for request in (0xb701, 0xb702):
        try:
            given = fcntl.ioctl(fd, request)
            own = os.fstat(given).st_ino == os.stat("/proc/self/ns/user").st_ino
            print("own" if own else "given")
        except OSError:
            print("refused")
""")
    # the command's own mount namespace belongs to its own user namespace
    assert said.split() == ["refused"] * 4 + ["own"] + ["refused"] * 3


@pytest.mark.parametrize("path", ["/sys", "/etc/resolv.conf", "/etc/nsswitch.conf", "/proc", "/run"])
def test_no_view_can_be_taken_away_or_written(door, path):
    commands = [["umount", path], ["umount", "-l", path]]
    if path not in ("/proc", "/run"):  # which are writable in the first place
        commands.append(["mount", "-o", "remount,rw,bind", path])
    for prefix in ([], ["unshare", "-Urm"]):
        for command in commands:
            assert door.run(*prefix, *command)[0] not in (0, 125), command
    if path.startswith("/etc"):
        assert door.run("sh", "-c", f"echo x >>{path}")[0] not in (0, 125)


def test_links_in_sys_are_the_namespaces(door):
    assert door.output("ls", "/sys/class/net").split() == ["lo", "wg0"]


def test_a_tunnel_device_cannot_be_had(door):
    assert door.run("ls", "-A", "/dev/net")[1] == ""
    assert door.run("sh", "-c", "mknod /tmp/tun c 10 200 && exec 3<>/tmp/tun")[0] not in (0, 125)


# ---- nothing of the host is reached


def test_sockets_of_the_host_are_silent(door):
    with Canaries(door.place.net) as canaries:
        door.output(adit.PYTHON, "-c", f"""
import socket
for place in {[one.place for one in canaries.all]!r}:
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(chr(0) + place[1:] if place[0] == "@" else place)
            s.send(b"hello")
    except OSError:
        pass
""")
        canaries.check()


def test_names_are_asked_of_the_tunnels_server_only(net, media):
    media.up()
    media.wait()
    with Canaries(net) as canaries:
        said = as_alice(media).output("getent", "ahostsv4", "web.test")
        canaries.check()
    assert said.split()[0] == internet.WEB
    assert "web.test" in net.provider.dns.names()
    assert not net.resolver.names() + net.dns.names() + net.dns6.names()


def test_change_of_the_servers_by_reload_shows_in_what_runs(net, media):
    media.up()
    media.wait()
    script = "cat /etc/resolv.conf; read x; cat /etc/resolv.conf"
    with as_alice(media).start("sh", "-c", script, stdin=subprocess.PIPE) as run:
        run.wait_for_command()
        time.sleep(0.2)
        media.write(net.provider.conf(dns="192.0.2.53"))
        media.reload()
        out = run.process.communicate("\n", timeout=10)[0]
    servers = [line.split()[1] for line in out.splitlines() if line.startswith("nameserver")]
    assert servers == [provider.INNER, "192.0.2.53"]


def test_files_with_keys_cannot_be_read(net, media):
    """As root above all, who could."""
    key = f"{HOME}/media.key"
    with open(key, "w") as f:
        f.write(net.provider.client.private + "\n")
    os.chmod(key, 0o600)
    text = net.provider.conf().replace(f"PrivateKey = {net.provider.client.private}", "")
    media.write(text + f"\n[Namespace]\nPrivateKeyFile = {key}\n")
    media.up()
    media.wait()
    os.kill(media.supervisor(), signal.SIGKILL)
    media.file.unlink()  # the list is that of the configuration in force
    media.write("nonsense\n")
    said = Door(media, ["--as-root"]).output("sh", "-c", f"cat {key} {media.file} 2>&1; echo over")
    assert net.provider.client.private not in said
    assert said.count("No such device or address") == 2 and said.endswith("over\n")
    os.unlink(key)


def test_files_with_others_keys_cannot_be_read(net, media):
    media.up()
    with named.place(net, "other", net.provider.conf(private=provider.Key().private)) as other:
        other.up()
        said = Door(media, ["--as-root"]).output("sh", "-c", f"cat {other.file} 2>&1; echo over")
    assert "No such device or address" in said and "PrivateKey" not in said


def test_files_with_keys_cannot_be_read_where_it_was_only_sealed(net, media):
    media.call("seal", "media")
    said = Door(media, ["--as-root"]).output("sh", "-c", f"cat {media.file} 2>&1; echo over")
    assert "No such device or address" in said and net.provider.client.private not in said


# ---- beside others


def test_two_see_each_others_ports_and_not_each_others_processes(door):
    server = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "8000"]
    with door.start(*server) as first:
        pid = first.wait_for_command()
        script = """
            for i in 1 2 3 4 5 6 7 8 9 10; do
                curl -s -o /dev/null http://127.0.0.1:8000/ && echo answered && break; sleep 0.2
            done
            cat /proc/[0-9]*/comm"""
        said = door.output("sh", "-c", script).split()
        assert said[0] == "answered"
        assert set(said[1:]) <= {"adit", "sh", "cat"}
        with door.start("sleep", "60") as second:
            other = second.wait_for_command()
            namespaces = [{name: os.readlink(f"/proc/{one}/ns/{name}")
                           for name in ("net", "pid", "user", "mnt", "ipc")} for one in (pid, other)]
        assert namespaces[0]["net"] == namespaces[1]["net"]
        for name in ("pid", "user", "mnt", "ipc"):
            assert namespaces[0][name] != namespaces[1][name], name


def test_processes_of_the_confinement_cannot_be_read_by_a_user_outside(door):
    with door.start("sleep", "60") as run:
        run.wait_for_command()
        protected = [pid for pid in run.adits() if pid != run.pid]
        assert protected
        for pid in protected:
            peek = adit.as_user(["cat", f"/proc/{pid}/maps", f"/proc/{pid}/environ"])
            done = door.place.net.host.run(*peek, check=False)
            assert done.stdout == "" and done.stderr.count("Permission denied") == 2, pid


def test_tmp_is_private(door):
    door.run("sh", "-c", "echo x >/tmp/of-exec")
    assert not os.path.exists("/tmp/of-exec")
    door.output("sh", "-c", "echo x >/tmp/of-exec", options=["--share-tmp"])
    assert os.path.exists("/tmp/of-exec")
    os.unlink("/tmp/of-exec")


# ---- its end


@pytest.mark.parametrize("command, status", [
    (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
    (["sh", "-c", "kill -TERM $$"], 143), (["no-such-program"], 127), (["/etc/passwd"], 126),
], ids=str)
def test_exit_statuses(door, command, status):
    assert door.run(*command)[0] == status


def test_all_ends_with_the_command_and_with_adit(door):
    with door.start("sh", "-c", "(setsid sleep 300 &); sleep 0.2; exit 0") as run:
        assert run.finish()[0] == 0
        assert run.wait_until_gone(2)
    with door.start("sh", "-c", "setsid sleep 300") as run:
        run.wait_for_command()
        run.process.kill()
        assert run.wait_until_gone(5)


def test_sigterm_is_passed_on(door):
    script = "trap 'exit 8' TERM; echo ready; while :; do sleep 0.1; done"
    with door.start("sh", "-c", script) as run:
        assert run.process.stdout.readline() == "ready\n"
        run.process.send_signal(signal.SIGTERM)
        assert run.finish()[0] == 8


@pytest.mark.parametrize("how", ["user", "root"])
def test_terminal_has_ctrl_c_ctrl_z_and_job_control(net, how):
    uid = UID if how == "user" else 0
    with named.place(net, "media", net.provider.conf(), uid=uid) as place:
        place.up()
        with Terminal(net.host, uid=uid) as term:
            options = f"--user {USER}" if how == "root" else ""
            call = f"{adit.binary()} exec {options} media --"
            term.line(f"{call} sh -c 'trap \"echo caught; exit 6\" INT; echo ready; "
                      "while :; do sleep 0.1; done'; echo status $?")
            term.expect("\nready")
            term.press(CTRL_C)
            term.expect("caught")
            term.expect("status 6")
            term.line(f"{call} sh -c 'echo ready; sleep 1; echo went on; exit 5'")
            term.expect("\nready")
            term.press(CTRL_Z)
            term.expect("(?i)stopped")
            term.expect("lab> ")
            time.sleep(0.3)
            term.line("fg; echo status $?")
            term.expect("\nwent on")
            term.expect("status 5")
            term.line(f"{call} bash --norc -i")
            term.expect("lab> |# ")
            term.line("echo $-; exit 4")
            term.expect(r"[a-zA-Z]*i[a-zA-Z]*m")
            term.line("echo back")
            term.expect("\nback")


# ---- without a tunnel, and through the life of the supervisor


@pytest.mark.parametrize("uid", [0, UID], ids=["root", "user"])
def test_it_works_sealed_and_reaches_nothing(net, uid):
    with named.place(net, "media", net.provider.conf(), uid=uid) as place:
        place.call("seal", "media")
        oracle = Oracle(net)
        door = Door(place, [] if uid else ["--user", USER])
        assert "nameserver" not in door.output("cat", "/etc/resolv.conf")
        assert door.run("ping", "-c1", "-W1", internet.WEB)[0] == 2
        assert door.run("getent", "hosts", "web.test")[0] == 2
        assert not oracle.leaks()
        oracle.stop()


@pytest.mark.parametrize("uid", [0, UID], ids=["root", "user"])
def test_it_waits_sealed_and_has_the_tunnel_when_that_comes(net, uid):
    with named.place(net, "media", net.provider.conf(), uid=uid) as place:
        place.call("seal", "media")
        door = Door(place, [] if uid else ["--user", USER])
        script = f"until ping -c1 -W1 {internet.WEB} >/dev/null 2>&1; do sleep 0.1; done; " \
                 "getent ahostsv4 web.test"
        with door.start("sh", "-c", script) as run:
            run.wait_for_command()
            place.up()
            status, out, err = run.finish()
        assert status == 0 and out.split()[0] == internet.WEB, err


def test_it_goes_on_with_its_connection_when_the_supervisor_is_killed(door):
    flow = Flow()
    place = door.place
    with door.start(*flow.command) as run:
        run.wait_for_command()
        assert flow.goes_on(5)
        first = place.supervisor()
        os.kill(first, signal.SIGKILL)
        assert named.wait_until(lambda: not adit.is_alive(first))
        place.up()
        place.wait()
        assert flow.goes_on(15)
        place.restart()
        place.wait()
        assert flow.goes_on(15)
        assert run.process.poll() is None
        flow.stop()
        assert flow.is_unharmed()


def test_down_leaves_it_sealed_and_names_it(net, media):
    media.up()
    media.wait()
    with as_alice(media).start("sleep", "60") as run:
        pid = run.wait_for_command()
        inside = run.netns_of(pid)
        _, _, err = media.down()
        assert "'sleep'" in err and "stays sealed" in err
        assert run.netns_of(pid) == inside
        links = subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-o", "link"],
                               capture_output=True, text=True, check=True).stdout
        assert len(links.splitlines()) == 1


@pytest.mark.parametrize("uid", [0, UID], ids=["root", "user"])
def test_nothing_leaks_whatever_happens_to_the_supervisor(net, uid):
    with named.place(net, "media", net.provider.conf(), uid=uid) as place:
        oracle = Oracle(net)
        command, injected = Traffic(), Traffic(skip=["dns"])
        started = time.monotonic()
        place.up()
        place.wait()
        door = Door(place, [] if uid else ["--user", USER])
        with door.start(*command.command) as run:
            injector = injected.inject(run.wait_for_command())
            try:
                command.wait_for()
                os.kill(place.supervisor(), signal.SIGKILL)
                time.sleep(1)
                place.up()
                place.wait()
                command.wait_for()
                if uid:  # nothing leads to the namespace any more
                    os.kill(place.supervisor(), signal.SIGKILL)
                    os.kill(place.holder(), signal.SIGKILL)
                    time.sleep(1)
                place.down()
                time.sleep(1)
            finally:
                injector.kill()
                injector.wait()
        sent = command.counts()["sent"]
        assert not any(sent[kind] for kind in PRIVILEGED), sent
        offered = command.counts()["attempts"] + injected.counts()["attempts"]
        oracle.finish(started=started, offered=offered, wireguard=30,
                      least={kind: 4 for kind in ORDINARY + PRIVILEGED})
