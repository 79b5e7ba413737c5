"""The exit status is the command's; adit's own failures are 125 to 127."""

import os
import signal

import pytest
from lab import adit, named, provider


@pytest.fixture(scope="module", params=["run", "exec"])
def conf(request, shared_net):
    with named.run_or_exec(shared_net, request.param) as one:
        yield one


@pytest.mark.parametrize("status", [0, 1, 7, 125, 255])
def test_status_of_the_command_is_passed_on(shared_net, conf, status):
    assert adit.run(shared_net, conf, "sh", "-c", f"exit {status}")[0] == status


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "PIPE"])
def test_command_ended_by_a_signal_gives_128_and_its_number(shared_net, conf, name):
    number = getattr(signal, f"SIG{name}")
    assert adit.run(shared_net, conf, "sh", "-c", f"kill -{name} $$")[0] == 128 + number


def test_unknown_command_gives_127_and_is_named(shared_net, conf):
    status, _, err = adit.run(shared_net, conf, "no-such-program")
    assert status == 127 and "no-such-program" in err


def test_file_that_is_no_program_gives_126(shared_net, conf):
    status, _, err = adit.run(shared_net, conf, "/etc/passwd")
    assert status == 126 and "/etc/passwd" in err


def test_directory_gives_126(shared_net, conf):
    assert adit.run(shared_net, conf, "/etc")[0] == 126


def test_missing_file_gives_125_and_is_named(shared_net):
    status, _, err = adit.run(shared_net, "/home/alice/no-such.conf", "true")
    assert status == 125 and "no-such.conf" in err


def test_wrong_file_gives_125_with_the_place_and_nothing_runs(shared_net, tmp_path):
    conf = shared_net.provider.write_conf("/home/alice/wrong.conf", allowed="10.0.0.1/33")
    status, out, err = adit.run(shared_net, conf, "echo", "ran")
    assert status == 125 and out == ""
    assert f"{conf}:8:" in err and "10.0.0.1/33" in err


def test_unknown_option_gives_125(shared_net, conf):
    status, _, err = adit.run(shared_net, conf, "true", options=["--no-such-option"])
    assert status == 125 and "--no-such-option" in err


def test_standard_streams_are_the_commands(shared_net, conf):
    reader, writer = os.pipe()
    os.write(writer, b"a line\n")
    os.close(writer)
    status, out, err = adit.run(shared_net, conf, "sh", "-c", "cat; echo complaint >&2",
                                stdin=reader)
    os.close(reader)
    assert (status, out) == (0, "a line\n")
    assert "complaint" in err


def test_quiet_success_adds_nothing_to_the_output(shared_net, conf):
    status, out, err = adit.run(shared_net, conf, "true")
    assert (status, out) == (0, "")


def test_file_may_be_given_by_name_from_the_users_folder(shared_net):
    os.makedirs("/home/alice/.config/adit", exist_ok=True)
    shared_net.provider.write_conf("/home/alice/.config/adit/home.conf",
                                   private=provider.Key().private)
    assert adit.run(shared_net, "home", "true", options=["--no-wait"])[0] == 0


def test_without_a_command_the_users_shell_runs(shared_net, conf):
    reader, writer = os.pipe()
    os.write(writer, b"echo shell; exit 3\n")
    os.close(writer)
    status, out, _ = adit.run(shared_net, conf, stdin=reader, env={"SHELL": "/bin/sh"})
    os.close(reader)
    assert (status, out) == (3, "shell\n")


def test_everything_is_gone_when_the_command_ends(shared_net, conf):
    with adit.start(shared_net, conf, "sh", "-c", "sleep 300 & setsid sleep 300 & exit 4") as run:
        assert run.finish()[0] == 4
        assert run.wait_until_gone(1)


def test_everything_is_gone_when_adit_is_terminated(shared_net, conf):
    with adit.start(shared_net, conf, "sleep", "300") as run:
        run.wait_for_command()
        run.process.send_signal(signal.SIGTERM)
        assert run.finish()[0] in (128 + signal.SIGTERM, -signal.SIGTERM)
        assert run.wait_until_gone(1)


def test_command_may_clean_up_when_adit_is_terminated(shared_net, conf):
    with adit.start(shared_net, conf, "sh", "-c",
                    "trap 'echo cleaned; exit 9' TERM; echo ready; while :; do sleep 0.1; done"
                    ) as run:
        assert run.process.stdout.readline() == "ready\n"
        run.process.send_signal(signal.SIGTERM)
        status, out, _ = run.finish()
        assert (status, out) == (9, "cleaned\n")
