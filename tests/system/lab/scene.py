"""The stage of a leak test: a run of adit full of traffic, watched from before its beginning.

    with Scene(net) as scene:
        net.provider.kill()
        scene.wait(2)
        scene.verdict()

Two generators offer traffic: one is the command, an ordinary program; the other
was put into its network namespace by the lab with root's capabilities, and
stays there when adit and the command are gone.
"""

import time

from lab import adit
from lab.oracle import Oracle
from lab.traffic import ORDINARY, PRIVILEGED, Traffic

KINDS = ORDINARY + PRIVILEGED
LEAST = 4  # attempts of each kind; the slowest wait 0.3 s for a reply that does not come
OFFER = 5  # seconds within which they must have been made


class Scene:
    def __init__(self, net, *, conf=None, options=(), env=None, is_online=True):
        self.net = net
        self.oracle = Oracle(net)
        self.command, self.injected = Traffic(), Traffic(skip=["dns"])
        self.run = adit.start(net, conf or net.provider.write_conf(), *self.command.command,
                              options=options, env=env)
        self._injector = None
        try:
            self.pid = self.run.wait_for_command()
            self.inside = self.run.netns_of(self.pid)
            self.outside = net.host.id()
            assert self.inside != self.outside
            self._injector = self.injected.inject(self.pid)
            if is_online:
                self.wait_until_online()
        except BaseException:
            self.close()
            raise

    def wait_until_online(self, timeout=10):
        """Until TCP, UDP, ping and DNS are answered through the tunnel, from now on."""
        self.command.wait_for("replies", timeout=timeout)

    def wait(self, seconds):
        """Lets the traffic go on, for at least so long, in both generators."""
        time.sleep(seconds)

    def assert_sealed(self):
        """What still runs of the command is where it was: never on the host's network."""
        for pid in self.run.processes():
            if pid in self.run.adits():
                continue
            try:
                assert self.run.netns_of(pid) == self.inside, f"process {pid} is free"
            except FileNotFoundError:
                pass  # it has just ended

    def _offered(self):
        """Attempts of both generators."""
        return self.command.counts()["attempts"] + self.injected.counts()["attempts"]

    def _let_traffic_be_offered(self):
        """Until each kind was tried often enough; a dead command offers no more DNS."""
        deadline = time.monotonic() + OFFER
        while time.monotonic() < deadline:
            if all(self._offered()[kind] >= LEAST for kind in KINDS):
                return
            time.sleep(0.05)

    def verdict(self, wireguard=30):
        self._let_traffic_be_offered()
        self.end_traffic()
        sent = self.command.counts()["sent"]
        assert not any(sent[kind] for kind in PRIVILEGED), sent
        sent = self.injected.counts()["sent"]
        assert sent["packet"] >= LEAST, f"hardly a packet was put on the links inside: {sent}"
        return self.oracle.finish(started=self.run.started, offered=self._offered(),
                                  least={kind: LEAST for kind in KINDS}, wireguard=wireguard)

    def end_traffic(self):
        if self._injector:
            self._injector.kill()
            self._injector.wait()
        self.run.end()

    def close(self):
        self.end_traffic()
        self.oracle.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
