"""The command's traffic comes out at the provider, in both families, with everyday tools."""

import json
import time

import pytest
from lab import adit, internet, provider


@pytest.fixture(scope="module")
def conf(shared_net):
    return shared_net.provider.write_conf()


def knock(address, port):
    """A program that connects, and fails with the reason."""
    return [adit.PYTHON, "-c",
            f"import socket; socket.create_connection(('{address}', {port}), 1)"]


def test_web_server_sees_the_providers_address(shared_net, conf):
    said = json.loads(adit.output(shared_net, conf, "curl", "-sS", f"http://{internet.WEB}/"))
    assert said["address"] == provider.ADDRESS


def test_web_server_sees_the_providers_ipv6_address(shared_net, conf):
    said = json.loads(adit.output(shared_net, conf, "curl", "-sS", f"http://[{internet.WEB6}]/"))
    assert said["address"] == provider.ADDRESS6


def test_web_server_is_found_by_name(shared_net, conf):
    said = json.loads(adit.output(shared_net, conf, "curl", "-sS4", "http://web.test/"))
    assert said["address"] == provider.ADDRESS
    assert "web.test" in shared_net.provider.dns.names()


def test_endpoint_may_be_an_ipv6_address(shared_net):
    conf = shared_net.provider.write_conf(
        "/home/alice/six.conf", endpoint=f"[{provider.ADDRESS6}]:{provider.PORT}")
    said = json.loads(adit.output(shared_net, conf, "curl", "-sS", f"http://{internet.WEB}/"))
    assert said["address"] == provider.ADDRESS


def test_large_download_arrives_whole(shared_net, conf):
    got = adit.output(shared_net, conf, "curl", "-sS", "-o", "/dev/null", "-w", "%{size_download}",
                      f"http://{internet.WEB}/download?20000000")
    assert got == "20000000"


def test_ping_works_in_both_families(shared_net, conf):
    adit.output(shared_net, conf, "ping", "-c1", "-W2", internet.WEB)
    adit.output(shared_net, conf, "ping", "-c1", "-W2", internet.WEB6)


def test_dig_asks_the_tunnels_server(shared_net, conf):
    said = adit.output(shared_net, conf, "dig", "+short", "+tries=1", "whoami.test", "TXT")
    assert said.strip() == f'"provider saw {provider.CLIENT}"'


def test_traceroute_goes_through_the_provider(shared_net, conf):
    said = adit.output(shared_net, conf, "traceroute", "-n", "-q1", "-w1", "-m6", internet.WEB)
    hops = [line.split()[1] for line in said.splitlines()[1:]]
    assert hops[0] in (provider.INNER, provider.ADDRESS) and hops[-1] == internet.WEB


def test_ss_shows_a_connection_from_the_tunnels_address(shared_net, conf):
    said = adit.output(shared_net, conf, "bash", "-c",
                       f"exec 3<>/dev/tcp/{internet.WEB}/7; ss -tan")
    assert provider.CLIENT in said


def test_git_reads_a_repository(shared_net, conf):
    commit = "a" * 40
    shared_net.web.files["/r.git/info/refs"] = f"{commit}\trefs/heads/main\n".encode()
    shared_net.web.files["/r.git/HEAD"] = b"ref: refs/heads/main\n"
    said = adit.output(shared_net, conf, "git", "ls-remote", f"http://{internet.WEB}/r.git")
    assert f"{commit}\trefs/heads/main" in said
    assert shared_net.web.seen[-1].address == provider.ADDRESS


def test_ssh_arrives_with_the_providers_address(shared_net, conf):
    adit.run(shared_net, conf, "ssh", "-o", "ConnectTimeout=3", "-o", "BatchMode=yes",
             f"somebody@{internet.WEB}", "true")
    assert shared_net.ssh.seen[-1].address == provider.ADDRESS


def test_loopback_answers_inside(shared_net, conf):
    said = adit.python(shared_net, conf, """
        import socket
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            server = socket.socket(family)
            server.bind((address, 0))
            server.listen()
            socket.create_connection(server.getsockname()[:2], 1).send(b"hello")
            print(server.accept()[0].recv(9).decode())
        """)
    assert said == "hello\nhello\n"


def test_loopback_of_the_host_is_another(shared_net, conf):
    server = shared_net.serve(internet.servers.TcpEcho, shared_net.host, "127.0.0.1", 631)
    status, _, err = adit.run(shared_net, conf, *knock("127.0.0.1", 631))
    assert status == 1 and "refused" in err and not server.seen
    server.close()


def test_address_outside_allowedips_is_unreachable_at_once(shared_net):
    conf = shared_net.provider.write_conf("/home/alice/narrow.conf",
                                          allowed=f"{provider.INNER}/32, 198.18.0.0/24")
    said = adit.python(shared_net, conf, f"""
        import errno, socket
        def try_udp(family, address):
            try:
                socket.socket(family, socket.SOCK_DGRAM).sendto(b"x", (address, 7))
                print("sent")
            except OSError as e:
                print(errno.errorcode[e.errno])
        try_udp(socket.AF_INET, "{internet.WEB}")
        try_udp(socket.AF_INET, "{internet.LAN}")
        try_udp(socket.AF_INET6, "{internet.WEB6}")
        """)
    first, *others = said.split()
    assert first == "sent"
    assert set(others) <= {"ENETUNREACH", "EHOSTUNREACH"} and len(others) == 2


def test_only_replies_come_in_from_the_tunnel(shared_net, conf):
    """A listening socket inside is not reached by the provider, nor by what is behind it."""
    with adit.start(shared_net, conf, adit.PYTHON, "-uc",
                    "import socket; s = socket.socket(); s.bind(('', 9099)); s.listen();"
                    "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('', 9099));"
                    "print('ready'); u.recv(9); print('reached')") as run:
        assert run.process.stdout.readline() == "ready\n"
        space = shared_net.provider.netns
        assert "timed out" in space.run(*knock(provider.CLIENT, 9099), check=False).stderr
        space.run(adit.PYTHON, "-c", "import socket; socket.socket(socket.AF_INET, "
                  f"socket.SOCK_DGRAM).sendto(b'x', ('{provider.CLIENT}', 9099))")
        time.sleep(0.2)
        assert run.process.poll() is None
        run.process.terminate()
        assert "reached" not in run.finish()[1]


SHOW_MTU = (adit.PYTHON, "-c", "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
            f"s.setsockopt(0, 10, 2); s.connect(('{internet.WEB}', 9)); print(s.getsockopt(0, 14))")


def test_mtu_is_the_files(shared_net):
    conf = shared_net.provider.write_conf("/home/alice/small.conf", interface="MTU = 1300")
    assert int(adit.output(shared_net, conf, *SHOW_MTU)) == 1300


def test_mtu_without_one_in_the_file_fits_the_way_to_the_endpoint(shared_net, conf):
    """60 bytes of WireGuard's headers over IPv4, 80 over IPv6 (whitepaper 5.4.6)."""
    assert int(adit.output(shared_net, conf, *SHOW_MTU)) in (1420, 1440)
    shared_net.host.ip(f"link set {internet.UPLINK} mtu 1400\n")
    try:
        assert int(adit.output(shared_net, conf, *SHOW_MTU)) in (1320, 1340)
    finally:
        shared_net.host.ip(f"link set {internet.UPLINK} mtu 1500\n")
