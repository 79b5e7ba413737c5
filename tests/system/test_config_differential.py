"""For the keys of wg(8): adit reads a file as wg(8) does, or refuses it with a place.

Files are generated from a fixed seed: plausible ones, and ones with a mistake.
wg setconf and wg showconf on Debian's wireguard-go are the oracle.  What adit
refuses although wg accepts it is listed in STRICTER, each with its reason; what
wg refuses adit must refuse, without exception.
"""

import base64
import os
import random
import re
import subprocess

import pytest

from lab import configs
from lab.configs import wireguard_go  # noqa: F401  (a fixture)

BATCHES = int(os.environ.get("ADIT_DIFFERENTIAL_BATCHES", "8"))
BATCH = 60

# adit's words, and why it does not follow wg(8)
STRICTER = {
    "PrivateKey is missing": "wg sets up a device that cannot do anything",
    "there is no [Peer]": "likewise",
    "no tunnel is described here": "likewise: a file without a line",
    "a key of zeroes stands for no key": "wg removes the key, or talks to nobody",
    "not an IPv4 address: four numbers": "10.1 is 10.0.0.1 for getaddrinfo(3)",
    "an IPv4 address is not written as IPv6 here": "no packet ever has such an address",
    "a port is 1 to 65535": "getaddrinfo(3) takes 65537 for 1, +1 for 1, and 0 for an endpoint",
    "a NUL byte": "wg ends the line there, and does not see the rest",
    "neither an IP address nor a domain name": "a name that no server can have",
}


# wg resolves while it reads; adit does that later, outside of the parser
UNRESOLVED = ("Name or service not known", "Temporary failure in name resolution",
              "No address associated with hostname", "Non-recoverable failure in name resolution")


class Generator:
    """Texts for wg(8), most of them right."""

    def __init__(self, seed, hosts):
        self.random = random.Random(seed)
        self.hosts = hosts
        self.public_keys = [self.public_key() for _ in range(4)]

    def private_key(self):
        return base64.b64encode(self.random.randbytes(32)).decode()

    public_key = private_key  # any 32 bytes serve as one

    def blank(self):
        return self.random.choice(["", " ", " ", "  ", "\t"])

    def spell(self, name):
        """In any case, and sometimes with blanks inside, which wg(8) drops."""
        name = self.random.choice([name, name, name, name.lower(), name.upper()])
        if self.random.random() < 0.05:
            at = self.random.randrange(len(name))
            name = name[:at] + " " + name[at:]
        return name

    def address(self):
        if self.random.random() < 0.5:
            return ".".join(str(self.random.randrange(256)) for _ in range(4))
        return self.random.choice(["::", "::1", "fd00::{:x}", "2001:db8:{:x}::1", "8000::",
                                   "::192.0.2.{}", "2001:DB8:0:0:0:0:{:x}:1"]).format(
                                       self.random.randrange(256))

    def network(self):
        address = self.address()
        full = 128 if ":" in address else 32
        length = self.random.choice([0, 1, 8, 24, full, self.random.randrange(full + 1), None])
        if length is None:
            return address
        return f"{address}/{length:0{self.random.choice([1, 1, 1, 3])}}"

    def networks(self):
        networks = [self.network() for _ in range(self.random.randrange(1, 6))]
        if self.random.random() < 0.2:
            networks = ["0.0.0.0/0", "::/0"] if self.random.random() < 0.5 else \
                ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"]
        return (self.blank() + "," + self.blank()).join(networks)

    def port(self):
        return self.random.choice([str(self.random.randrange(1, 65536)), "51820", "domain", "053"])

    def endpoint(self):
        host = self.random.choice([
            f"192.0.2.{self.random.randrange(256)}", "[2001:db8::7]", "[192.0.2.7]",
            "2001:db8::8", self.random.choice(["vpn.example", "nl-1.vpn.example", "v_p-n.example"])])
        if host.endswith(".example"):
            self.hosts.add(host)
        return f"{host}:{self.port()}"

    def interface(self):
        values = {"PrivateKey": self.private_key()}
        if self.random.random() < 0.5:
            values["ListenPort"] = self.random.choice([self.port(), "0"])
        if self.random.random() < 0.5:
            values["FwMark"] = self.random.choice(
                ["off", "0", "0xca6c", "51820", "4294967295", "0xFFFFFFFF", "OFF", "010"])
        return self.section("Interface", values)

    def peer(self):
        key = self.random.choice(self.public_keys) if self.random.random() < 0.3 else \
            self.public_key()
        values = {"PublicKey": key}
        if self.random.random() < 0.3:
            values["PresharedKey"] = self.private_key()
        for number in range(self.random.choice([0, 1, 1, 1, 2, 3])):
            values["AllowedIPs" + " " * number] = self.networks()
        if self.random.random() < 0.8:
            values["Endpoint"] = self.endpoint()
        if self.random.random() < 0.5:
            values["PersistentKeepalive"] = self.random.choice(["off", "0", "25", "65535", "015"])
        return self.section("Peer", values)

    def section(self, name, values):
        lines = list(values.items())
        self.random.shuffle(lines)
        if self.random.random() < 0.1:
            lines.append(self.random.choice(lines))
        text = f"[{self.spell(name)}]{self.blank()}\n"
        for key, value in lines:
            remark = self.random.choice(["", "", "", " # remark", "#x = y"])
            text += f"{self.blank()}{self.spell(key.strip())}{self.blank()}={self.blank()}" \
                f"{value}{self.blank()}{remark}\n"
            if self.random.random() < 0.1:
                text += self.random.choice(["\n", "# [Peer]\n", " \t \n"])
        return text

    def right(self):
        sections = [self.interface()] + [self.peer() for _ in range(self.random.randrange(1, 5))]
        if self.random.random() < 0.1:
            self.random.shuffle(sections)
        text = "".join(sections)
        return text.replace("\n", "\r\n") if self.random.random() < 0.2 else text

    def wrong(self):
        """A right one, with one mistake that a person or a disk may make."""
        text = self.right()
        kind = self.random.randrange(7)
        lines = text.split("\n")
        at = self.random.randrange(len(lines))
        if kind == 0:  # a character is lost
            at = self.random.randrange(len(text))
            return text[:at] + text[at + 1:]
        if kind == 1:  # another is in its place
            at = self.random.randrange(len(text))
            return text[:at] + self.random.choice("aZ09 =[]#,./:+-%\t") + text[at + 1:]
        if kind == 2:  # a line is lost
            return "\n".join(lines[:at] + lines[at + 1:])
        if kind == 3:  # two lines become one
            return "\n".join(lines[:at] + ["".join(lines[at:at + 2])] + lines[at + 2:])
        if kind == 4:  # the file ends early
            return text[:self.random.randrange(len(text))]
        if kind == 5:  # a value is another key's
            values = [line.split("=", 1)[1] for line in lines if "=" in line]
            if "=" in lines[at]:
                lines[at] = lines[at].split("=", 1)[0] + "=" + self.random.choice(values)
            return "\n".join(lines)
        value = self.random.choice([  # a value that nobody means
            "", "-1", "+1", "65536", "65537", "4294967296", "0x", "0X10", "0x1g", "1.2.3", "1.2.3.4/33",
            "::/129", "::ffff:1.2.3.4/120", "1.2.3.4,", ",1.2.3.4", "1.2.3.4/", "1.2.3.4/-1",
            "+1.2.3.4", "-1.2.3.4/8", "[::1", "[::1]", "[::1]x:5", ":5", "::1", "10.1:5", "on", "OfF",
            "A" * 43 + "=", "A" * 44, "9" * 43 + "="])
        if "=" in lines[at]:
            lines[at] = lines[at].split("=", 1)[0] + "=" + value
        return "\n".join(lines)


@pytest.fixture
def folder(tmp_path):
    """A configuration around a file of wg(8), which has no Address."""
    (tmp_path / "a.conf").write_text(
        "[Namespace]\nWireGuard = wg.conf\nAddress = 10.99.0.1, fd99::1\n")
    return tmp_path


def adit_view(folder, text):
    (folder / "wg.conf").write_bytes(text.encode())
    (folder / "wg.conf").chmod(0o600)
    return configs.read("a.conf", cwd=folder)


def is_stricter(report):
    """Every error is one of those in which adit means to differ."""
    errors = re.findall(r"^\S+ error: (.*)$", report, re.M)
    return errors and all(any(words in error for words in STRICTER) for error in errors)


def compare(go, folder, text):
    status, view, report = adit_view(folder, text)
    problem = go.set(text)
    what = f"{text}\n-- wg: {problem}\n-- adit ({status}):\n{view}{report}"

    assert status in (0, 1), what
    if any(words in problem for words in UNRESOLVED):
        return "wg finds no such name"
    if problem:
        assert status == 1, f"adit accepts what wg refuses\n{what}"
        assert re.search(r"^wg\.conf(:\d+)?(:\d+)?: error: ", report, re.M), f"no place\n{what}"
        return "both refuse"
    if status == 1:
        assert is_stricter(report), f"adit refuses what wg accepts\n{what}"
        return "only adit refuses"
    assert configs.canonical(view, go.hosts) == configs.canonical(go.show(text)), what
    return "both accept"


@pytest.mark.parametrize("seed", range(BATCHES))
def test_right_file_is_read_as_wg_reads_it(wireguard_go, folder, seed):  # noqa: F811
    generator = Generator(seed, wireguard_go.hosts)

    outcomes = [compare(wireguard_go, folder, generator.right()) for _ in range(BATCH)]

    assert outcomes.count("both accept") == BATCH


@pytest.mark.parametrize("seed", range(BATCHES))
def test_file_with_a_mistake_is_read_as_wg_reads_it_or_refused_with_a_place(
        wireguard_go, folder, seed):  # noqa: F811
    generator = Generator(1000 + seed, wireguard_go.hosts)

    outcomes = [compare(wireguard_go, folder, generator.wrong()) for _ in range(BATCH)]

    assert outcomes.count("both refuse") > BATCH / 6
    assert outcomes.count("both accept") > BATCH / 6


@pytest.mark.parametrize("text", [
    "FwMark = 0xfg", "FwMark = 1 2", "ListenPort = 5 3", "Listen Port = 53", "ListenPort=domain",
    "ListenPort = no-such-service", "PrivateKey =", "Listen-Port = 53",
])
def test_line_of_an_interface_is_read_as_wg_reads_it(wireguard_go, folder, text):  # noqa: F811
    generator = Generator(text, wireguard_go.hosts)

    compare(wireguard_go, folder,
            f"[Interface]\nPrivateKey={generator.private_key()}\n{text}\n{generator.peer()}")


def test_the_helper_speaks_of_the_build_under_test():
    assert subprocess.run([configs.helper()], check=False).returncode == 2
