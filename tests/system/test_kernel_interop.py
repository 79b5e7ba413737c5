"""adit's data plane and the kernel's WireGuard understand each other; under tests/vm/run."""

import pytest
from lab import dataplane
from lab.dataplane import PORT, Adit, KernelLink, wait_until
from lab.provider import wg
from test_dataplane_interop import check_udp, udp_sizes
from test_device_life import DeviceAdit, check_transfer

pytestmark = pytest.mark.kernel

PROGRAMS = [pytest.param(Adit, id="data plane"), pytest.param(DeviceAdit, id="adit device")]


def kernel(cable):
    return next(one for one in cable.programs.values() if isinstance(one, KernelLink))


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("adit_begins", [True, False])
def test_handshake_and_data_in_both_roles(make_cable, program, family, adit_begins):
    sides = [program, KernelLink]
    cable = make_cable(*(sides if adit_begins else sides[::-1]), family=family,
                       preshared=wg("genpsk"))
    for inner in (4, 6):
        assert cable.ping(inner, 3, 56) == 0
        assert cable.ping(inner, 3, 1420 - 48) == 0
        assert cable.ping(inner, 2, 20000) == 0
    check_transfer(cable, 5 << 20)
    check_udp(cable, 4, udp_sizes(1420))
    assert int(kernel(cable).show("latest-handshakes")[0]) > 0
    assert min(map(int, kernel(cable).show("transfer"))) > 20000


@pytest.mark.parametrize("mtu, outer", [(1280, 1500), (9000, 9100), (9000, 1500)])
def test_other_mtus(make_cable, mtu, outer):
    cable = make_cable(Adit, KernelLink, mtu=mtu, outer_mtu=outer)
    assert cable.ping(4, 3, mtu - 48) == 0
    check_transfer(cable, 2 << 20)
    check_udp(cable, 6, udp_sizes(mtu))


def change_address(side, family, old, new):
    length, rest = (24, "") if family == 4 else (64, " nodad")
    side.outer.ip(f"address del {old}/{length} dev eth0\n"
                  f"address add {new}/{length} dev eth0{rest}\n")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("family", [4, 6])
def test_the_kernel_follows_when_adit_moves(make_cable, program, family):
    cable = make_cable(program, KernelLink, family=family)
    new = "10.80.0.77" if family == 4 else "fd80::77"
    change_address(cable.left, family, cable.left.address(family), new)
    assert wait_until(lambda: cable.ping(count=1) == 0)
    assert kernel(cable).show("endpoints")[0].strip("[").startswith(new)
    assert cable.ping(count=5) == 0


@pytest.mark.parametrize("family", [4, 6])
def test_adit_follows_when_the_kernel_moves(make_cable, family):
    cable = make_cable(KernelLink, DeviceAdit, family=family)
    new = "10.80.0.77" if family == 4 else "fd80::77"
    change_address(cable.left, family, cable.left.address(family), new)
    assert wait_until(lambda: cable.ping(count=1) == 0)
    endpoint = cable.programs["right"].device.ask("get=1\n\n").split("endpoint=")[1].split()[0]
    assert endpoint.strip("[").startswith(new)


def test_the_kernel_follows_to_another_port(make_cable):
    cable = make_cable(DeviceAdit, KernelLink)
    device = cable.programs["left"].device
    assert device.ask(f"set=1\nlisten_port={PORT + 7}\n\n") == "errno=0\n\n"
    assert cable.ping(count=5) == 0
    assert kernel(cable).show("endpoints") == [f"{cable.left.address()}:{PORT + 7}"]


@pytest.mark.parametrize("adit_begins", [True, False])
def test_another_key_begins_another_session(make_cable, adit_begins):
    """Both ends get a new preshared key, the kernel's first: the old session goes on till then."""
    sides = [DeviceAdit, KernelLink]
    cable = make_cable(*(sides if adit_begins else sides[::-1]))
    first = int(kernel(cable).show("latest-handshakes")[0])
    side, other = (cable.left, cable.right) if adit_begins else (cable.right, cable.left)
    adit = cable.programs[side.name].device
    adit_key = dataplane._hex(side.key.private)
    # taking the key away ends adit's sessions
    assert adit.ask("set=1\nprivate_key=" + "0" * 64 + "\n\n") == "errno=0\n\n"
    assert cable.ping(count=1) == 1
    assert adit.ask(f"set=1\nprivate_key={adit_key}\n\n") == "errno=0\n\n"
    assert wait_until(lambda: cable.ping(count=1) == 0, 15)
    assert int(kernel(cable).show("latest-handshakes")[0]) > first
    assert other.key.public != side.key.public


@pytest.mark.long
@pytest.mark.parametrize("adit_begins", [True, False])
def test_a_session_is_renewed_without_a_gap(make_cable, adit_begins):
    """Whitepaper 6.2: the initiator renews after 120 s of traffic."""
    sides = [Adit, KernelLink]
    cable = make_cable(*(sides if adit_begins else sides[::-1]))
    first = int(kernel(cable).show("latest-handshakes")[0])
    out = cable.left.inner.run("ping", "-i", "0.1", "-c", "1400", "-W", "1", cable.right.inside(),
                               timeout=200).stdout
    assert "1400 received" in out
    assert int(kernel(cable).show("latest-handshakes")[0]) >= first + 119
