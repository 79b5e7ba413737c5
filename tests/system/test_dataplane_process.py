"""The data plane's process: what it may do, how it ends, and what keeps when it does."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from lab import dataplane
from lab.dataplane import Adit, Cable


@pytest.fixture
def cable():
    cable = Cable()
    yield cable
    cable.close()


def status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def start(cable, **options):
    cable.start(lambda *args, **more: Adit(*args, **more, **options), Adit)
    assert dataplane.wait_until(lambda: cable.ping(count=1) == 0)
    return cable.programs["left"]


def test_it_has_no_privileges_and_no_way_to_get_any(cable):
    adit = start(cable)
    threads = os.listdir(f"/proc/{adit.pid}/task")
    for thread in threads:
        facts = status(f"{adit.pid}/task/{thread}")
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(facts[name], 16) == 0
        assert facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2"
    kept = sorted(os.readlink(f"/proc/{adit.pid}/fd/{fd}").split(":")[0]
                  for fd in os.listdir(f"/proc/{adit.pid}/fd"))
    # what is for events: the supervisor's, one that wakes each thread, each thread's epoll
    n_events = 4 if len(threads) == 1 else 5
    assert kept == sorted(["/dev/null"] * 3 + ["/dev/net/tun"] + ["socket"] * 3 +
                          ["anon_inode"] * n_events)


def test_it_has_as_many_threads_as_suit_the_processors(cable):
    adit = start(cable)
    n = len(os.sched_getaffinity(0))
    names = sorted(Path(f"/proc/{adit.pid}/task/{thread}/comm").read_text().strip()
                   for thread in os.listdir(f"/proc/{adit.pid}/task"))
    helpers = min(n - 2, 4) if n >= 4 else 0
    assert names == sorted(["adit-dataplane"] + ["adit-receive"] * (n > 1) +
                           ["adit-helper"] * helpers)


def test_root_leaves_it_to_another_user(cable):
    adit = start(cable, uid=65534)
    facts = status(adit.pid)
    assert facts["Uid"].split() == ["65534"] * 4 and facts["Gid"].split() == ["65534"] * 4
    assert facts["Groups"] == ""


def test_it_makes_no_files_no_processes_and_no_core(cable):
    adit = start(cable, uid=65534)
    limits = {line[:26].strip(): line[26:].split()[:2]
              for line in Path(f"/proc/{adit.pid}/limits").read_text().splitlines()}
    for name in ("Max core file size", "Max file size", "Max processes"):
        assert limits[name] == ["0", "0"], name
    assert limits["Max open files"] == ["32", "32"]
    # what is not dumpable belongs to root in /proc, whatever its user is (proc(5))
    assert os.stat(f"/proc/{adit.pid}/mem").st_uid == 0


def test_signals_of_the_terminal_do_not_reach_it(cable):
    adit = start(cable)
    assert os.getsid(adit.pid) == adit.pid
    assert os.getpgid(adit.pid) == adit.pid


def test_it_ends_with_its_supervisor(cable):
    adit = start(cable)
    pid = adit.pid
    adit.process.send_signal(signal.SIGKILL)
    adit.process.wait()
    assert dataplane.wait_until(lambda: not Path(f"/proc/{pid}").exists() or
                                status(pid)["State"][0] == "Z")


def test_keys_are_in_neither_arguments_nor_environment(cable):
    adit = start(cable)
    key = dataplane._hex(cable.left.key.private)
    for name in ("cmdline", "environ"):
        assert key not in Path(f"/proc/{adit.pid}/{name}").read_bytes().decode(errors="replace")


def test_a_connection_survives_the_crash_of_the_data_plane(cable):
    """The device stays, and its successor's handshake is no replay."""
    adit = start(cable)
    adit.stats()  # what the supervisor knows: the last timestamp
    pieces = []

    def serve():
        sock = socket.socket()
        sock.bind((cable.right.inside(), 7000))
        sock.listen()
        return sock

    with cable.right.inner.call(serve) as listener:
        client = cable.left.inner.call(socket.create_connection, (cable.right.inside(), 7000), 10)
        server, _ = listener.accept()
        server.settimeout(20)
        thread = threading.Thread(target=lambda: pieces.append(server.recv(5)))
        thread.start()
        os.kill(adit.pid, signal.SIGKILL)
        client.send(b"hello")
        time.sleep(0.1)
        adit.reopen()
        thread.join()
        assert pieces == [b"hello"]
        client.close()
        server.close()
