"""Records every packet on every link of a namespace, and knows whether it lost one."""

import os
import select
import socket
import struct
import threading
import time

from lab import packets

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE = 33
BUFFER = 64 << 20  # bytes of the kernel's memory; a burst waits here
PACKET_OUTGOING = 4


def _open():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    sock.setblocking(False)
    return sock


class Capture:
    """All links that the namespace has or will have; or one, when `link` names it.

    `began` is set once packets are being recorded (CLOCK_MONOTONIC).
    """

    def __init__(self, netns, link=None):
        self.netns = netns
        self._link = link
        self._sock = netns.call(_open)
        self.began = time.monotonic()
        self._records = []
        self._lost = 0
        self._stop_read, self._stop_write = os.pipe()
        self._is_open = True
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self):
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        while all(fd != self._stop_read for fd, _ in poll.poll()):
            self._take_all()
        self._take_all()

    def _take_all(self):
        while True:
            try:
                data, address = self._sock.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENETDOWN when a link goes: the others are still recorded
            link, ethertype, kind = address[:3]
            if self._link in (None, link):
                self._records.append((ethertype, data, link, kind == PACKET_OUTGOING))

    def packets(self):
        """What was recorded so far, parsed."""
        return [packets.parse(*record) for record in list(self._records)]

    def __len__(self):
        return len(self._records)

    def lost(self):
        """Packets that the kernel could not hand over since the beginning."""
        counters = self._sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self._lost += struct.unpack("II", counters)[1]
        return self._lost

    def stop(self):
        if not self._is_open:
            return
        self._is_open = False
        os.write(self._stop_write, b"s")
        self._thread.join()
        self.lost()
        os.close(self._stop_read)
        os.close(self._stop_write)
        # the kernel waits for a grace period there, half a second at times
        threading.Thread(target=self._sock.close, daemon=True).start()
