"""[Tunnel] Accept=: who comes in by the tunnel, and who is counted on the way out."""

import socket
import subprocess
import time

import pytest

from lab import adit, named, provider

SERVE = """
import socket, sys, threading
family = int(sys.argv[1])
def serve_tcp(port):
    server = socket.create_server(("", port), family=family)
    while True:
        connection, _ = server.accept()
        connection.sendall(b"tcp %d" % port)
        connection.close()
def serve_udp(port):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind(("", port))
    while True:
        _, sender = server.recvfrom(100)
        server.sendto(b"udp %d" % port, sender)
for port in range(4000, 4004):
    for serve in (serve_tcp, serve_udp):
        threading.Thread(target=serve, args=(port,), daemon=True).start()
print("listening", flush=True)
sys.stdin.read()
"""

ACCEPT = "\n[Tunnel]\nAccept = tcp:4000, udp:4001-4002\n"


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ask_tcp(address, port):
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            return connection.recv(100).decode()
    except TimeoutError:
        return "silence"


def ask_udp(address, port):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as udp:
        udp.settimeout(1)
        udp.sendto(b"knock", (address, port))
        try:
            return udp.recv(100).decode()
        except TimeoutError:
            return "silence"


def counters(one):
    """{name: packets} of the table inside."""
    said = subprocess.run(["nsenter", f"--net={one.pin}", "nft", "list", "counters", "table", "inet",
                           "adit"], check=True, capture_output=True, text=True).stdout.split()
    return {said[i + 1]: int(said[i + 4]) for i, word in enumerate(said) if word == "counter"}


@pytest.fixture
def media(net):
    with named.place(net, "media", net.provider.conf() + ACCEPT) as one:
        one.up()
        one.wait()
        yield one


@pytest.fixture(params=[provider.CLIENT, provider.CLIENT6])
def address(request):
    return request.param


@pytest.fixture
def server(media, address):
    """On 0.0.0.0 or ::, behind the tunnel, on four ports of tcp and of udp."""
    serving = media.start_inside(adit.PYTHON, "-c", SERVE, str(int(family_of(address))),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert serving.stdout.readline() == "listening\n"
    yield serving
    serving.kill()
    serving.wait()
    serving.stdin.close()
    serving.stdout.close()


def asked(net, address):
    """What the other end of the tunnel hears from each port."""
    call = net.provider.netns.call
    return ({port: call(ask_tcp, address, port) for port in (4000, 4001)},
            {port: call(ask_udp, address, port) for port in (4000, 4001, 4002, 4003)})


@pytest.mark.usefixtures("server")
def test_accepted_ports_answer_and_others_are_silent_and_counted(net, media, address):
    before = counters(media)
    tcp, udp = asked(net, address)
    assert tcp == {4000: "tcp 4000", 4001: "silence"}
    assert udp == {4000: "silence", 4001: "udp 4001", 4002: "udp 4002", 4003: "silence"}
    after = counters(media)
    assert after["not_accepted"] - before["not_accepted"] >= 3
    for name in ("refused_in", "own_source", "refused_forward"):
        assert after[name] == before[name]


@pytest.mark.usefixtures("server")
def test_reload_opens_and_closes_ports_under_what_runs(net, media, address):
    media.write(net.provider.conf() + "\n[Tunnel]\nAccept = udp:4003\n")
    media.reload()
    tcp, udp = asked(net, address)
    assert set(tcp.values()) == {"silence"}
    assert udp == {4000: "silence", 4001: "silence", 4002: "silence", 4003: "udp 4003"}


@pytest.mark.usefixtures("server")
def test_run_accepts_too(net, media, address):
    media.down()
    net.provider.backend = None  # a run's is its own
    conf = "/home/alice/accept.conf"
    with open(conf, "w", encoding="ascii") as f:
        f.write(net.provider.conf() + ACCEPT)
    subprocess.run(["chown", "alice", conf], check=True)
    subprocess.run(["chmod", "600", conf], check=True)
    with adit.start(net, conf, adit.PYTHON, "-c", SERVE, str(int(family_of(address))),
                    stdin=subprocess.PIPE) as run:
        assert run.process.stdout.readline() == "listening\n"
        time.sleep(0.1)
        tcp, udp = asked(net, address)
    assert tcp == {4000: "tcp 4000", 4001: "silence"}
    assert udp == {4000: "silence", 4001: "udp 4001", 4002: "udp 4002", 4003: "silence"}
