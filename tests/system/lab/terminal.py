"""A person at a terminal: a shell with job control on a pty, typed at and read from."""

import fcntl
import os
import re
import secrets
import select
import signal
import struct
import termios
import time

from lab import HOME, UID, adit

PROMPT = "lab> "
MOMENT = 0.15  # seconds
PATIENCE = 3  # seconds after hanging up
CTRL_C, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x1a", "\x1c"


class Terminal:
    """`type` and `press` send keys, `expect` waits for text after what was read before."""

    def __init__(self, netns, rows=24, columns=80, env=None, uid=UID):
        self.output = ""
        self._read = 0
        argv = netns.command(adit.as_user(["bash", "--norc", "--noprofile", "-i"], uid))
        self.mark = secrets.token_hex(8)
        environ = adit.environment(uid, PS1=PROMPT, **{adit.MARK: self.mark}, **(env or {}))
        pid, self.fd = os.forkpty()
        if pid == 0:
            os.chdir(HOME)
            os.execvpe(argv[0], argv, environ)
        self.pid = pid
        self.resize(rows, columns)
        self.expect(re.escape(PROMPT))

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def press(self, key):
        """A key that sends a signal, a person's moment later.

        A shell that is just starting a program has vfork()ed: Ctrl-Z then stops
        the child and leaves the shell waiting for it, with or without adit.
        """
        time.sleep(MOMENT)
        self.type(key)

    def line(self, text):
        self.type(text + "\n")

    def expect(self, pattern, timeout=10):
        """The match of pattern in what came since the last expected text."""
        deadline = time.monotonic() + timeout
        while True:
            match = re.compile(pattern).search(self.output, self._read)
            if match:
                self._read = match.end()
                return match
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern!r} did not come: {self.output[self._read:]!r}"
            self._pull(min(left, 0.1))

    def rest(self, seconds=0.3):
        """What else comes within that time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._pull(0.05)
        return self.output[self._read:]

    def _pull(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""  # EIO: nobody has it open any more
            time.sleep(seconds)
        self.output += data.decode(errors="replace")

    def has_echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def foreground(self):
        """The process group that the terminal's keys signal."""
        return os.tcgetpgrp(self.fd)

    def hang_up(self):
        """As closing the window: SIGHUP to the session."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def processes(self):
        """What was started here and lives, the shell too."""
        return [pid for pid in adit.marked(self.mark) if adit.is_alive(pid)]

    def close(self):
        """Hangs up and waits until all is gone; what stays is ended."""
        self.hang_up()
        deadline = time.monotonic() + PATIENCE
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
