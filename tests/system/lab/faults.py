"""System calls of adit's data plane that fail when a test says so (lab/faultshim.c)."""

import os
import secrets
import struct
import subprocess
from pathlib import Path

from lab import HOME

CALLS = ("sendmmsg", "recvmmsg", "readv", "writev", "epoll_wait")
_SIZE = struct.calcsize("=5I")


class Faults:
    """`environment` is for the data plane's process."""

    def __init__(self):
        self._path = f"{HOME}/faults-{secrets.token_hex(4)}"
        Path(self._path).write_bytes(bytes(_SIZE * len(CALLS)))
        self._file = open(self._path, "r+b", buffering=0)
        self.environment = {"LD_PRELOAD": _build(), "ADIT_FAULT_FILE": self._path}

    def set(self, call, code=0, every=0, at_most=0):
        """Every n-th call fails with `code`; sendmmsg takes so many messages; 0: never, all."""
        os.pwrite(self._file.fileno(), struct.pack("=3I", code, every, at_most),
                  CALLS.index(call) * _SIZE)

    def clear(self):
        for call in CALLS:
            self.set(call)

    def failed(self, call):
        """How often it did."""
        return struct.unpack("=5I", os.pread(self._file.fileno(), _SIZE,
                                             CALLS.index(call) * _SIZE))[4]

    def close(self):
        self._file.close()


def _build():
    source, library = Path(__file__).with_name("faultshim.c"), f"{HOME}/faultshim.so"
    if not os.path.exists(library):
        subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-O1", "-o", library, source],
                       check=True)
    return library
