"""Nothing leaks while the provider, the uplink or the host's settings change under the tunnel."""

import os
import signal
import struct
import subprocess
from pathlib import Path

import pytest
from lab import GID, HOME, UID, internet, provider
from lab.scene import Scene

# A session without an answer is given up after 15 s (whitepaper 6.2): then come new handshakes.
RECOVERY = 40


def test_nothing_leaks_while_all_is_well(net):
    with Scene(net) as scene:
        scene.wait(2)
        scene.verdict(wireguard=100)


def test_nothing_leaks_after_adit_has_ended_as_asked(net):
    with Scene(net) as scene:
        scene.wait(1)
        scene.run.process.terminate()
        scene.run.process.wait(5)
        assert scene.run.wait_until_gone(2)
        scene.wait(2)  # the injected traffic goes on in what is left of the namespace
        scene.verdict()


def test_nothing_leaks_when_the_provider_dies_and_returns(net):
    with Scene(net) as scene:
        net.provider.kill()
        scene.wait(2)
        net.provider.start()
        scene.wait_until_online(RECOVERY)
        scene.verdict()


def test_nothing_leaks_when_the_provider_returns_with_another_address(net):
    conf = net.provider.write_conf(endpoint=f"{provider.NAME}:{provider.PORT}")
    with Scene(net, conf=conf) as scene:
        net.provider.kill()
        scene.wait(1)
        net.provider.move()
        net.provider.start()
        scene.wait_until_online(RECOVERY)
        scene.verdict()


def test_nothing_leaks_when_the_provider_is_silent_or_refuses(net):
    with Scene(net) as scene:
        net.provider.drop()
        scene.wait(1.5)
        net.provider.refuse()
        scene.wait(1.5)
        net.provider.pass_all()
        scene.wait_until_online(RECOVERY)
        scene.verdict()


def test_nothing_leaks_when_the_provider_was_never_there(net):
    net.provider.kill()
    with Scene(net, options=["--no-wait"], is_online=False) as scene:
        scene.wait(2.5)
        assert not any(scene.command.counts()["replies"][kind] for kind in ("tcp", "udp", "dns"))
        net.provider.start()
        scene.wait_until_online(RECOVERY)
        scene.verdict()


def test_nothing_leaks_when_the_uplink_goes_down_and_up(net):
    with Scene(net) as scene:
        net.unplug_uplink()
        scene.wait(1.5)
        net.plug_uplink()
        scene.wait_until_online()
        scene.verdict()


def test_nothing_leaks_when_the_host_changes_its_address(net):
    with Scene(net) as scene:
        net.plug_uplink(internet.NEW_HOST, internet.NEW_HOST6)
        scene.wait_until_online()
        scene.wait(1)
        scene.verdict()


def test_nothing_leaks_when_the_uplinks_mtu_changes(net):
    with Scene(net) as scene:
        for mtu in (1280, 1400, 1500):
            net.host.ip(f"link set {internet.UPLINK} mtu {mtu}\n")
            scene.wait(0.7)
        scene.wait_until_online()
        scene.verdict()


def test_nothing_leaks_when_a_second_link_appears_on_the_host(net):
    """As Wi-Fi beside Ethernet, with a better route."""
    with Scene(net) as scene:
        net.host.ip("link add wlan0 type veth peer name ap0\naddress add 10.99.0.2/24 dev wlan0\n"
                    "link set ap0 up\nlink set wlan0 up\n")
        scene.wait(1)
        net.host.ip("link del wlan0\n")
        scene.wait_until_online()
        scene.verdict()


def test_nothing_leaks_when_the_lan_gives_the_host_better_routes(net):
    """TunnelVision (CVE-2024-3661): DHCP option 121 sends the world to a machine of the LAN."""
    with Scene(net) as scene:
        net.host.ip(f"route add 198.18.0.0/24 via {internet.LAN}\n"
                    f"route add 10.66.0.0/16 via {internet.LAN}\n"
                    f"route add 2001:db8:18::/64 via {internet.LAN6}\n")
        scene.wait_until_online()
        scene.wait(0.5)
        scene.verdict()


def test_nothing_leaks_when_the_host_forwards(net):
    """As with docker or libvirt on it: nothing inside has a way to the host to be forwarded."""
    net.host.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
    with Scene(net) as scene:
        scene.wait(0.5)
        scene.verdict()


def test_nothing_leaks_when_the_hosts_firewall_forbids_and_allows(net):
    with Scene(net) as scene:
        net.host.nft("table inet fw {\nchain out {\ntype filter hook output priority 0\n"
                     f"udp dport {provider.PORT} drop\n}}\n}}\n")
        scene.wait(1.5)
        net.host.nft("delete table inet fw\n")
        scene.wait_until_online(RECOVERY)
        scene.verdict()


def test_nothing_leaks_when_the_hosts_resolver_is_swapped(net):
    with Scene(net) as scene:
        for server in (internet.DNS, "127.0.0.53", internet.GATEWAY):
            internet.write_resolv_conf(f"nameserver {server}\n")
            scene.wait(0.7)
        scene.wait_until_online()
        scene.verdict()
        assert not [name for name in net.resolver.names() if name != provider.NAME]


@pytest.fixture(scope="module")
def clock_shift():
    """The preloaded library, built."""
    source, library = Path(__file__).parent / "lab/clockshift.c", f"{HOME}/clockshift.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-O1", "-o", library, source],
                   check=True)
    return library


@pytest.mark.parametrize("seconds", [3600, -3600, 86400 * 400], ids="{:+d}s".format)
def test_nothing_leaks_when_the_clock_jumps(net, clock_shift, seconds):
    """The wall clock both ways; boot time, which counts suspend, only forward."""
    path = f"{HOME}/clock"
    with open(path, "wb") as f:
        f.write(bytes(16))
    os.chown(path, UID, GID)
    with Scene(net, env={"LD_PRELOAD": clock_shift, "ADIT_CLOCK_FILE": path}) as scene:
        with open(path, "r+b") as f:
            f.write(struct.pack("qq", seconds * 10**9, max(seconds, 0) * 10**9))
        scene.wait(1)
        scene.wait_until_online(RECOVERY if seconds > 0 else 10)
        scene.verdict()


def test_nothing_leaks_when_adits_processes_are_frozen(net):
    with Scene(net) as scene:
        frozen = [pid for pid in scene.run.adits() if pid != scene.pid]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        scene.wait(1.5)
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        scene.wait_until_online(RECOVERY)
        scene.verdict()


def test_nothing_leaks_over_ipv6_to_the_provider(net):
    conf = net.provider.write_conf(endpoint=f"[{provider.ADDRESS6}]:{provider.PORT}")
    with Scene(net, conf=conf) as scene:
        scene.wait(1)
        scene.verdict()


def test_nothing_leaks_when_the_tunnel_has_no_ipv6(net):
    """Providers ship ::/0 without an IPv6 address; IPv6 is then unreachable, never direct."""
    conf = net.provider.write_conf(address=f"{provider.CLIENT}/32")
    with Scene(net, conf=conf) as scene:
        scene.wait(1)
        counts = scene.command.counts()
        assert not counts["replies"]["tcp6"] and not counts["replies"]["udp6"]
        scene.verdict()


def test_nothing_leaks_when_only_a_part_of_the_internet_is_in_the_tunnel(net):
    conf = net.provider.write_conf(allowed=f"{provider.INNER}/32, 198.18.0.0/24")
    with Scene(net, conf=conf) as scene:
        scene.wait(1)
        counts = scene.command.counts()
        assert not counts["replies"]["udp-lan"] and not counts["replies"]["tcp-lan"]
        assert not net.lan_udp.seen
        scene.verdict()
