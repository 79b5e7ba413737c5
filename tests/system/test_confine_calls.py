"""System calls and descriptors that would lead out of the network namespace."""

import os
import socket
import subprocess

import pytest

from lab import HOME, confined

FAMILIES = {"INET": 2, "INET6": 10, "UNIX": 1, "NETLINK": 16, "PACKET": 17, "ALG": 38,
            "VSOCK": 40, "BLUETOOTH": 31, "QIPCRTR": 42, "KCM": 41, "XDP": 44, "RDS": 21, "TIPC": 30,
            "NFC": 39, "CAN": 29, "SMC": 43, "IUCV": 32, "AX25": 3, "MCTP": 45, "KEY": 15}
ALLOWED = {"INET", "INET6", "UNIX", "NETLINK", "PACKET", "ALG"}

CALL = """
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
r = libc.syscall(*[ctypes.c_long(int(x, 0)) for x in sys.argv[1:]])
print(errno.errorcode[ctypes.get_errno()] if r < 0 else "ok")
"""


def call(*numbers, **how):
    return confined.run("python3", "-c", CALL, *map(str, numbers), **how)[1].strip()


@pytest.mark.parametrize("family", FAMILIES)
def test_socket_families(family):
    errors = {"EAFNOSUPPORT"} if family not in ALLOWED else {"ok", "EPERM", "EAFNOSUPPORT", "ESOCKTNOSUPPORT"}
    assert call(41, FAMILIES[family], 3 if family in ("PACKET", "NETLINK") else 1, 0) in errors
    if family in ("INET", "UNIX"):
        assert call(41, FAMILIES[family], 1, 0) == "ok"


@pytest.mark.parametrize("numbers, error", [
    ((425, 8, 0), "ENOSYS"), ((426, 0), "ENOSYS"), ((427, 0), "ENOSYS"),  # io_uring
    ((248, 0), "ENOSYS"), ((249, 0), "ENOSYS"), ((250, 0), "ENOSYS"),  # add_key, request_key, keyctl
    ((16, 0, 0x5412, 0), "EPERM"), ((16, 0, 0x541C, 0), "EPERM"),  # TIOCSTI, TIOCLINUX
    ((16, 0, 0x400454CA, 0), "EPERM"),  # TUNSETIFF
    ((16, 0, "0xffffffff00005412", 0), "EPERM"), ((41, "0x100000028", 1, 0), "EAFNOSUPPORT"),
    ((0x40000000 + 41, 1, 1, 0), "ENOSYS"),  # x32
])
def test_refused_calls(numbers, error):
    assert call(*numbers) == error


def test_io_uring_when_asked_for():
    assert call(425, 8, 0, options=["--allow-io-uring"]) in ("EFAULT", "EPERM")


I386 = r"""
#include <stdio.h>
#include <sys/mman.h>
static int call(int nr, unsigned a, unsigned b, unsigned c)
{
	int r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return r;
}
int main(void)
{
	unsigned *args = mmap((void *)0x10000000, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	args[0] = 1, args[1] = 1, args[2] = 0;
	printf("%d %d %d %d\n", call(102, 1, 0x10000000, 0), call(359, 40, 1, 0), call(425, 8, 0, 0), call(54, 0, 0x5412, 0));
	return call(359, 1, 1, 0) < 0;
}
"""


def test_32_bit_calls_are_filtered_alike(tmp_path):
    source = tmp_path / "i386.c"
    source.write_text(I386)
    program = f"{HOME}/i386"
    if subprocess.run(["gcc", "-o", program, str(source)], check=False).returncode != 0:
        pytest.skip("no compiler")
    status, out, _ = confined.run(program)
    if status < 0 or status > 128:
        pytest.skip("the kernel runs no 32-bit calls")
    assert (status, out.split()) == (0, ["-38", "-97", "-38", "-1"])


def test_no_capability_reaches_the_network_even_as_uid_0_inside():
    for script in ("ip link set lo down", "ip link add d type dummy", "ip route add 192.0.2.0/24 dev lo",
                   "echo 1 >/proc/sys/net/ipv4/ip_forward",
                   "python3 -c 'import socket; socket.socket(17, 3, 0)'",
                   "python3 -c 'import socket; socket.socket(2, 3, 1)'"):
        for prefix in ("", "unshare -Ur "):
            status, _, _ = confined.run("sh", "-c", f"{prefix}sh -c \"{script}\"")
            assert status != 0, prefix + script


def test_nothing_is_inherited_but_0_to_2():
    with open("/etc/passwd") as file, socket.socket() as sock:
        out = confined.run("ls", "/proc/self/fd", pass_fds=[file.fileno(), sock.fileno()])[1]
        assert out.split() == ["0", "1", "2", "3"]  # 3 is the folder itself
        fd = file.fileno()
        out = confined.run("head", "-c4", f"/proc/self/fd/{fd}", pass_fds=[fd], options=["--keep-fd", str(fd)])[1]
        assert out == "root"
    status, _, err = confined.run("true", options=["--keep-fd", "77"])
    assert status == 125 and "77" in err


def udp():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def accepted():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        client.detach()
        return peer


@pytest.mark.parametrize("make", [udp, lambda: socket.socket(socket.AF_INET6), accepted,
                                  lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
                                  lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
                                  lambda: socket.socket(socket.AF_UNIX),
                                  lambda: open("/dev/net/tun", "rb")],
                         ids=["udp", "ipv6", "accepted", "netlink", "unix dgram", "unix unconnected", "tun"])
def test_sockets_as_standard_input_are_refused(make):
    with make() as given:
        status, _, err = confined.run("true", stdin=given)
    assert status == 125 and "standard input is a" in err


def test_a_folder_as_standard_input_is_refused():
    fd = os.open("/", os.O_RDONLY)
    status, _, err = confined.run("true", stdin=fd)
    os.close(fd)
    assert status == 125 and "folder" in err


def test_a_connected_stream_as_standard_output_passes():
    """As journald and sshd give."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run(confined.command("echo", "text"), stdout=theirs, stdin=subprocess.DEVNULL, cwd=HOME,
                              env=confined.adit.environment(), timeout=20, check=False)
        assert done.returncode == 0 and ours.recv(16) == b"text\n"
