"""Forged handshakes, by the helper handshake_flood."""

import base64
import os
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

from lab.dataplane import PORT, helper

ATTACKER = "10.80.0.77"  # shares the right side's link
SPOOFED = "10.99.0.0"  # around it, a /16 of sources that nobody has
RATE = 20000  # a second
ETH_P_IP = 0x0800


class Flood:
    """Against the left side of a cable, from the right side's link."""

    def __init__(self, cable):
        self._cable = cable
        self._key = base64.b64decode(cable.left.key.public).hex()
        cable.right.outer.ip(f"address add {ATTACKER}/24 dev eth0\n")
        # answers to forged sources must find a way out, or they would cost nothing
        cable.left.outer.ip(f"route add default via {cable.right.address()}\n")

    @contextmanager
    def of(self, kind, spoofed=False, rate=RATE, message=""):
        """Runs while the block does; longer than an hour is not needed."""
        argv = [str(Path(helper()).with_name("handshake_flood")), kind, self._cable.left.address(),
                PORT, self._key, rate, 3600, *([SPOOFED] if spoofed else [])]
        process = self._cable.right.outer.popen(*argv, stdin=subprocess.PIPE, text=True,
                                                stdout=subprocess.DEVNULL)
        process.stdin.write(message + "\n")
        process.stdin.close()
        try:
            yield
            assert process.poll() is None, "the flood has ended"
        finally:
            process.kill()
            process.wait()

    def capture_initiation(self, act):
        """The first one that arrives at the left while act() runs, in hex."""
        def make():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
            sock.bind(("eth0", ETH_P_IP))
            sock.settimeout(5)
            return sock

        with self._cable.left.outer.call(make) as sock:
            act()
            while True:
                packet = sock.recv(65535)
                if packet[9] == socket.IPPROTO_UDP and packet[28:32] == b"\1\0\0\0":
                    return packet[28:].hex()


@contextmanager
def undisturbed():
    """What is started within has the processors before all others of the machine, if it may."""
    before = os.sched_getscheduler(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pass
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))
