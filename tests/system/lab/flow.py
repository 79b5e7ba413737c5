"""Runs lab/inside/flow.py behind the tunnel: what a flow sees of an interruption."""

import bisect
import json
import secrets
import sys
import time
from pathlib import Path

from lab import HOME, adit, internet

MORE = 10  # blocks that come back show that the connection goes on
BEFORE, AFTER = 0.05, 2  # seconds around an interruption in which its gap is looked for


class Flow:
    """`address` must answer on port 7: servers.TcpEcho and UdpEcho."""

    def __init__(self, address=internet.WEB):
        self._path = Path(f"{HOME}/flow-{secrets.token_hex(4)}.json")
        self.command = [adit.PYTHON, adit.inside("flow.py"), str(self._path), address]
        self.report = None

    def stop(self, timeout=25):
        """Ends the traffic; the report of inside/flow.py."""
        Path(f"{self._path}.stop").touch()
        deadline = time.monotonic() + timeout
        while not self._path.exists():
            assert time.monotonic() < deadline, "the flow did not end"
            time.sleep(0.02)
        self.report = json.loads(self._path.read_text())
        return self.report

    def gap(self, when):
        """Seconds of the longest silence around that time (CLOCK_MONOTONIC)."""
        replies = self.report["replies"]
        first = bisect.bisect_left(replies, when - BEFORE)
        last = bisect.bisect_right(replies, when + AFTER)
        window = replies[max(first - 1, 0):last + 1]
        assert len(window) > 1, "no answer at all"
        return max(b - a for a, b in zip(window, window[1:]))

    def n_blocks(self):
        """How many blocks have come back over TCP so far."""
        try:
            return int.from_bytes(Path(f"{self._path}.count").read_bytes(), sys.byteorder)
        except FileNotFoundError:
            return 0

    def goes_on(self, timeout):
        """Whether more of them come within that time, from now on."""
        before = self.n_blocks()
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.n_blocks() >= before + MORE:
                return True
            time.sleep(0.005)
        return False

    def is_unharmed(self):
        return self.report["error"] is None and self.report["wrong"] == 0
