"""At a terminal, a command behind the tunnel behaves like any other."""

import os
import re
import signal
import time

import pytest
from lab import HOME, adit, named, terminal
from lab.terminal import CTRL_C, CTRL_Z, Terminal

LOOP = "while :; do sleep 0.1; done"
TAIL = 0.3


@pytest.fixture(scope="module", params=["run", "exec"])
def conf(request, shared_net):
    with named.run_or_exec(shared_net, request.param) as one:
        yield one


@pytest.fixture
def term(shared_net):
    with Terminal(shared_net.host) as shell:
        yield shell


def call(conf):
    return " ".join([adit.binary(), *adit.words(conf)])


def start(term, conf, command):
    term.line(f"{call(conf)} -- {command}; echo status $?")


def test_ctrl_c_ends_the_command_and_the_shell_goes_on(term, conf):
    start(term, conf, f"sh -c 'echo ready; {LOOP}'")
    term.expect("\nready")
    term.press(CTRL_C)
    # bash ends the list when its child died of the signal, else it prints the status
    term.expect(r"status 130|lab> ")
    term.line("echo still here")
    term.expect(r"\nstill here")


def test_command_may_catch_ctrl_c(term, conf):
    start(term, conf, f"sh -c 'trap \"echo caught; exit 6\" INT; echo ready; {LOOP}'")
    term.expect("\nready")
    term.press(CTRL_C)
    term.expect("caught")
    term.expect("status 6")


def test_ctrl_z_stops_and_fg_continues(term, conf):
    term.line(f"{call(conf)} -- sh -c 'echo ready; sleep 1; echo went on; exit 5'")
    term.expect("\nready")
    term.press(CTRL_Z)
    term.expect("(?i)stopped")
    term.expect("lab> ")
    time.sleep(TAIL)
    term.line("fg; echo status $?")
    term.expect("\nwent on")
    term.expect("status 5")


def test_stopped_command_does_not_run_on(term, conf):
    beats = f"{HOME}/beats"
    # no shell: Ctrl-Z in the middle of its vfork() would stop more than is meant
    term.line(f"{call(conf)} -- {adit.PYTHON} -c \"import time\nwhile True: "
              f"time.sleep(0.05), open('{beats}', 'a').write('b')\"")
    deadline = time.monotonic() + 10
    while not os.path.exists(beats) and time.monotonic() < deadline:
        time.sleep(0.05)
    term.press(CTRL_Z)
    term.expect("(?i)stopped")
    time.sleep(TAIL)
    before = os.path.getsize(beats)
    time.sleep(TAIL)
    assert os.path.getsize(beats) == before
    term.line("bg")
    time.sleep(TAIL)
    assert os.path.getsize(beats) > before
    term.line("kill %1; wait; echo over")
    term.expect("\nover")
    os.unlink(beats)


def test_size_and_its_change_are_seen(term, conf):
    # no $(…) here: bash reads one wrongly when a trap runs meanwhile
    start(term, conf, f"bash -c 'trap \"stty size\" WINCH; stty size; {LOOP}'")
    term.expect("24 80")
    term.resize(33, 99)
    term.expect("33 99")
    term.press(CTRL_C)


def test_terminal_is_the_same_one(term, conf):
    term.line("tty")
    outside = term.expect(r"/dev/pts/\d+").group()
    start(term, conf, "tty")
    said = term.expect(r"(/dev/\S+|not a tty)").group()
    assert said.startswith("/dev/"), (outside, said)
    term.expect("status 0")


def test_dev_tty_can_be_opened(term, conf):
    start(term, conf, "sh -c 'echo through >/dev/tty'")
    term.expect("\nthrough")
    term.expect("status 0")


def test_interactive_shell_has_job_control(term, conf):
    start(term, conf, "bash --norc -i")
    term.expect(r"lab> ")
    term.line("sleep 100 &")
    term.line("jobs; echo $-")
    term.expect("Running")
    term.press(CTRL_C)
    term.line("kill %1; exit 4")
    term.expect("status 4")
    term.line("echo back; read x; echo got $x")
    term.expect("\nback")
    term.line("typed")
    term.expect("got typed")


def test_hang_up_ends_everything(shared_net, conf):
    with Terminal(shared_net.host) as term:
        start(term, conf, f"sh -c 'echo ready; {LOOP}'")
        term.expect("\nready")
        adits = [pid for pid in term.processes() if pid != term.pid]
        assert len(adits) > 1
        term.hang_up()
        deadline = time.monotonic() + 5
        while any(map(adit.is_alive, adits)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not [pid for pid in adits if adit.is_alive(pid)]


def test_keystrokes_cannot_be_pushed_into_the_terminal(term, conf):
    """TIOCSTI and TIOCLINUX: a line typed into the shell outside would run there."""
    program = f"{HOME}/push.py"
    with open(program, "w") as f:
        f.write("import errno, fcntl, termios\n"
                "for request, data in ((termios.TIOCSTI, b'#'), (0x541C, bytes([2]))):\n"
                "    try:\n"
                "        fcntl.ioctl(0, request, data)\n"
                "        print('pushed')\n"
                "    except OSError as e:\n"
                "        print('error', errno.errorcode[e.errno])\n")
    start(term, conf, f"{adit.PYTHON} {program}")
    term.expect("status 0")
    said = term.output[term.output.rindex("status $?"):]
    assert "pushed" not in said and said.count("error EPERM") == 2, said


def test_keystrokes_could_be_pushed_without_adit(term):
    """The control: on a kernel that refuses this to everybody the test above proves less."""
    with open("/proc/sys/dev/tty/legacy_tiocsti") as f:
        if f.read().strip() != "1":
            pytest.skip("this kernel has TIOCSTI switched off for everybody")
    term.line(f"{adit.PYTHON} -c \"import fcntl, termios; "
              "[fcntl.ioctl(0, termios.TIOCSTI, c.encode()) for c in 'echo pu''shed\\n']\"")
    term.expect("\npushed")


def test_orphaned_grandchild_ends_with_the_command(shared_net, conf):
    with adit.start(shared_net, conf, "sh", "-c",
                    "(setsid sh -c 'sleep 300' &) ; sleep 0.2; exit 0") as run:
        assert run.finish()[0] == 0
        assert run.wait_until_gone(1)


def test_sigterm_to_adit_reaches_the_command(term, conf):
    start(term, conf, f"sh -c 'trap \"echo asked; exit 8\" TERM; echo ready; {LOOP}'")
    term.expect("\nready")
    group = term.foreground()
    assert group != os.getpgid(term.pid)
    os.kill(group, signal.SIGTERM)  # the group's leader is adit
    term.expect("asked")
    term.expect("status 8")


def test_terminal_is_left_as_it_was(term, conf):
    before = term.has_echo()
    start(term, conf, "bash --norc -ic 'exit 3'")
    term.expect("status 3")
    term.expect(re.escape(terminal.PROMPT))
    assert term.has_echo() == before
    term.line("echo free")
    term.expect("\nfree")
