"""No name of the command is looked up by anybody but the tunnel's server."""

import os
import time
from subprocess import PIPE
from textwrap import dedent

import pytest
from lab import HOME, adit, internet, provider
from lab.canaries import RESOLVERS, Canaries

LOOK_UP = """
    import socket, sys
    for name in sys.argv[1:]:
        try:
            print(socket.getaddrinfo(name, 80, socket.AF_INET)[0][4][0])
        except socket.gaierror as e:
            print("none")
"""


def lookups_outside(net):
    """Names that servers outside of the tunnel were asked for, by the host."""
    names = net.resolver.names() + net.dns.names() + net.dns6.names()
    return [name for name in names if name != provider.NAME]


def test_names_are_asked_of_the_tunnels_server_only(net, conf, oracle):
    with Canaries(net, RESOLVERS) as canaries:
        run = adit.start(net, conf, adit.PYTHON, "-c", dedent(LOOK_UP), "web.test",
                         "a.inside.test")
        assert run.finish()[1] == f"{internet.WEB}\nnone\n"
        canaries.check()
    assert {"web.test", "a.inside.test"} <= set(net.provider.dns.names())
    assert not lookups_outside(net)
    oracle.finish(started=run.started, wireguard=5)


def test_resolver_files_inside_are_adits_own(net, conf):
    out = adit.output(net, conf, "sh", "-c", "cat /etc/resolv.conf; grep hosts: /etc/nsswitch.conf")
    servers = [line.split()[1] for line in out.splitlines() if line.startswith("nameserver")]
    assert servers == [provider.INNER]
    assert out.splitlines()[-1].split() == ["hosts:", "files", "dns"]


def test_nsswitch_of_the_host_with_resolve_and_mdns_is_not_used(net, conf):
    with open("/etc/nsswitch.conf") as f:
        before = f.read()
    try:
        with open("/etc/nsswitch.conf", "w") as f:
            f.write("passwd: files\nhosts: mymachines resolve [!UNAVAIL=return] "
                    "mdns4_minimal [NOTFOUND=return] files myhostname dns\n")
        with Canaries(net, RESOLVERS) as canaries:
            assert adit.python(net, conf, LOOK_UP, "web.test") == internet.WEB + "\n"
            canaries.check()
    finally:
        with open("/etc/nsswitch.conf", "w") as f:
            f.write(before)


def test_file_without_dns_warns_and_uses_no_resolver_of_the_host(net, oracle):
    conf = net.provider.write_conf(dns=None)
    run = adit.start(net, conf, adit.PYTHON, "-c", dedent(LOOK_UP), "web.test",
                     env={"RES_OPTIONS": "timeout:1 attempts:1"})
    status, out, err = run.finish(30)
    assert (status, out) == (0, "none\n")
    assert "DNS" in err and "warning" in err.lower()
    assert not lookups_outside(net) and not net.provider.dns.names()
    oracle.finish(started=run.started, wireguard=3)


@pytest.mark.parametrize("how", ["rename", "rewrite", "remove"])
def test_resolver_of_the_host_changing_has_no_effect_inside(net, conf, oracle, how):
    program = dedent("""
        import socket, sys
        for line in sys.stdin:
            print(socket.getaddrinfo("web.test", 80, socket.AF_INET)[0][4][0], flush=True)
            print(open("/etc/resolv.conf").read().count("198.18.0.53"), flush=True)
        """)
    with adit.start(net, conf, adit.PYTHON, "-c", program, stdin=PIPE) as run:
        run.wait_for_command()
        if how == "rename":
            internet.write_resolv_conf(f"nameserver {internet.DNS}\n")
        elif how == "rewrite":
            with open("/etc/resolv.conf", "w") as f:
                f.write(f"nameserver {internet.DNS}\n")
        else:
            os.unlink("/etc/resolv.conf")
        try:
            run.process.stdin.write("\n\n")
            run.process.stdin.close()
            assert run.process.stdout.read().split() == [internet.WEB, "0"] * 2
        finally:
            net.use()
    assert not lookups_outside(net)
    oracle.finish(started=run.started, wireguard=5)


def test_resolver_file_that_is_a_link_into_run_has_no_effect_inside(net, conf):
    """As with systemd-resolved."""
    os.makedirs("/run/systemd/resolve", exist_ok=True)
    with open("/run/systemd/resolve/stub-resolv.conf", "w") as f:
        f.write(f"nameserver {internet.DNS}\n")
    os.unlink("/etc/resolv.conf")
    os.symlink("../run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf")
    try:
        assert adit.python(net, conf, LOOK_UP, "web.test") == internet.WEB + "\n"
    finally:
        os.unlink("/etc/resolv.conf")
        net.use()
    assert not lookups_outside(net)


def test_search_domain_of_the_file_is_used(net):
    net.zone["short.corp.test"] = [internet.WEB]
    conf = net.provider.write_conf(dns=f"{provider.INNER}, corp.test")
    assert adit.python(net, conf, LOOK_UP, "short") == internet.WEB + "\n"


def test_hosts_file_of_the_host_stays_in_use(net, conf):
    with open("/etc/hosts", "a") as f:
        f.write("198.18.0.80 from-hosts-file\n")
    assert adit.python(net, conf, LOOK_UP, "from-hosts-file") == internet.WEB + "\n"


def test_fixed_server_is_reached_through_the_tunnel_only(net, conf, oracle):
    run = adit.start(net, conf, "dig", "+short", "+tries=1", f"@{internet.DNS}", "whoami.test",
                     "TXT")
    assert run.finish()[1].strip() == f'"far saw {provider.ADDRESS}"'
    oracle.finish(started=run.started, wireguard=5)


def test_endpoints_name_is_looked_up_outside_and_never_inside(net, oracle):
    conf = net.provider.write_conf(endpoint=f"{provider.NAME}:{provider.PORT}")
    run = adit.start(net, conf, "curl", "-sS", f"http://{internet.WEB}/")
    status, out, err = run.finish()
    assert status == 0 and provider.ADDRESS in out, err
    assert provider.NAME in net.resolver.names()
    assert not net.provider.dns.names()
    assert oracle.finish(started=run.started, wireguard=5)["resolving"] >= 2


def test_endpoints_name_is_looked_up_again_when_the_provider_moved(net, oracle):
    conf = net.provider.write_conf(endpoint=f"{provider.NAME}:{provider.PORT}")
    net.zone[provider.NAME] = [provider.OTHER]
    with adit.start(net, conf, "curl", "-sS", f"http://{internet.WEB}/",
                    options=["--wait", "30"]) as run:
        time.sleep(1)  # it asked, and nobody is there
        assert provider.NAME in net.resolver.names()
        net.zone[provider.NAME] = [provider.ADDRESS]
        status, out, err = run.finish(40)
    assert status == 0 and provider.ADDRESS in out, err
    net.provider.addresses.add(provider.OTHER)
    oracle.finish(started=run.started, wireguard=5)


def test_query_log_of_the_provider_holds_no_name_of_the_host(net, conf):
    adit.output(net, conf, "getent", "hosts", "web.test")
    assert set(net.provider.dns.names()) == {"web.test"}


def test_home_folder_cannot_bring_another_resolver(net, conf):
    """HOSTALIASES names a file of aliases; they too are asked inside."""
    with open(f"{HOME}/aliases", "w") as f:
        f.write("alias web.test\n")
    adit.run(net, conf, "getent", "hosts", "alias", env={"HOSTALIASES": f"{HOME}/aliases"})
    assert not lookups_outside(net)
