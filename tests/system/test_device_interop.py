"""`adit device` and wireguard-go, both configured by wg(8), understand each other."""

import pytest
from lab import dataplane
from lab.provider import wg
from test_device_life import DeviceAdit, check_transfer

PACKAGED = dataplane.packaged_wireguard_go()


@pytest.mark.skipif(not PACKAGED, reason="wireguard-go is not installed")
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("adit_begins", [True, False])
def test_with_wireguard_go(make_cable, family, adit_begins):
    sides = [DeviceAdit, dataplane.go(PACKAGED)]
    cable = make_cable(*(sides if adit_begins else sides[::-1]), family=family,
                       preshared=wg("genpsk"))
    for inner in (4, 6):
        assert cable.ping(inner, 3, 1300) == 0
    check_transfer(cable, 10 << 20)
    link = (cable.programs["left"] if adit_begins else cable.programs["right"]).link
    shown = wg("show", link, "latest-handshakes").split()
    assert int(shown[1]) > 0
    assert min(map(int, wg("show", link, "transfer").split()[1:])) > 1000


def test_with_itself_and_a_jumbo_mtu(make_cable):
    cable = make_cable(DeviceAdit, DeviceAdit, mtu=9000, outer_mtu=9100)
    check_transfer(cable, 20 << 20)
