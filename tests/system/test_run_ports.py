"""ListenPort of `adit run`: what is named is taken, or said why not."""

import socket
import time

from lab import adit, internet

LOW = 53  # below 1024: net.ipv4.ip_unprivileged_port_start


def udp_ports(net):
    """Ports of the host's UDP sockets."""
    lines = net.host.output("ss", "-Huln").splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in lines}


def fetch(net, conf, **how):
    return adit.run(net, conf, "curl", "-sS", f"http://{internet.WEB}/", options=["--wait", "5"],
                    **how)


def listening(net, conf, **how):
    """The ports while it runs, and what it said at the end."""
    with adit.start(net, conf, "sleep", "2", options=["--wait", "5"], **how) as run:
        run.wait_for_command()
        ports = udp_ports(net)
        status, _, err = run.finish()
    assert status == 0, err
    return ports, err


def test_a_port_that_is_named_is_taken(net):
    ports, err = listening(net, net.provider.write_conf(interface="ListenPort = 34567"))
    assert 34567 in ports and "ListenPort" not in err


def test_a_low_port_is_a_warning_without_root(net):
    """As FwMark is: the tunnel works on another one."""
    conf = net.provider.write_conf(interface=f"ListenPort = {LOW}")
    ports, err = listening(net, conf)
    assert LOW not in ports and len(ports) == 1
    assert f"ListenPort {LOW} is not used" in err and str(ports.pop()) in err
    status, out, _ = fetch(net, conf)
    assert status == 0 and out


def test_both_are_warnings_in_one_run(net):
    conf = net.provider.write_conf(interface=f"ListenPort = {LOW}\nFwMark = 0x77")
    _, err = listening(net, conf)
    assert err.count("FwMark is not set") == 1 and err.count("ListenPort") == 1


def test_a_port_in_use_is_an_error_that_names_it(net):
    conf = net.provider.write_conf(interface="ListenPort = 34567")

    def take():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("0.0.0.0", 34567))
        return sock

    with net.host.call(take):
        began = time.monotonic()
        status, _, err = fetch(net, conf)
    assert status == 125 and "34567" in err and "in use" in err
    assert time.monotonic() - began < 3
