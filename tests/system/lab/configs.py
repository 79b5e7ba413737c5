"""Configurations as adit and as wg(8) understand them, in a form that can be compared."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from lab import adit

UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


def helper():
    return adit.source().parent / "tests" / "system" / "helpers" / "config_print"


def read(*arguments, **popen):
    """(status, stdout, report) of adit's reading: 0 accepted, 1 refused, 2 not readable."""
    done = subprocess.run([helper(), *arguments], capture_output=True, text=True, timeout=20,
                          **popen)
    return done.returncode, done.stdout, done.stderr


def compare(golden, text):
    """Equal to the file; with UPDATE_GOLDEN=1 the file is written instead."""
    if UPDATE:
        golden.write_text(text)
    assert golden.exists(), f"{golden} is missing: UPDATE_GOLDEN=1 writes it"
    assert text == golden.read_text()


def strip(path, hosts):
    """The file as wg(8) wants it, as wg-quick(8) makes it, with names that resolve in `hosts`."""
    # wg-quick knows neither a byte-order mark nor names longer than an interface's
    copy = Path(path).with_name("strip.conf")
    copy.write_bytes(Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf"))
    copy.chmod(0o600)
    done = subprocess.run(["wg-quick", "strip", copy], capture_output=True, text=True, check=True)
    for name in re.findall(r"^\s*endpoint\s*=\s*([a-z0-9.-]*[a-z]):", done.stdout, re.I | re.M):
        hosts.add(name)
    return done.stdout


def canonical(text, hosts=None):
    """wg(8) text as a comparable value: peers and networks in order, chosen ports left out."""
    blocks, block = [], None
    for line in text.splitlines():
        if line.startswith("["):
            block = {"": line}
            blocks.append(block)
        elif "=" in line and not line.startswith("#"):
            key, value = (part.strip() for part in line.split("=", 1))
            block[key] = value
    for block in blocks:
        if "AllowedIPs" in block:
            block["AllowedIPs"] = sorted(block["AllowedIPs"].split(", "))
        if hosts and "Endpoint" in block:
            block["Endpoint"] = hosts.resolve(block["Endpoint"])
    return sorted(blocks, key=lambda block: (block[""], block.get("PublicKey", "")))


def _asks_for_port(text):
    """Whether the last ListenPort= is one: 0 lets the system choose."""
    squeezed = re.sub(r"#.*|[^\S\n]", "", text)
    values = re.findall(r"^listenport=(.*)$", squeezed, re.I | re.M)
    return bool(values) and values[-1].strip("0") != ""


class Hosts:
    """Names that resolve in the sandbox, each to an address of its own, by /etc/hosts."""

    def __init__(self):
        self.names = {}

    def add(self, name):
        if name not in self.names:
            self.names[name] = f"192.0.2.{100 + len(self.names)}"
            with open("/etc/hosts", "a") as file:
                file.write(f"{self.names[name]} {name}\n")

    def resolve(self, endpoint):
        host, _, port = endpoint.rpartition(":")
        return f"{self.names.get(host, host)}:{port}"


class WireguardGo:
    """Debian's wireguard-go as the device that wg(8) configures."""

    NAME = "wgdiff"

    def __init__(self):
        self.hosts = Hosts()
        self.socket = Path(f"/run/wireguard/{self.NAME}.sock")
        self.process = subprocess.Popen(["wireguard-go", "-f", self.NAME],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=dict(os.environ, LOG_LEVEL="silent"))
        deadline = time.monotonic() + 10
        while not self.socket.exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def set(self, text):
        """What wg setconf says against the text; "" when it accepts it."""
        done = subprocess.run(["wg", "setconf", self.NAME, "/dev/stdin"], input=text.encode(),
                              capture_output=True, timeout=20,
                              env=dict(os.environ, WG_ENDPOINT_RESOLUTION_RETRIES="0"))
        problem = done.stderr.decode(errors="replace")
        return "" if done.returncode == 0 else problem or "refused"

    def show(self, text):
        """The device after set(text), without a port that the system chose."""
        shown = subprocess.run(["wg", "showconf", self.NAME], capture_output=True, text=True,
                               check=True, timeout=20).stdout
        if _asks_for_port(text):
            return shown
        return re.sub(r"^ListenPort = .*\n", "", shown, flags=re.M)

    def close(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def wireguard_go():
    device = WireguardGo()
    yield device
    device.close()
