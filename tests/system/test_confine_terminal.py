"""A confined command on a terminal: keys, job control, and what is left behind."""

import re
import signal

import pytest

from lab import confined
from lab.terminal import CTRL_C, CTRL_Z, Terminal


class Here:
    """The sandbox's own namespace."""

    def command(self, argv):
        return list(argv)


@pytest.fixture
def terminal():
    term = Terminal(Here())
    term.line(f"t='{confined.binary()} --'")
    yield term
    term.hang_up()


def test_ctrl_c_reaches_the_command_and_ends_it(terminal):
    terminal.line("$t sh -c 'echo started; sleep 60'; echo status=$?")
    terminal.expect("\r\nstarted")
    terminal.press(CTRL_C)
    assert terminal.expect(r"status=(\d+)")[1] == "130"


def test_ctrl_c_is_the_commands_own_to_handle(terminal):
    terminal.line("$t sh -c 'trap \"echo caught; exit 3\" INT; echo started; while :; do sleep 0.1; done'; "
                  "echo status=$?")
    terminal.expect("\r\nstarted")
    terminal.press(CTRL_C)
    terminal.expect("caught")
    assert terminal.expect(r"status=(\d+)")[1] == "3"


def test_ctrl_z_and_fg(terminal):
    terminal.line("$t sh -c 'echo started; i=0; while [ $i -lt 8 ]; do sleep 0.1; i=$((i+1)); done; echo finished'; "
                  "echo status=$?")
    terminal.expect("\r\nstarted")
    terminal.press(CTRL_Z)
    terminal.expect("Stopped")
    terminal.line("jobs; echo again")
    terminal.expect("\r\nagain")
    terminal.line("fg")
    terminal.expect("\r\nfinished")


def test_an_interactive_shell_inside_suspends_and_comes_back(terminal):
    terminal.line("PS1='in> ' $t bash --norc --noprofile -i; echo status=$?")
    terminal.expect("\r\nin> ", timeout=30)
    terminal.line("sh -c 'echo running; exec sleep 60'")
    terminal.expect("\r\nrunning")
    terminal.press(CTRL_Z)
    terminal.expect("Stopped")
    terminal.expect("in> ")
    terminal.line("suspend -f")
    terminal.expect(r"Stopped.*\r\n")
    terminal.expect("lab> ")
    terminal.line("fg; echo final=$?")
    terminal.rest(0.5)
    terminal.line("echo inside=$((6*7))")
    terminal.expect("\r\ninside=42")
    terminal.line("kill -9 %1; sleep 0.3; exit 5")
    assert terminal.expect(r"\r\nfinal=(\d+)")[1] == "5"


def test_the_terminal_is_given_back_after_an_interactive_shell(terminal):
    """A caller without job control does not take it back itself."""
    terminal.line(f"sh -c '{confined.binary()} -- bash --norc --noprofile -ic \"exit 3\"; echo rc=$?; "
                  "read x; echo got=$x'")
    terminal.expect("rc=3")
    terminal.line("hello")
    terminal.expect("\r\ngot=hello")


def test_pipelines_and_background(terminal):
    terminal.line("$t sh -c 'echo one; echo two' | cat -n | tail -1")
    terminal.expect(r"2\s+two")
    terminal.line("$t sleep 0.2 & wait; echo status=$?")
    assert terminal.expect(r"status=(\d+)")[1] == "0"


def test_window_size_and_its_change(terminal):
    terminal.resize(33, 77)
    terminal.line("$t bash -c 'stty size; trap \"stty size; exit\" WINCH; echo ready; while :; do sleep 0.1; done'")
    terminal.expect("33 77")
    terminal.expect("\r\nready")
    terminal.resize(44, 88)
    terminal.expect("44 88")


def test_tty_has_a_name_inside(terminal):
    terminal.line("$t sh -c 'tty; echo x >/dev/tty'")
    terminal.expect(r"\r\n/dev/console")
    terminal.expect(r"\r\nx")


def test_nothing_can_be_typed_into_the_terminal(terminal):
    terminal.line("$t python3 -c \"import fcntl; fcntl.ioctl(0, 0x5412, b'x')\"")
    terminal.expect("PermissionError|Operation not permitted")


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals_are_passed_on(number, status):
    with confined.started("sh", "-c", "echo started; exec sleep 60") as process:
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=10) == status


def test_ignored_signals_stay_ignored():
    out = confined.shell("grep SigIgn /proc/self/status", wrapper=["nohup"])
    assert int(re.search(r"SigIgn:\s+(\w+)", out)[1], 16) & 1 << (signal.SIGHUP - 1)
    out = confined.shell("grep -E 'Sig(Ign|Blk)' /proc/self/status")
    blocked = int(re.search(r"SigBlk:\s+(\w+)", out)[1], 16)
    assert blocked == 0
