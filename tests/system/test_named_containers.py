"""Containers of real engines behind a lasting namespace: Docker's by Path=, podman's by the pin."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab import adit, engines, internet, named, netns, provider, servers, veth
from lab.oracle import Oracle
from lab.traffic import ORDINARY, PRIVILEGED, Traffic

PIN = "/run/netns/holder"
PAGE = f"http://{internet.WEB}/"

needs_docker = pytest.mark.skipif(
    not (shutil.which("dockerd") and shutil.which("busybox")), reason="no docker or busybox")
needs_podman = pytest.mark.skipif(
    not (shutil.which("podman") and shutil.which("busybox")), reason="no podman or busybox")


@pytest.fixture
def docker(net):
    with engines.docker(net) as engine:
        yield engine


@pytest.fixture
def podman(net):
    with engines.podman(net) as engine:
        yield engine


def path_conf(net, path):
    return f"{net.provider.conf()}\n[Namespace]\nPath = {path}\n"


def hold(docker, *options):
    """As docs/coming-from.md has it."""
    docker.start("holder", "none", *options)
    subprocess.run(["ip", "netns", "attach", "holder", str(docker.pid("holder"))], check=True)


def release():
    subprocess.run(["ip", "netns", "del", "holder"], check=False, capture_output=True)


def exit_of(page):
    return json.loads(page)["address"]


def start_traffic(traffic, pid, resolv_conf):
    """Beside the process, with more power than a container has."""
    bind = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
    return subprocess.Popen(["nsenter", f"--net=/proc/{pid}/ns/net", "unshare", "--mount", "sh",
                             "-c", bind, "-", str(resolv_conf), *traffic.command])


# ---- Docker


@needs_docker
def test_containers_go_by_the_tunnel_where_docker_is_installed(net, docker):
    hold(docker, "--dns", provider.INNER)
    docker.start("early", "container:holder")
    assert docker.inside("early", "wget", "-T", "1", "-qO-", PAGE).returncode != 0
    try:
        with named.place(net, "media", path_conf(net, PIN)) as media:
            media.up()
            media.wait()
            assert exit_of(docker.inside("early", "wget", "-qO-", PAGE).stdout) == provider.ADDRESS
            page = docker.output("container:holder", "wget", "-qO-", "http://web.test/")
            assert exit_of(page) == provider.ADDRESS
            assert "web.test" in net.provider.dns.names()
            assert not net.resolver.names() + net.dns.names() + net.dns6.names()
            _, out, _ = media.call("check", "media")
            assert "broken" not in out and "cannot tell" not in out, out
            _, _, err = media.down()
            assert "is still inside 'media', and stays sealed" in err
            assert docker.inside("early", "ping", "-c1", "-W1", internet.WEB).returncode != 0
    finally:
        release()


@needs_docker
def test_what_is_written_of_resolv_conf_is_so_where_docker_is_installed(net, docker):
    """docs/coming-from.md and adit.conf(5) say this of it."""
    own = Path("/run/own.resolv.conf")
    own.write_text("nameserver 10.1.2.3\n")
    docker.start("plain", "none")
    hosts = docker.output("container:plain", "cat", "/etc/resolv.conf")
    assert f"nameserver {internet.GATEWAY}" in hosts
    docker.start("told", "none", "--dns", provider.INNER)
    said = docker.output("container:told", "cat", "/etc/resolv.conf")
    assert [line for line in said.splitlines() if "nameserver" in line] == [
        f"nameserver {provider.INNER}"]
    refused = docker.run("container:told", "true", options=["--dns", "10.1.2.3"])
    assert "conflicting options" in refused.stderr
    bound = docker.output("container:plain", "cat", "/etc/resolv.conf",
                          options=["--volume", f"{own}:/etc/resolv.conf:ro"])
    assert bound == own.read_text()


@needs_docker
def test_a_container_with_a_network_is_refused_where_docker_is_installed(net, docker):
    pid = docker.start("bridged", "bridge")
    with named.place(net, "media", path_conf(net, f"/proc/{pid}/ns/net")) as media:
        status, _, err = media.up(check=False)
        assert status == 1 and "has a link 'eth0'" in err and "--network none" in err
        assert docker.inside("bridged", "ping", "-c1", "-W2", internet.WEB).returncode == 0


@needs_docker
@pytest.mark.parametrize("dns", [provider.INNER, None], ids=["tunnels-dns", "hosts-dns"])
def test_nothing_leaks_whatever_ends_where_docker_is_installed(net, docker, dns):
    """Also where nobody has told Docker which server to ask."""
    hold(docker, *(["--dns", dns] if dns else []))
    joined = docker.start("joined", "container:holder")
    answered = ("tcp", "udp", "icmp") + (("dns",) if dns else ())
    resolv_conf = docker.call("inspect", "--format", "{{.ResolvConfPath}}", "holder").stdout.strip()
    oracle, traffic = Oracle(net), Traffic()
    started = time.monotonic()
    try:
        with named.place(net, "media", path_conf(net, PIN)) as media, \
                start_traffic(traffic, joined, resolv_conf) as inside:
            try:
                traffic.wait_for("attempts")
                media.up()
                media.wait()
                traffic.wait_for(kinds=answered)
                pid = media.supervisor()
                os.kill(pid, signal.SIGKILL)
                assert named.wait_until(lambda: not adit.is_alive(pid))
                docker.call("kill", "holder")
                traffic.wait_for("attempts")
                media.up()
                media.wait()
                traffic.wait_for(kinds=answered)
                docker.call("start", "holder")  # in another namespace
                assert docker.inside("holder", "ping", "-c1", "-W1", internet.WEB).returncode != 0
                traffic.wait_for("attempts")
                media.down()
                traffic.wait_for("attempts")
            finally:
                inside.kill()
                inside.wait()
    finally:
        release()
    oracle.finish(started=started, offered=traffic.counts()["attempts"],
                  least={kind: 4 for kind in ORDINARY + PRIVILEGED}, wireguard=30)


@needs_docker
def test_what_docker_forbids_of_a_veth_is_told_and_what_allows_it_where_docker_is_installed(
        net, docker):
    with named.place(net, "media", net.provider.conf() + veth.LAN) as media:
        _, _, err = media.up()
        assert "the chain 'FORWARD' of the table 'ip filter' drops what it does not know" in err
        assert "table 'ip6" not in err  # Docker leaves IPv6 alone
        net.serve(servers.TcpEcho, netns.Netns("media"), veth.INSIDE, veth.INNER)
        assert not veth.tries(net.lan, internet.HOST, veth.TCP)
        commands = re.search(r"(iptables -I DOCKER-USER .*)", err)[1]
        net.host.run("sh", "-c", commands)
        assert veth.tries(net.lan, internet.HOST, veth.TCP)
        assert docker.run("bridge", "ping", "-c1", "-W2", internet.WEB).returncode == 0
        media.reload()
        assert "drops what it does not know" not in media.log()
    assert docker.run("bridge", "ping", "-c1", "-W2", internet.WEB).returncode == 0


# ---- podman


@needs_podman
def test_a_container_of_podman_joins_by_the_pin(net, podman):
    with named.place(net, "media", net.provider.conf()) as media:
        media.up()
        media.wait()
        network = f"ns:{media.pin}"
        bound = ["--volume", f"{media.folder}/resolv.conf:/etc/resolv.conf:ro"]
        page = podman.output(network, "wget", "-qO-", "http://web.test/", options=bound)
        assert exit_of(page) == provider.ADDRESS
        page = podman.output(network, "wget", "-qO-", "http://web.test/",
                             options=["--dns", provider.INNER])
        assert exit_of(page) == provider.ADDRESS
        assert not net.resolver.names() + net.dns.names() + net.dns6.names()
        podman.start("lasting", network, *bound)
        _, out, _ = media.call("check", "media")
        assert "broken" not in out and "cannot tell" not in out, out
        _, _, err = media.down()
        assert "is still inside 'media', and stays sealed" in err


@needs_podman
def test_what_is_written_of_resolv_conf_and_podman_is_so(net, podman):
    """docs/coming-from.md says this of it."""
    folder = Path("/etc/netns/media")
    with named.place(net, "media", net.provider.conf()) as media:
        media.up()
        network = f"ns:{media.pin}"

        def servers(*options):
            text = podman.output(network, "cat", "/etc/resolv.conf", options=options)
            return [line.split()[1] for line in text.splitlines() if "nameserver" in line]

        assert servers() == [internet.GATEWAY]
        assert servers("--dns", provider.INNER) == [provider.INNER]
        folder.mkdir(parents=True)
        try:
            (folder / "resolv.conf").write_text(f"nameserver {provider.INNER}\n")
            assert servers() == [provider.INNER]
        finally:
            shutil.rmtree(folder)


@needs_podman
def test_nothing_leaks_of_podmans_containers_whatever_ends(net, podman):
    with named.place(net, "media", net.provider.conf()) as media:
        oracle, traffic = Oracle(net), Traffic()
        started = time.monotonic()
        media.up()
        media.wait()
        # as it is without any care: with the host's server
        pid = podman.start("guest", f"ns:{media.pin}")
        conf = f"/proc/{pid}/root/etc/resolv.conf"
        with start_traffic(traffic, pid, conf) as inside:
            try:
                traffic.wait_for(kinds=("tcp", "udp", "icmp"))
                os.kill(media.supervisor(), signal.SIGKILL)
                traffic.wait_for("attempts")
                media.call("up", "media")
                media.wait()
                traffic.wait_for(kinds=("tcp", "udp", "icmp"))
                media.down()
                traffic.wait_for("attempts")
            finally:
                inside.kill()
                inside.wait()
        oracle.finish(started=started, offered=traffic.counts()["attempts"],
                      least={kind: 4 for kind in ORDINARY + PRIVILEGED}, wireguard=20)
