"""Every system call that confines is made to fail, one at a time: then nothing runs, or all is confined."""

import json
import shutil

import pytest
from lab import HOME, adit
from lab.canaries import Canaries

PLACES = ["/run/lab.sock", "/tmp/lab.sock", "/var/tmp/lab.sock", f"{HOME}/.lab.sock",
          f"{HOME}/.ssh/lab"]

# What the command finds, as facts that must be the same in every run that begins.
LOOK = """
    import ctypes, fcntl, json, os, socket, sys
    libc = ctypes.CDLL(None, use_errno=True)

    def code(result):
        return ctypes.get_errno() if result < 0 else 0

    def reach(place):
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(place) == 0

    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    facts = {
        "reached": [place for place in sys.argv[1:] if reach(place)],
        "resolver": open("/etc/resolv.conf").readline(),
        "nsswitch": [line for line in open("/etc/nsswitch.conf") if line.startswith("hosts")],
        "links": sorted(os.listdir("/sys/class/net")),
        "sealed": [status["NoNewPrivs"].strip(), status["Seccomp"].strip(),
                   status["CapPrm"].strip(), status["CapInh"].strip()],
        "descriptors": len(os.listdir("/proc/self/fd")),
        "keyctl": code(libc.syscall(250, 0, -3, 0)),
        "umount": [code(libc.umount2(place, 2)) for place in (b"/run", b"/etc", b"/sys", b"/tmp")],
        "router": open("/proc/sys/net/ipv6/conf/wg0/accept_ra").read(),
    }
    try:
        fcntl.ioctl(os.open("/proc/self/ns/net", os.O_RDONLY), 0xB701)
        facts["owner"] = "we"
    except OSError:
        facts["owner"] = "another"
    print(json.dumps(facts))
"""

# The call, and how often a process of adit's makes it at most, for the time it takes.
CALLS = {"mount": 18, "open_tree": 12, "move_mount": 12, "mount_setattr": 2, "prctl": 6,
         "seccomp": 2, "close_range": 3, "newfstatat": 26, "getdents64": 16, "access": 10,
         "mknodat": 2, "chdir": 2}


@pytest.fixture(scope="module")
def conf(shared_net):
    return shared_net.provider.write_conf()


def start(net, conf, wrapper=()):
    script = "\n".join(line[4:] for line in LOOK.splitlines())
    return adit.run(net, conf, adit.PYTHON, "-S", "-c", script, *PLACES, wrapper=wrapper)


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
@pytest.mark.parametrize("call", CALLS)
def test_failure_of_a_call_opens_nothing(shared_net, conf, call):
    with Canaries(shared_net, PLACES) as canaries:
        status, out, err = start(shared_net, conf)
        assert status == 0, err
        expected = json.loads(out)
        assert expected["reached"] == [] and expected["owner"] == "another"
        for when in range(1, CALLS[call] + 1):
            inject = f"inject={call}:error=EPERM:when={when}"
            status, out, _ = start(shared_net, conf,
                                   ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject])
            # the command's own calls fail, too: then it ends without a word
            if out:
                found = json.loads(out)
                assert found == expected, f"{inject}: {found}"
        canaries.check()
