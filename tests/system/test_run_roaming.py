"""The tunnel of `adit run` follows the host from uplink to uplink."""

import time

import pytest

from lab import adit, provider
from lab.flow import Flow

WIRELESS = "192.168.77.4"
NEAR, FAR = "02:00:00:00:00:76", "02:00:00:00:00:77"  # the ends of its cable
SOON = 3  # seconds; a session that hears nothing gives its source address up after 15


def plug_wireless(net):
    """A second way to the router, which takes nothing from others than its own address."""
    net.host_addresses.add(WIRELESS)
    net.host.ip(f"link add wlan0 address {NEAR} gso_max_segs 1 type veth peer name p-wlan "
                f"address {FAR} netns {net.router.name}\n"
                f"address add {WIRELESS}/32 dev wlan0\nlink set wlan0 up\n")
    net.router.ip(f"link set p-wlan up\nroute add {WIRELESS}/32 dev p-wlan\n"
                  f"neigh add {WIRELESS} lladdr {NEAR} dev p-wlan\n")
    net.router.nft("table inet bcp38 {\nchain pre {\ntype filter hook prerouting priority -300;\n"
                   f"iifname \"p-wlan\" ip saddr != {WIRELESS} drop\n}}\n}}\n")


@pytest.mark.parametrize("end", ["link del wlan0\n", "link set wlan0 down\n"])
def test_a_better_route_is_taken_at_once_with_its_own_address(net, conf, oracle, end):
    plug_wireless(net)
    flow = Flow()
    with adit.start(net, conf, *flow.command, options=["--wait", "5"]) as run:
        run.wait_for_command()
        assert flow.goes_on(5)
        net.host.ip(f"neigh add {provider.ADDRESS} lladdr {FAR} dev wlan0\n"
                    f"route add {provider.ADDRESS}/32 dev wlan0 src {WIRELESS}\n")
        time.sleep(0.2)
        assert flow.goes_on(SOON), "the new uplink was not taken"
        net.host.ip(end)
        time.sleep(0.2)
        assert flow.goes_on(SOON), "the old uplink was not taken again"
        flow.stop()
        assert flow.is_unharmed(), flow.report["error"]
    oracle.finish(started=run.started, wireguard=100)
