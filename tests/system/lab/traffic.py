"""Runs lab/inside/traffic.py behind the tunnel, and reads its counts."""

import json
import os
import secrets
import subprocess
import time
from collections import Counter
from pathlib import Path

from lab import GID, HOME, UID, adit, internet, provider

# What only somebody with CAP_NET_RAW can send; the command must be refused.
PRIVILEGED = ("raw", "raw6", "packet", "userns-raw")
# Every kind that an ordinary program can hand to the kernel.
ORDINARY = ("tcp", "tcp6", "tcp-steady", "tcp-lan", "udp", "udp6", "udp-lan", "udp-host",
            "udp-metadata", "udp-endpoint", "icmp", "icmp6", "dns", "dns-fixed", "dns-host",
            "multicast", "multicast6", "broadcast", "fragment", "fragment6", "device", "mark")
SPACE = 0.02


class Traffic:
    """The files of one generator, and its command line."""

    def __init__(self, seconds=3600, skip=()):
        name = f"{HOME}/traffic-{secrets.token_hex(4)}"
        self.counts_path, targets = Path(name + ".json"), Path(name + ".targets")
        targets.write_text(json.dumps({
            "web": internet.WEB, "web6": internet.WEB6, "lan": internet.LAN,
            "host": internet.HOST, "gateway": internet.GATEWAY, "dns": internet.DNS,
            "endpoint": provider.ADDRESS, "port": provider.PORT,
            "client": provider.CLIENT, "client6": provider.CLIENT6,
            "host_links": [internet.UPLINK, "lo"], "skip": list(skip)}))
        os.chown(targets, UID, GID)
        self.command = [adit.PYTHON, adit.inside("traffic.py"), str(self.counts_path),
                        str(targets), str(seconds)]

    def inject(self, pid):
        """Starts it in the network namespace of a process, with root's capabilities over it."""
        argv = ["nsenter", f"--net=/proc/{pid}/ns/net", *self.command]
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL)

    def counts(self):
        """The tables of inside/traffic.py; empty ones before its first report."""
        try:
            return {name: table if name == "errors" else Counter(table)
                    for name, table in json.loads(self.counts_path.read_text()).items()}
        except FileNotFoundError:
            return {"attempts": Counter(), "sent": Counter(), "replies": Counter(), "errors": {}}

    def wait_for(self, table="replies", kinds=("tcp", "udp", "icmp", "dns"), more=1, timeout=10):
        """Until each kind has counted `more` than now."""
        before = self.counts()[table]
        deadline = time.monotonic() + timeout
        while True:
            now = self.counts()[table]
            late = [kind for kind in kinds if now[kind] < before[kind] + more]
            if not late:
                return now
            assert time.monotonic() < deadline, f"no {table} of {late}: {self.counts()}"
            time.sleep(SPACE)
