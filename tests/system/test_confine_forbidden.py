"""Where confinement is impossible: which of the reasons, and what to do, before anything runs."""

import os
import subprocess

import pytest

from lab import confined


def test_no_user_namespaces_left():
    place = "/proc/sys/user/max_user_namespaces"
    wrapper = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
               f"echo 0 >{place} && exec \"$@\"", "sh"]
    status, _, err = confined.run("true", wrapper=wrapper, uid=0, options=["--as-root"])
    assert status == 125 and "max_user_namespaces" in err and "sysctl" in err


@pytest.mark.parametrize("place", ["/proc/acpi", "/proc/sys", "/sys/firmware", "/sys/kernel"])
def test_a_masked_proc_or_sys_is_said(place):
    """As docker does."""
    if not os.path.isdir(place):
        pytest.skip(f"no {place}")
    wrapper = ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs -o ro none {place} && exec \"$@\"", "sh"]
    status, out, err = confined.run("cat", "/proc/self/status", wrapper=wrapper)
    if status == 0 and not place.startswith("/proc/sys"):
        pytest.skip("another mount of it shows here, so the kernel allows a fresh one")
    assert status == 125 and out == "", err
    assert "container" in err


SECCOMP = """
import ctypes, os, sys
lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
ctx = ctypes.c_void_p(lib.seccomp_init(0x7fff0000))
for name in (b"clone", b"unshare"):
    call = lib.seccomp_syscall_resolve_name(name)
    class Arg(ctypes.Structure):
        _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
    lib.seccomp_rule_add_array(ctx, 0x00050001, call, 1, ctypes.byref(Arg(0, 7, 0x10000000, 0x10000000)))
assert lib.seccomp_load(ctx) == 0
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_a_seccomp_filter_around_us():
    wrapper = ["python3", "-c", SECCOMP]
    status, _, err = confined.run("true", wrapper=wrapper)
    assert status == 125 and "seccomp" in err, err


def test_in_a_chroot():
    script = """
        mount -t tmpfs none /mnt && mkdir /mnt/root && cd /mnt/root
        for d in $(ls /); do
            if [ -L /$d ]; then cp -P /$d .; elif [ -d /$d ] && [ $d != mnt ]; then
                mkdir $d && mount --rbind /$d $d
            fi
        done
        exec chroot /mnt/root "$@"
    """
    status, _, err = confined.run("true", wrapper=["unshare", "--mount", "sh", "-c", script, "sh"])
    assert status == 125 and "chroot" in err, err
