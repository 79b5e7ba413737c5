"""The relay's two processes: what they hold, and what happens when one of them dies."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from lab import adit, netns, relay
from lab.internet import HOST, UPLINK
from lab.relay import Relay, ask, ask_udp, connect, read_exactly

NOBODY = 65534
PROCESSES = ("adit-pump", "adit-connector")


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def web(net):
    with Relay(net, f"{UPLINK}/tcp:8080->80", f"{UPLINK}/udp:5300->53",
               options=["--ids", str(NOBODY)]) as it:
        it.serve(80)
        it.serve_udp(53)
        assert ask(net.lan, HOST, 8080) == b"hello"
        yield it


def status_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@pytest.mark.parametrize("name", PROCESSES)
def test_it_has_no_privileges_and_a_filter(web, name):
    status = status_of(web.pid(name))
    assert status["Uid"].split() == status["Gid"].split() == [str(NOBODY)] * 4
    assert not status["Groups"].strip()
    assert {status[f"Cap{kind}"] for kind in ("Eff", "Prm", "Inh", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


def test_each_is_in_its_own_network_namespace(net, web):
    assert os.readlink(f"/proc/{web.pid('adit-pump')}/ns/net") == net.host.id()
    assert os.readlink(f"/proc/{web.pid('adit-connector')}/ns/net") == web.inside.id()


def sockets_of(pid):
    """Inodes of the sockets that a process holds."""
    links = (os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir())
    return {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:")}


def internet_sockets(pid):
    """Inodes of the internet sockets of the network namespace that a process is in."""
    lines = [line for table in ("tcp", "tcp6", "udp", "udp6")
             for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
    return {line.split()[9] for line in lines}


def test_the_connector_holds_nothing_of_the_outside(net, web):
    with connect(net.lan, HOST, 8080) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        pump, connector = (web.pid(name) for name in PROCESSES)
        outside = internet_sockets(pump)
        assert sockets_of(pump) & outside  # listeners, and this one
        assert not sockets_of(connector) & outside
        assert len(sockets_of(connector)) == 1
        # nor does the runner hold anything of the inside
        assert not sockets_of(web.process.pid) & internet_sockets(connector)


@pytest.mark.parametrize("name", PROCESSES)
def test_nobody_of_its_own_user_may_look_into_it(web, name):
    pid = web.pid(name)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        try:
            with open(f"/proc/{pid}/mem", "rb"):
                os._exit(1)
        except PermissionError:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_port_is_open_while_the_pump_is_replaced(net, web):
    for _ in range(5):
        pid = web.pid("adit-pump")
        os.kill(pid, signal.SIGKILL)
        assert ask(net.lan, HOST, 8080) == b"hello"
        assert ask_udp(net.lan, HOST, 5300) == b"hello"
        assert web.pid("adit-pump") not in (pid, None)
    web.stats()
    assert web.events.count("the relay's pump was ended by signal 9") == 5


def test_flows_outlive_the_connector(net, web):
    with connect(net.lan, HOST, 8080) as kept:
        for turn in range(5):
            os.kill(web.pid("adit-connector"), signal.SIGKILL)
            assert ask(net.lan, HOST, 8080) == b"hello"
            kept.sendall(b"%d" % turn)
            assert read_exactly(kept, 1) == b"%d" % turn
    web.stats()
    assert web.events.count("the relay's connector was ended by signal 9") == 5


def test_one_that_is_stopped_holds_up_nothing_but_its_flows(net, web):
    os.kill(web.pid("adit-connector"), signal.SIGSTOP)
    with connect(net.lan, HOST, 8080) as waiting:
        waiting.sendall(b"late")
        wait_until(lambda: web.stats()[0]["open"] == 1)
        os.kill(web.pid("adit-connector"), signal.SIGCONT)
        assert read_exactly(waiting, 4) == b"late"


def test_both_end_with_whoever_started_them(net):
    it = Relay(net, f"{UPLINK}/tcp:8080->80")
    try:
        wait_until(lambda: all(it.pid(name) for name in PROCESSES))
        pids = [it.pid(name) for name in PROCESSES]
        it.process.kill()
        it.process.wait()
        wait_until(lambda: not any(is_alive(pid) for pid in pids))
    finally:
        it.close()


def is_alive(pid):
    """One that nobody has waited for yet is dead."""
    try:
        return status_of(pid)["State"][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_forward_that_goes_resets_its_flows_and_the_others_stay(net, web):
    with connect(net.lan, HOST, 8080) as kept:
        kept.sendall(b"1")
        assert kept.recv(1) == b"1"
        assert web.command(f"forwards {UPLINK}/tcp:8080->80 {UPLINK}/tcp:8081->80") == "done"
        with connect(net.lan, HOST, 8081) as gone:
            gone.sendall(b"1")
            assert gone.recv(1) == b"1"
            assert web.command(f"forwards {UPLINK}/tcp:8080->80") == "done"
            with pytest.raises(ConnectionResetError):
                gone.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(net.lan, HOST, 8081)
        kept.sendall(b"2")
        assert kept.recv(1) == b"2"
    wait_until(lambda: web.stats()[0]["open"] == 0)
    assert web.stats()[0]["total"] == 2


def test_it_runs_without_root_in_a_user_namespace(net):
    """As of an ordinary user: the namespace is owned by a user namespace that is entered first."""
    holder = net.host.popen("setpriv", "--reuid", "1001", "--regid", "1001", "--clear-groups",
                            "unshare", "-Urn", "sh", "-c", "ip link set lo up; sleep 60")
    try:
        wait_until(lambda: os.readlink(f"/proc/{holder.pid}/ns/user")
                   != os.readlink("/proc/self/ns/user"))
        time.sleep(0.3)  # lo
        service = relay_service(holder.pid)
        runner = net.host.popen(
            "setpriv", "--reuid", "1001", "--regid", "1001", "--clear-groups",
            adit.publish(relay.program()),
            f"/proc/{holder.pid}/ns/net", "--userns", f"/proc/{holder.pid}/ns/user", "--",
            f"{UPLINK}/tcp:8080->80", stdin=-1, stdout=-1, text=True)
        assert runner.stdout.readline().startswith("ready")
        assert ask(net.lan, HOST, 8080) == b"hello"
        runner.stdin.close()
        assert runner.wait(5) == 0
        service.close()
    finally:
        holder.kill()
        holder.wait()


def relay_service(pid):
    """An echo service in the namespace of that process."""
    listener = netns.call_in(f"/proc/{pid}/ns/net", socket.create_server, ("127.0.0.1", 80))

    def work():
        try:
            while True:
                with listener.accept()[0] as conn:
                    relay.echo(conn)
        except OSError:
            pass

    threading.Thread(target=work, daemon=True).start()
    return listener
