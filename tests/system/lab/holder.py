"""A process in a network namespace of its own, as the container is that others join.

Like a container's it has no capability over the host, and its resolv.conf names a server
that somebody wrote down when it was made.

    holder = Holder()           # nothing but lo, which is up, as Docker has it
    holder.path                 # /proc/PID/ns/net
    holder.run("ip", "link")    # inside
"""

import json
import subprocess
from pathlib import Path

from lab import provider


class Holder:
    name = "sleep"

    def __init__(self, dns=provider.INNER):
        self.resolv_conf = Path("/run/holder.resolv.conf")
        self.resolv_conf.write_text(f"nameserver {dns}\n")
        self.process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c",
             "ip link set lo up && echo ready && "
             "exec setpriv --bounding-set -all sleep 600 >/dev/null"],
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.pid = self.process.pid

    @property
    def path(self):
        return Path(f"/proc/{self.pid}/ns/net")

    def command(self, *words):
        bind = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
        return ["nsenter", f"--net={self.path}", "--", "unshare", "--mount", "sh", "-c", bind, "-",
                str(self.resolv_conf), *map(str, words)]

    def run(self, *words):
        return subprocess.run(self.command(*words), check=True, capture_output=True, text=True)

    def start(self, *words, **options):
        """Joins, as a container that says so."""
        return subprocess.Popen(self.command(*words), text=True, **options)

    def links(self):
        return {link["ifname"] for link in json.loads(self.run("ip", "-j", "link").stdout)}

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        self.process.stdout.close()
