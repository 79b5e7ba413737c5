"""The VPN provider: a WireGuard server that forwards and translates, and all that can go wrong."""

import base64
import hashlib
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from lab import GID, HOME, UID, servers

PORT = 51820
ADDRESS, ADDRESS6 = "203.0.113.10", "2001:db8:113::10"
OTHER, OTHER6 = "203.0.113.11", "2001:db8:113::11"  # where it returns after moving
NAME = "vpn.lab.test"
INNER, INNER6 = "10.66.0.1", "fd66::1"
CLIENT, CLIENT6 = "10.66.0.2", "fd66::2"

_NFT = """
table inet nat {
	chain post {
		type nat hook postrouting priority srcnat;
		oifname "eth0" masquerade
	}
}
"""


def wg(*argv, input=None):
    return subprocess.run(["wg", *argv], input=input, text=True, check=True,
                          capture_output=True).stdout.strip()


def wait_for_uapi(process, link):
    """Until wg(8) can talk to the program that makes the link."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as sock:
            if sock.connect_ex(f"/run/wireguard/{link}.sock") == 0:
                return
        time.sleep(0.005)
    raise RuntimeError(f"{link}: the tunnel's program did not start")


@dataclass
class Key:
    private: str = field(default_factory=lambda: wg("genkey"))

    def __post_init__(self):
        self.public = wg("pubkey", input=self.private)


class Provider:
    """The part that does not depend on the program; `command` is its subclass's.

    `addresses`: every outer address that it ever had.
    """

    backend = None  # --backend: that of the client's file

    def __init__(self, netns, link, loop, zone):
        self.netns, self.link = netns, link
        self.key, self.client = Key(), Key()
        self.preshared = None
        self.addresses = {ADDRESS, ADDRESS6}
        self.process = None
        self.zone = zone
        self._log = open(f"/run/lab/{link}.log", "wb")
        netns.sysctl(net__ipv4__conf__all__promote_secondaries=1)
        self._place(ADDRESS, ADDRESS6)
        netns.nft(_NFT)
        netns.ip(f"address add {INNER}/32 dev lo\naddress add {INNER6}/128 dev lo\n")
        self.dns = servers.Dns(loop, netns, INNER, zone, "provider")
        self.dns6 = servers.Dns(loop, netns, INNER6, zone, "provider")

    def command(self):
        """The program, in the foreground, serving UAPI at /run/wireguard/LINK.sock."""
        raise NotImplementedError

    def _place(self, address, address6):
        self.netns.ip(f"address add {address}/24 dev eth0\naddress add {address6}/64 dev eth0\n")
        self.zone[NAME] = [address]
        self.address, self.address6 = address, address6
        self.addresses |= {address, address6}

    def start(self):
        argv, environ = self.command()
        self.process = self.netns.popen(*argv, env=os.environ | environ, stdout=self._log,
                                        stderr=self._log, stdin=subprocess.DEVNULL)
        wait_for_uapi(self.process, self.link)
        self.configure()
        self.netns.ip(f"link set {self.link} mtu 1420 up\n"
                      f"route add {CLIENT}/32 dev {self.link}\n"
                      f"route add {CLIENT6}/128 dev {self.link}\n")

    def configure(self, client=None, preshared=None):
        """Sets the server's keys; `client`: the public key it expects, if not the right one."""
        text = (f"[Interface]\nPrivateKey = {self.key.private}\nListenPort = {PORT}\n"
                f"[Peer]\nPublicKey = {client or self.client.public}\n"
                f"AllowedIPs = {CLIENT}/32, {CLIENT6}/128\n")
        if preshared or self.preshared:
            text += f"PresharedKey = {preshared or self.preshared}\n"
        # the address of the peer is its own business: known after its handshake
        wg("setconf", self.link, "/dev/stdin", input=text)

    def kill(self):
        """As a crash: the device is gone, the machine refuses its port with ICMP."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None
            Path(f"/run/wireguard/{self.link}.sock").unlink(missing_ok=True)

    def move(self):
        """To its other address; the name follows, the old one stays silent."""
        old, old6 = self.address, self.address6
        self._place(OTHER, OTHER6)
        self.netns.ip(f"address del {old}/24 dev eth0\naddress del {old6}/64 dev eth0\n")

    def transfer(self):
        """Bytes (received, sent) of the client's peer, as wg(8) counts."""
        fields = wg("show", self.link, "transfer").split()
        return int(fields[1]), int(fields[2])

    def last_handshake(self):
        """Seconds since the epoch; 0: never."""
        return int(wg("show", self.link, "latest-handshakes").split()[1])

    # The ways in which packets do not arrive: each is undone by pass_all().

    def drop(self):
        """Silence: everything to the WireGuard port is lost."""
        self._filter(f"udp dport {PORT} drop")

    def refuse(self):
        """A firewall that says so: ICMP administratively prohibited."""
        self._filter(f"udp dport {PORT} reject with icmpx admin-prohibited")

    def lose(self, percent):
        self._filter(f"udp dport {PORT} numgen random mod 100 < {percent} drop")

    def _filter(self, rule):
        self.pass_all()
        self.netns.nft("table inet trouble {\nchain in {\n"
                       f"type filter hook input priority 0;\n{rule}\n}}\n}}\n")

    def pass_all(self):
        self.netns.nft("table inet trouble {}\ndelete table inet trouble\n")

    def write_conf(self, path=None, *, owner=(UID, GID), **changes):
        """The client's file, as a provider would hand it out; the path it was written to."""
        path = Path(path or f"{HOME}/{self.link}.conf")
        path.touch(mode=0o600)
        path.write_text(self.conf(**changes))
        os.chown(path, *owner)
        return path

    def conf(self, *, endpoint=None, address=f"{CLIENT}/32, {CLIENT6}/128", dns=INNER,
             allowed="0.0.0.0/0, ::/0", public=None, private=None, interface="", peer=""):
        """dns None: no such line.  interface, peer: further lines of these sections."""
        lines = ["[Interface]", f"PrivateKey = {private or self.client.private}",
                 f"Address = {address}"]
        lines += [f"DNS = {dns}"] if dns else []
        lines += [interface] if interface else []
        lines += ["", "[Peer]", f"PublicKey = {public or self.key.public}",
                  f"AllowedIPs = {allowed}", f"Endpoint = {endpoint or f'{ADDRESS}:{PORT}'}"]
        if self.preshared:
            lines.append(f"PresharedKey = {self.preshared}")
        lines += [peer] if peer else []
        lines += ["", "[Namespace]", f"Backend = {self.backend}"] if self.backend else []
        return "\n".join(lines) + "\n"

    def close(self):
        self.kill()
        self._log.close()


class WireguardGo(Provider):
    def command(self):
        return ["wireguard-go", "-f", self.link], {"LOG_LEVEL": "error"}


class Impostor:
    """Stands at the provider's port and answers every datagram with something wrong.

    make: called with the datagram, gives the answer, or None.  The real
    provider must have been killed.  Answered: how often it did.
    """

    def __init__(self, netns, make):
        self.answered = 0
        self._make = make
        self._sock = netns.call(self._open)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @staticmethod
    def _open():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("0.0.0.0", PORT))
        sock.settimeout(0.1)
        return sock

    def _serve(self):
        while not self._stop.is_set():
            try:
                data, peer = self._sock.recvfrom(4096)
            except TimeoutError:
                continue
            answer = self._make(data)
            if answer:
                self._sock.sendto(answer, peer)
                self.answered += 1

    def close(self):
        self._stop.set()
        self._thread.join()
        self._sock.close()

    @staticmethod
    def noise(_datagram):
        return secrets.token_bytes(92)

    @staticmethod
    def false_response(client_public):
        """Handshake responses with a right mac1 and a wrong everything else (whitepaper 5.4.3)."""
        key = hashlib.blake2s(b"mac1----" + base64.b64decode(client_public)).digest()

        def make(datagram):
            if len(datagram) != 148 or datagram[0] != 1:
                return None
            head = b"\2\0\0\0" + secrets.token_bytes(4) + datagram[4:8] + secrets.token_bytes(48)
            mac1 = hashlib.blake2s(head, key=key, digest_size=16).digest()
            return head + mac1 + bytes(16)

        return make
