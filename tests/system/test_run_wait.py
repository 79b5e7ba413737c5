"""Without a handshake the command does not start, and adit says why, each cause in its words."""

import signal
import time

import pytest
from lab import adit, internet, provider
from lab.provider import Impostor, Key

WAIT = "1"


def refused_run(net, conf, *options):
    """Runs with a short wait, sees that nothing ran, and returns what adit said."""
    status, out, err = adit.run(net, conf, "echo", "ran", options=["--wait", WAIT, *options])
    assert (status, out) == (125, ""), err
    return err.lower()


def test_dead_server_is_silence_and_names_key_portal_and_udp_in_this_order(net, conf):
    net.provider.drop()
    said = refused_run(net, conf)
    assert "no answer" in said and provider.ADDRESS in said
    places = [said.index(word) for word in ("key", "portal", "udp")]
    assert places == sorted(places)


def test_wrong_key_looks_like_silence(net, conf):
    net.provider.configure(client=Key().public)
    assert "no answer" in refused_run(net, conf)


def test_port_nobody_listens_on_is_a_refusal(net, conf):
    net.provider.kill()
    said = refused_run(net, conf)
    assert "refused" in said and "no answer" not in said


def test_firewall_on_the_way_that_says_so_is_a_refusal(net, conf):
    net.provider.refuse()
    said = refused_run(net, conf)
    assert "refused" in said or "prohibit" in said
    assert "no answer" not in said


def test_local_firewall_is_named(net, conf):
    net.host.nft("table inet fw {\nchain out {\ntype filter hook output priority 0\n"
                 f"udp dport {provider.PORT} drop\n}}\n}}\n")
    said = refused_run(net, conf)
    assert "not permitted" in said and "firewall" in said


def test_missing_route_is_named(net, conf):
    net.host.ip("route del default\n")
    said = refused_run(net, conf)
    assert "no route" in said


def test_wrong_preshared_key_is_a_reply_that_does_not_authenticate(net, conf):
    net.provider.configure(preshared=Key().private)
    said = refused_run(net, conf)
    assert "does not authenticate" in said and "preshared" in said


def test_forged_reply_is_one_that_does_not_authenticate(net, conf):
    net.provider.kill()
    impostor = Impostor(net.provider_ns, Impostor.false_response(net.provider.client.public))
    said = refused_run(net, conf)
    assert impostor.answered > 0
    impostor.close()
    assert "does not authenticate" in said


def test_noise_is_no_reply_and_does_no_harm(net, conf):
    net.provider.kill()
    impostor = Impostor(net.provider_ns, Impostor.noise)
    said = refused_run(net, conf)
    assert impostor.answered > 0
    impostor.close()
    assert "no answer" in said or "does not authenticate" in said


def test_name_that_does_not_exist_is_named(net):
    conf = net.provider.write_conf(endpoint=f"nowhere.lab.test:{provider.PORT}")
    said = refused_run(net, conf)
    assert "nowhere.lab.test" in said and "does not resolve" in said
    assert "nowhere.lab.test" in net.resolver.names()


def test_resolver_that_says_nothing_is_named(net):
    conf = net.provider.write_conf(endpoint=f"{provider.NAME}:{provider.PORT}")
    net.resolver.is_silent = True
    said = refused_run(net, conf)
    assert provider.NAME in said and "resolve" in said


def test_wait_ends_after_the_time_that_was_asked(net, conf):
    net.provider.drop()
    start = time.monotonic()
    refused_run(net, conf)
    assert 0.9 < time.monotonic() - start < 2.5


def test_server_that_comes_within_the_wait_is_enough(net, conf):
    net.provider.kill()
    with adit.start(net, conf, "curl", "-sS", f"http://{internet.WEB}/",
                    options=["--wait", "15"]) as run:
        time.sleep(0.7)
        net.provider.start()
        status, out, err = run.finish()
    assert status == 0 and provider.ADDRESS in out, err


def test_no_wait_starts_the_command_at_once(net, conf):
    net.provider.drop()
    start = time.monotonic()
    assert adit.run(net, conf, "echo", "ran", options=["--no-wait"])[:2] == (0, "ran\n")
    assert time.monotonic() - start < 1.5


def test_command_does_not_start_before_the_handshake(net, conf):
    net.provider.drop()
    with adit.start(net, conf, "touch", "/home/alice/started", options=["--wait", "20"]) as run:
        time.sleep(0.6)
        assert net.host.run("test", "-e", "/home/alice/started", check=False).returncode == 1
        net.provider.pass_all()
        assert run.finish()[0] == 0
    net.host.run("test", "-e", "/home/alice/started")


def test_ctrl_c_ends_the_wait(net, conf):
    net.provider.drop()
    with adit.start(net, conf, "true", options=["--wait", "20"]) as run:
        time.sleep(0.4)
        run.process.send_signal(signal.SIGINT)
        assert run.finish(3)[0] in (130, -signal.SIGINT)
        assert run.wait_until_gone(1)


@pytest.mark.parametrize("loss", [30])
def test_lossy_way_is_no_obstacle(net, conf, loss):
    net.provider.lose(loss)
    out = adit.output(net, conf, "ping", "-c20", "-i0.05", "-W1", internet.WEB,
                      options=["--wait", "20"], timeout=40)
    assert " 0 received" not in out


def test_mark_that_only_root_may_set_is_a_warning(net):
    conf = net.provider.write_conf(interface="FwMark = 0x20")
    status, out, err = adit.run(net, conf, "echo", "ran")
    assert (status, out) == (0, "ran\n"), err
    assert err.count("FwMark is not set") == 1
