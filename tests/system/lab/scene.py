"""The stage of a leak test: a run of adit full of traffic, watched from before its beginning.

    with Scene(net) as scene:
        net.provider.kill()
        scene.wait(2)
        scene.verdict()

Two generators offer traffic: one is the command, an ordinary program; the other
was put into its network namespace by the lab with root's capabilities, and
stays there when adit and the command are gone.
"""

import os
import time

from lab import adit
from lab.oracle import Oracle
from lab.traffic import ORDINARY, PRIVILEGED, Traffic

LEAST = 4  # attempts of each kind; the slowest wait 0.3 s for a reply that does not come
SENT_ANYWAY = ("raw", "raw6", "packet")  # of the injected one: the kernel must have taken them


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
            assert self.inside != net.host.call(os.readlink, "/proc/thread-self/ns/net")
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

    def verdict(self, wireguard=30):
        self.end_traffic()
        offered = self.command.counts()
        assert not any(offered["sent"][kind] for kind in PRIVILEGED), offered["sent"]
        injected = self.injected.counts()
        for kind in SENT_ANYWAY:
            assert injected["sent"][kind] >= LEAST, f"{kind} was hardly sent: {injected}"
        return self.oracle.finish(started=self.run.started, offered=offered["attempts"],
                                  least={kind: LEAST for kind in ORDINARY + PRIVILEGED},
                                  wireguard=wireguard)

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
