"""adit's backend of the kernel's WireGuard, as named namespaces have it; under tests/vm/run."""

import os
import re
import socket
import subprocess
import time

import pytest
from lab import UID, dataplane, netns
from lab.capture import Capture
from lab.dataplane import PORT, AditKernel, KernelLink, Settings, Side, wait_until
from lab.oracle import is_wireguard
from lab.packets import UDP
from lab.provider import Key, wg
from test_device_life import DeviceAdit, check_transfer

pytestmark = pytest.mark.kernel

GO = dataplane.packaged_wireguard_go()
OTHERS = [
    pytest.param(DeviceAdit, id="adit"),
    pytest.param(KernelLink, id="kernel"),
    pytest.param(dataplane.go(GO), id="go",
                 marks=pytest.mark.skipif(not GO, reason="wireguard-go is not installed")),
]


def show(side, what):
    """What wg(8) says of the one peer."""
    return side.inner.output("wg", "show", "wg0", what).split()[1:]


def handshake(side):
    return int(show(side, "latest-handshakes")[0])


@pytest.fixture
def pair(make_cable):
    """adit with the kernel's WireGuard, and adit's own data plane at the other end."""
    return make_cable(AditKernel, DeviceAdit)


# ---- where it is ----


class Monitor:
    """The links of which a namespace was told."""

    def __init__(self, space):
        self.process = space.popen("ip", "-o", "monitor", "link", stdout=subprocess.PIPE,
                                   text=True)
        # it says nothing when it is ready
        time.sleep(0.3)

    def finish(self):
        self.process.terminate()
        return re.findall(r"^(?:Deleted )?\d+: ([^:@]+)", self.process.communicate()[0], re.M)


def test_the_link_is_never_one_of_the_hosts(make_cable):
    (control,) = netns.create(["control"])
    watched = []

    class Watched(AditKernel):
        def __init__(self, side, *args, **more):
            monitor = Monitor(side.outer)
            super().__init__(side, *args, **more)
            # the control: a link that was one of the host's
            side.outer.ip("link add moved0 type wireguard\nlink set moved0 netns control\n")
            time.sleep(0.3)
            watched.extend(monitor.finish())

    try:
        cable = make_cable(Watched, DeviceAdit)
        assert "moved0" in watched and "wg0" not in watched
        assert "wireguard" in cable.left.inner.output("ip", "-d", "link", "show", "wg0")
    finally:
        netns.delete([control])


def ports(space):
    return {line.split()[3].rsplit(":", 1)[1]
            for line in space.output("ss", "-Hlun").splitlines()}


def test_its_socket_is_the_hosts_and_its_clear_side_is_not(pair):
    assert str(PORT) in ports(pair.left.outer)
    assert str(PORT) not in ports(pair.left.inner)
    capture = Capture(pair.left.outer)
    assert pair.ping(4, 5, 1000) == 0 and pair.ping(6, 5, 1000) == 0
    time.sleep(0.2)
    seen = [packet for packet in capture.packets() if packet.protocol == UDP]
    capture.stop()
    assert len(seen) >= 20
    assert all(is_wireguard(packet.payload) for packet in seen)
    inside = {side.inside(family) for side in (pair.left, pair.right) for family in (4, 6)}
    assert not any({packet.src, packet.dst} & inside for packet in capture.packets())


def test_a_link_of_the_same_name_on_the_host_is_no_obstacle(make_cable):
    class Beside(AditKernel):
        def __init__(self, side, *args, **more):
            side.outer.ip("link add wg0 type wireguard\n")
            super().__init__(side, *args, **more)

    cable = make_cable(Beside, DeviceAdit)
    assert "wg0" in cable.left.outer.output("ip", "link", "show", "wg0")
    assert wg_is_empty(cable.left.outer)


def wg_is_empty(space):
    return space.output("wg", "show", "wg0", "peers") == ""


def test_in_a_namespace_that_a_user_namespace_owns():
    """As every namespace of adit's is: what is inside reaches nothing by its capabilities."""
    cable = dataplane.Cable()
    holder = subprocess.Popen(["unshare", "--user", "--map-root-user", "--net", "sleep", "60"])
    try:
        user = f"/proc/{holder.pid}/ns/user"
        assert wait_until(lambda: os.readlink(user) != os.readlink("/proc/self/ns/user"))
        time.sleep(0.1)  # unshare(1) enters them one after the other
        subprocess.run(["umount", cable.left.inner.path], check=True)
        subprocess.run(["mount", "--bind", f"/proc/{holder.pid}/ns/net", cable.left.inner.path],
                       check=True)
        cable.left.inner.ip("link set lo up\n")
        cable.start(lambda *args, **more: AditKernel(*args, **more,
                                                     env={"DATAPLANE_USERNS": user}), DeviceAdit)
        assert wait_until(lambda: cable.ping(count=1) == 0)
        assert str(PORT) in ports(cable.left.outer)
        assert cable.programs["left"].stats()["handshake"] == 1
        # root inside cannot have it listen elsewhere: that is a matter of the host's
        inside = ["nsenter", f"--user={user}", f"--net={cable.left.inner.path}"]
        done = subprocess.run([*inside, "wg", "set", "wg0", "listen-port", "99"],
                              capture_output=True, text=True)
        assert done.returncode != 0 and "not permitted" in done.stderr
        cable.close()
    finally:
        holder.kill()
        holder.wait()


# ---- what it does ----


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("adit_begins", [True, False])
@pytest.mark.parametrize("other", OTHERS)
def test_handshake_and_data(make_cable, other, adit_begins, family):
    sides = [AditKernel, other]
    cable = make_cable(*(sides if adit_begins else sides[::-1]), family=family,
                       preshared=wg("genpsk"), keepalive=0 if adit_begins else 25)
    for inner in (4, 6):
        assert cable.ping(inner, 3, 1300) == 0
    check_transfer(cable, 2 << 20)
    stats = cable.programs["left" if adit_begins else "right"].stats()
    assert stats["handshake"] == 1 and stats["port"] == PORT
    assert stats["rx"] > 10000 and stats["tx"] > 10000 and stats["sent"] == 0


def test_it_begins_the_handshake_by_itself_and_says_when_it_is_done(make_cable):
    """The helper opens the tunnel before the link is up, and then waits by its events alone."""
    cable = dataplane.Cable()
    try:
        began = time.monotonic()
        cable.start(AditKernel, DeviceAdit)
        assert cable.programs["left"].wait(5)
        assert time.monotonic() - began < 3
        assert handshake(cable.left) > 0
        assert show(cable.left, "persistent-keepalive") == ["off"]
    finally:
        cable.close()


def test_initiations_that_nobody_answers_are_counted(make_cable):
    cable = dataplane.Cable()
    try:
        cable.start(AditKernel, None)
        adit = cable.programs["left"]
        assert not adit.wait(1)
        assert adit.stats()["sent"] >= 1
        assert not adit.wait(11)
        assert 2 <= adit.stats()["sent"] <= 4
    finally:
        cable.close()


# ---- what changes ----


def test_another_configuration_keeps_the_session(pair):
    first = handshake(pair.left)
    time.sleep(1.1)  # a second handshake would have another time
    pinging = pair.left.inner.popen("ping", "-i", "0.01", "-c", "200", pair.right.inside(),
                                    stdout=subprocess.PIPE, text=True)
    for keepalive in (5, 0, 7):
        pair.programs["left"].configure(pair.right, Settings(keepalive=keepalive))
        assert show(pair.left, "persistent-keepalive") == [str(keepalive) if keepalive else "off"]
    assert "200 received" in pinging.communicate(timeout=20)[0]
    assert handshake(pair.left) == first


def peers(side):
    """{public key: its networks}"""
    lines = side.inner.output("wg", "show", "wg0", "allowed-ips").splitlines()
    return {line.split("\t")[0]: set(line.split("\t")[1].split()) - {"(none)"} for line in lines}


class Text:
    """A configuration in words, for AditKernel.configure()."""

    def __init__(self, key):
        self.lines = [f"private_key={dataplane._hex(key.private)}", f"listen_port={PORT}"]

    def peer(self, public, *networks, endpoint=None):
        self.lines.append(f"public_key={dataplane._hex(public)}")
        self.lines += [f"endpoint={endpoint}"] if endpoint else []
        self.lines += [f"allowed_ip={network}" for network in networks]
        return self

    def give(self, adit):
        adit._say("configure\n" + "\n".join(self.lines) + "\n\n")
        adit._answer("done")


def test_networks_come_go_and_move_between_peers_that_stay(pair):
    adit, right = pair.programs["left"], pair.right
    second, third = Key().public, Key().public
    ours = {"10.81.0.2/32", "fd81::2/128"}
    first = handshake(pair.left)
    Text(pair.left.key).peer(right.key.public, *ours, "10.99.0.0/16") \
        .peer(second, "10.98.0.0/16", "fd98::/32").give(adit)
    assert peers(pair.left) == {right.key.public: ours | {"10.99.0.0/16"},
                                second: {"10.98.0.0/16", "fd98::/32"}}
    Text(pair.left.key).peer(right.key.public, *ours, "10.98.0.0/16") \
        .peer(second, "10.99.0.0/16").peer(third, "10.97.0.0/16").give(adit)
    assert peers(pair.left) == {right.key.public: ours | {"10.98.0.0/16"},
                                second: {"10.99.0.0/16"}, third: {"10.97.0.0/16"}}
    Text(pair.left.key).peer(right.key.public, *ours).give(adit)
    assert peers(pair.left) == {right.key.public: ours}
    assert handshake(pair.left) == first
    assert pair.ping() == 0


def test_more_peers_and_networks_than_a_request_holds(pair):
    adit = pair.programs["left"]
    text = Text(pair.left.key).peer(pair.right.key.public, "10.81.0.2/32", "fd81::2/128")
    wanted = {}
    for i in range(1023):
        networks = {f"10.{100 + i // 256}.{i % 256}.{k}/32" for k in range(8)} | \
            {f"fd00:{i + 1:x}::{k + 1:x}/128" for k in range(7)}
        public = dataplane.base64_of(i)
        wanted[public] = networks
        text.peer(public, *networks)
    began = time.monotonic()
    text.give(adit)
    print(f"1024 peers with {1023 * 15 + 2} networks: {time.monotonic() - began:.2f} s")
    found = peers(pair.left)
    assert len(found) == 1024
    assert all(found[public] == networks for public, networks in wanted.items())
    assert pair.ping() == 0
    began = time.monotonic()
    Text(pair.left.key).peer(pair.right.key.public, "10.81.0.2/32", "fd81::2/128").give(adit)
    print(f"back to one: {time.monotonic() - began:.2f} s")
    assert len(peers(pair.left)) == 1
    assert pair.ping() == 0


def test_a_peer_that_has_moved_is_found_where_it_is_said_to_be(pair):
    pair.right.outer.ip(f"address del {pair.right.address()}/24 dev eth0\n"
                        "address add 10.80.0.77/24 dev eth0\n")
    assert pair.ping(count=1) == 1
    pair.programs["left"].set_endpoint(f"10.80.0.77:{PORT}")
    assert pair.ping() == 0
    assert show(pair.left, "endpoints") == [f"10.80.0.77:{PORT}"]


# ---- what stays ----


def test_the_tunnel_outlives_its_supervisor_and_the_next_one_takes_it_over(pair):
    first = handshake(pair.left)
    time.sleep(1.1)
    pinging = pair.left.inner.popen("ping", "-i", "0.01", "-c", "300", pair.right.inside(),
                                    stdout=subprocess.PIPE, text=True)
    pair.programs["left"].kill()
    time.sleep(0.5)
    pair.programs["left"] = AditKernel(pair.left, pair.right, pair.settings)
    assert "300 received" in pinging.communicate(timeout=20)[0]
    stats = pair.programs["left"].stats()
    assert stats["handshake"] == 1 and stats["rx"] > 10000
    assert handshake(pair.left) == first


def test_a_key_that_was_changed_meanwhile_is_set_again(pair):
    pair.programs["left"].kill()
    pair.left.inner.run("wg", "set", "wg0", "private-key", "/dev/stdin", "peer",
                        pair.right.key.public, "remove", input=Key().private)
    assert pair.ping(count=1) == 1
    pair.programs["left"] = AditKernel(pair.left, pair.right, pair.settings)
    assert wait_until(lambda: pair.ping(count=1) == 0, 10)


def test_nothing_is_sent_in_clear_when_the_link_goes(pair):
    """The control: the same datagrams, before, were seen as WireGuard's."""
    sock = pair.left.inner.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    capture = Capture(pair.left.outer)
    for _ in range(20):
        sock.sendto(b"in clear?" * 20, (pair.right.inside(), 9))
    assert wait_until(lambda: count_udp(capture) >= 20)
    pair.left.inner.ip("link del wg0\n")
    time.sleep(0.2)
    before = count_udp(capture)
    refused = 0
    for _ in range(20):
        try:
            sock.sendto(b"in clear?" * 20, (pair.right.inside(), 9))
        except OSError:
            refused += 1
    sock.close()
    time.sleep(0.3)
    after = capture.packets()
    assert refused == 20
    assert count_udp(capture) == before
    capture.stop()
    assert not [packet for packet in after if b"in clear?" in packet.payload]
    assert str(PORT) not in ports(pair.left.outer)


def count_udp(capture):
    return sum(packet.protocol == UDP and is_wireguard(packet.payload)
               for packet in capture.packets())


# ---- which one it is ----


def chosen(cable, word, uid=0):
    """The backend that the helper got: its `pid` says, or its complaint."""
    side = Side("left", 1, cable.left.outer, cable.left.inner)
    wrapper = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
    argv = [*wrapper, dataplane.helper(), "wg0", side.inner.path, "1420"]
    done = side.outer.run(*argv, input=f"private_key={dataplane._hex(side.key.private)}\n\n",
                          env=os.environ | {"DATAPLANE_BACKEND": word}, check=False)
    side.inner.run("ip", "link", "del", "wg0", check=False)
    return done.stdout.strip() or done.stderr.strip()


@pytest.fixture
def cable():
    cable = dataplane.Cable()
    yield cable
    cable.close()


def test_auto_is_the_kernels_for_root_whose_module_is_loaded_by_the_question(cable):
    unloaded = subprocess.run(["modprobe", "-r", "wireguard"], capture_output=True).returncode == 0
    assert chosen(cable, "auto") == "ready -1"
    assert unloaded, "the module was in use"


def test_userspace_is_there_for_who_wants_it(cable):
    assert chosen(cable, "kernel") == "ready -1"
    assert int(chosen(cable, "userspace").removeprefix("ready ")) > 0


def test_the_kernels_needs_root_and_says_so(cable):
    assert "needs CAP_NET_ADMIN" in chosen(cable, "kernel", UID)
    assert "needs CAP_NET_ADMIN" not in chosen(cable, "auto", UID)
