"""How `adit device` begins, moves, survives and ends."""

import hashlib
import os
import secrets
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from lab import UID, dataplane, device, netns
from lab.dataplane import wait_until
from lab.device import Device, environment, socket_of
from lab.provider import Key, wg


@pytest.fixture
def space():
    (space,) = netns.create(["dev"])
    space.ip("link set lo up\n")
    yield space
    for pid in device.pids_of("wg0") + device.pids_of("wg1"):
        os.kill(pid, signal.SIGKILL)
    socket_of("wg0").unlink(missing_ok=True)
    netns.delete([space])


@pytest.fixture
def adit(space):
    one = Device(device.program(), "wg0", space)
    yield one
    one.close()


def has_link(space, name="wg0"):
    return space.run("ip", "link", "show", name, check=False).returncode == 0


def run(space, *argv, **env):
    """`adit device ...` as a command: status and errors."""
    done = space.run(device.program(), *argv, check=False, env=environment(**env))
    return done.returncode, done.stderr


# ---- beginnings ----


def test_it_goes_to_the_background_when_everything_is_ready(space):
    status, errors = run(space, "wg0")
    assert (status, errors) == (0, "")
    assert has_link(space)
    assert device.ask("wg0", "get=1\n\n") == "errno=0\n\n"
    mode = socket_of("wg0").stat().st_mode & 0o7777
    assert mode == 0o600 and socket_of("wg0").parent.stat().st_mode & 0o7777 == 0o755
    supervisor = min(device.pids_of("wg0"))
    assert os.getsid(supervisor) == supervisor
    assert os.readlink(f"/proc/{supervisor}/cwd") == "/"
    assert all(os.readlink(f"/proc/{supervisor}/fd/{fd}") == "/dev/null" for fd in range(3))
    os.kill(supervisor, signal.SIGTERM)
    assert wait_until(lambda: not has_link(space) and not socket_of("wg0").exists())


@pytest.mark.parametrize("env, argv", [({}, ["-f"]), ({}, ["--foreground"]),
                                       ({"WG_PROCESS_FOREGROUND": 1}, [])])
def test_it_stays_when_asked_to(space, env, argv):
    process = space.popen(device.program(), *argv, "wg0", env=environment(**env))
    assert wait_until(lambda: socket_of("wg0").exists())
    assert process.poll() is None
    process.terminate()
    assert process.wait(5) == 0


def test_the_link_is_as_the_kernels_own_would_be(adit, space):
    shown = space.output("ip", "-d", "link", "show", "wg0")
    assert "mtu 1420" in shown and "MULTICAST" not in shown and "POINTOPOINT,NOARP" in shown
    space.ip("link set wg0 up\n")
    assert "fe80" not in space.output("ip", "address", "show", "wg0")


@pytest.mark.parametrize("name", ["sixteen-letters-", "a/b", ".."])
def test_a_name_that_is_none_is_refused(space, name):
    status, errors = run(space, name)
    assert status == 1 and name in errors


def test_wrong_usage(space):
    assert run(space)[0] == 2
    assert run(space, "wg0", "wg1")[0] == 2
    status, errors = run(space, "--forground", "wg0")
    assert status == 2 and "did you mean --foreground" in errors
    assert run(space, "wg0", WG_TUN_FD="x")[0] == 1
    assert run(space, "wg0", LOG_LEVEL="silent", WG_TUN_FD="x") == (1, "")


def test_version(space):
    assert space.output(device.program(), "--version").startswith("adit ")


def test_the_kernel_chooses_a_number_and_a_file_tells_it(space):
    run(space, "wg%d", WG_TUN_NAME_FILE="/run/lab/name")
    try:
        assert Path("/run/lab/name").read_text() == "wg0\n"
        assert has_link(space) and socket_of("wg0").exists()
    finally:
        Path("/run/lab/name").unlink(missing_ok=True)
        space.ip("link del wg0\n")
        assert wait_until(lambda: not socket_of("wg0").exists())


def test_a_link_that_is_there_is_an_error(adit, space):
    status, errors = run(space, "wg0")
    assert status == 1 and "cannot create link 'wg0'" in errors
    assert adit.ask("get=1\n\n") == "errno=0\n\n"


def test_a_socket_in_use_is_an_error_that_names_it(adit):
    (other,) = netns.create(["other"])
    try:
        status, errors = run(other, "wg0")
        assert status == 1 and str(socket_of("wg0")).replace("/run", "/var/run") in errors
        assert "in use" in errors and not has_link(other)
        assert adit.ask("get=1\n\n") == "errno=0\n\n"
    finally:
        netns.delete([other])


def test_a_stale_socket_is_replaced(space):
    first = Device(device.program(), "wg0", space)
    first.process.kill()
    first.process.wait()
    assert socket_of("wg0").exists()
    second = Device(device.program(), "wg0", space)
    assert second.ask("get=1\n\n") == "errno=0\n\n"
    second.close()


def open_tun(name, flags):
    import fcntl
    import struct

    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", name.encode(), flags))
    return fd


IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 1, 0x1000, 0x4000


@pytest.mark.parametrize("flags", [IFF_VNET_HDR, 0], ids=["vnet", "bare"])
def test_devices_and_sockets_of_others_are_taken(flags):
    """WG_TUN_FD with and without virtio headers, WG_UAPI_FD with a path: traffic flows."""
    cable = dataplane.Cable()
    fds = []

    def given(side, other, settings, starts=True):
        tun = side.outer.call(open_tun, f"given{side.n}", IFF_TUN | IFF_NO_PI | flags)
        listener = socket.socket(socket.AF_UNIX)
        path = f"/run/lab/given{side.n}.sock"
        Path(path).unlink(missing_ok=True)
        listener.bind(path)
        listener.listen()
        fds.extend([tun, listener.detach()])
        return Given(side, other, settings, starts, fds[-2:], path)

    class Given:
        def __init__(self, side, other, settings, starts, pass_fds, path):
            env = environment(WG_TUN_FD=pass_fds[0], WG_UAPI_FD=pass_fds[1])
            self.path, self.link = path, f"given{side.n}"
            self.process = side.outer.popen(device.program(), "-f", "ignored", env=env,
                                            pass_fds=pass_fds)
            for fd in pass_fds:
                os.close(fd)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(path)
                sock.sendall(DeviceAdit.text(side, other, settings, starts).encode())
                assert sock.recv(100) == b"errno=0\n\n"
            side.outer.ip(f"link set {self.link} netns {side.inner.name}\n")
            side.inner.ip(f"link set {self.link} name wg0\n")

        def close(self):
            if self.process.poll() is None:
                os.unlink(self.path)  # which ends it
            assert self.process.wait(5) == 0

    try:
        cable.start(given, given)
        assert wait_until(lambda: cable.ping(count=1) == 0)
        check_transfer(cable, 5 << 20)
    finally:
        cable.close()


def test_a_descriptor_that_is_none_is_refused(space):
    status, errors = run(space, "wg0", WG_TUN_FD=0)
    assert status == 1 and "not that of a tunnel device" in errors
    status, errors = run(space, "wg0", WG_UAPI_FD=0)
    assert status == 1 and "not a listening UNIX socket" in errors
    assert not has_link(space)


# ---- ends ----


def test_it_ends_with_the_link(adit, space):
    space.ip("link del wg0\n")
    assert adit.wait_until_gone() == 0


def test_it_ends_with_the_socket(adit, space):
    socket_of("wg0").unlink()
    adit.process.wait(5)
    assert adit.process.returncode == 0 and not has_link(space)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_it_ends_with_a_signal(adit, space, number):
    adit.process.send_signal(number)
    assert adit.wait_until_gone() == 0
    assert not has_link(space)


def test_nothing_is_left_when_it_is_killed(adit, space):
    plane = adit.plane()
    adit.process.kill()
    adit.process.wait()
    assert wait_until(lambda: not has_link(space) and not Path(f"/proc/{plane}").exists())


def test_two_devices_do_not_know_each_other(adit, space):
    other = Device(device.program(), "wg1", space)
    other.ask("set=1\nfwmark=1\n\n")
    assert adit.ask("get=1\n\n") == "errno=0\n\n"
    assert sorted(wg("show", "interfaces").split()) == ["wg0", "wg1"]
    space.ip("link del wg1\n")
    other.wait_until_gone()
    assert adit.ask("get=1\n\n") == "errno=0\n\n"


# ---- the link ----


def ports(space):
    return {line.split()[3].rsplit(":", 1)[1] for line in
            space.output("ss", "-Huln").splitlines()}


def test_sockets_are_there_while_the_link_is_up(adit, space):
    adit.ask("set=1\nlisten_port=7777\n\n")
    assert ports(space) == set()
    space.ip("link set wg0 up\n")
    assert "listen_port=7777\n" in adit.ask("get=1\n\n") and ports(space) == {"7777"}
    space.ip("link set wg0 down\n")
    adit.ask("get=1\n\n")
    assert ports(space) == set()


def test_a_device_is_followed_into_other_namespaces(adit, space):
    first, second = netns.create(["first", "second"])
    try:
        space.ip("link set wg0 netns first\n")
        first.ip("link set wg0 up\n")
        adit.ask("get=1\n\n")
        assert len(ports(space)) == 1 and ports(first) == set()
        first.ip("link set wg0 netns second\n")
        adit.ask("get=1\n\n")
        assert ports(space) == set()
        second.ip("link set wg0 up\n")
        adit.ask("get=1\n\n")
        assert len(ports(space)) == 1
        netns.delete([second])
        assert adit.wait_until_gone() == 0
    finally:
        netns.delete([space for space in (first, second) if space.exists()])


# ---- survival ----


class DeviceAdit:
    """`adit device` as one end of a Cable, moved inside as wireguard.com/netns does."""

    def __init__(self, side, other, settings, starts=True):
        self.link = f"wg{side.n}adit"
        self.device = Device(device.program(), self.link, side.outer)
        assert self.device.ask(self.text(side, other, settings, starts)) == "errno=0\n\n"
        side.outer.ip(f"link set {self.link} netns {side.inner.name}\n")
        side.inner.ip(f"link set {self.link} name wg0\n")

    @staticmethod
    def text(side, other, settings, starts):
        lines = dataplane.Adit._text(type("Self", (), {"side": side}), other, settings, starts)
        return "set=1\n" + lines

    def close(self):
        self.device.close()


def check_transfer(cable, n_bytes, during=None):
    """TCP from left to right arrives whole, whatever happens during it."""
    received = hashlib.sha256()

    def listen():
        sock = socket.socket()
        sock.bind((cable.right.inside(), 7000))
        sock.settimeout(20)
        sock.listen()
        return sock

    def receive(listener):
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(1 << 18):
                received.update(data)

    def connect():
        sock = socket.socket()
        sock.settimeout(20)
        sock.connect((cable.right.inside(), 7000))
        return sock

    sent, block = hashlib.sha256(), secrets.token_bytes(1 << 20)
    with cable.right.inner.call(listen) as listener:
        thread = threading.Thread(target=receive, args=(listener,))
        thread.start()
        with cable.left.inner.call(connect) as sock:
            for i in range(n_bytes >> 20):
                if during and i == (n_bytes >> 21):
                    during()
                sock.sendall(block)
                sent.update(block)
        thread.join()
    assert received.hexdigest() == sent.hexdigest()


@pytest.fixture
def cable():
    cable = dataplane.Cable()
    cable.start(DeviceAdit, DeviceAdit)
    assert wait_until(lambda: cable.ping(count=1) == 0)
    yield cable
    cable.close()


def number(answer, key):
    (value,) = (line.split("=")[1] for line in answer.splitlines() if line.startswith(key + "="))
    return int(value)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_connection_survives_the_death_of_a_data_plane(cable, side):
    """The side without an endpoint of the other in its configuration, too."""
    one = cable.programs[side].device
    took = []
    before = one.ask("get=1\n\n")
    check_transfer(cable, 40 << 20, during=lambda: took.append(one.kill_plane()))
    assert took[0] < 0.5
    after = one.ask("get=1\n\n")
    for key in ("private_key", "listen_port", "public_key", "endpoint", "allowed_ip"):
        assert [line for line in before.splitlines() if line.startswith(key)] == \
            [line for line in after.splitlines() if line.startswith(key)]
    for key in ("rx_bytes", "tx_bytes", "last_handshake_time_sec"):
        assert number(after, key) >= number(before, key) > 0


def test_a_crash_loop_backs_off_and_requests_wait_for_its_end(cable):
    one = cable.programs["left"].device
    for _ in range(4):
        one.kill_plane()
    began = time.monotonic()
    death = os.pidfd_open(one.plane())
    signal.pidfd_send_signal(death, signal.SIGKILL)
    select.select([death], [], [], 5)  # what is asked before that is answered with EIO
    os.close(death)
    assert "public_key" in one.ask("get=1\n\n")
    assert time.monotonic() - began > 0.05
    assert wait_until(lambda: cable.ping(count=1) == 0, 10)


def test_mtu_and_state_are_followed_in_the_other_namespace(cable):
    for side in (cable.left, cable.right):
        side.inner.ip("link set wg0 mtu 9000\n")
    assert cable.ping(size=8000) == 0
    cable.left.inner.ip("link set wg0 down\n")
    cable.left.inner.ip("link set wg0 up\n")
    time.sleep(0.1)
    assert wait_until(lambda: cable.ping(count=1) == 0, 10)


# ---- privileges ----


def facts(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def test_both_processes_keep_what_they_need(adit):
    supervisor, plane = facts(adit.pid), facts(adit.plane())
    # kill setgid setuid setpcap net_bind_service net_broadcast net_admin ipc_lock
    needed = sum(1 << bit for bit in (5, 6, 7, 8, 10, 11, 12, 14))
    assert int(supervisor["CapPrm"], 16) == needed
    assert int(supervisor["CapBnd"], 16) == needed
    assert supervisor["NoNewPrivs"] == "1" and plane["NoNewPrivs"] == "1"
    assert int(plane["CapPrm"], 16) == 0 and plane["Uid"].split()[0] == "65534"
    assert plane["Seccomp"] == "2"
    for pid in (adit.pid, adit.plane()):
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert "Max core file size        0                    0" in limits


ROOTLESS = """
set -e
mount -t tmpfs none /run
ip link set lo up
"$1" wg0
wg set wg0 listen-port 80 fwmark 7 private-key <(wg genkey)
ip link set wg0 up
wg show wg0
ip link del wg0
for i in $(seq 100); do [ -e /run/wireguard/wg0.sock ] || exit 0; sleep .05; done
exit 9
"""


def test_an_ordinary_user_has_one_in_namespaces_of_its_own():
    copy = Path("/home/alice/.lab/adit-device")
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists():
        copy.symlink_to(device.adit.binary())
    done = subprocess.run(["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups",
                           "unshare", "-Urnm", "bash", "-c", ROOTLESS, "rootless", str(copy)],
                          capture_output=True, text=True, timeout=20, env=environment())
    assert done.returncode == 0, done.stderr
    # in its own user namespace it may
    assert "listening port: 80\n" in done.stdout and "fwmark: 0x7\n" in done.stdout


def test_without_the_privilege_a_port_and_a_mark_are_a_warning(space):
    """Root without CAP_NET_ADMIN over the host's sockets, with a device that was made for it."""
    tun = space.call(open_tun, "wg0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR)
    process = space.popen("setpriv", "--bounding-set=-net_admin,-net_bind_service",
                          "--inh-caps=-net_admin,-net_bind_service",
                          device.program(), "-f", "wg0", env=environment(WG_TUN_FD=tun),
                          pass_fds=[tun], stderr=subprocess.PIPE, text=True)
    os.close(tun)
    try:
        assert wait_until(lambda: socket_of("wg0").exists())
        time.sleep(0.1)
        assert device.ask("wg0", "set=1\nlisten_port=80\nfwmark=7\n\n") == "errno=0\n\n"
        space.ip("link set wg0 up\n")
        shown = device.ask("wg0", "get=1\n\n")
        assert "listen_port=80\n" not in shown and "listen_port=" in shown
    finally:
        process.terminate()
        errors = process.communicate(timeout=5)[1]
    assert "the mark is not set" in errors and "port 80 needs CAP_NET_BIND_SERVICE" in errors
