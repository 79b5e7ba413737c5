"""The system calls of a command and of what it starts or asks, and the faults that differ.

    calls = Tracer(net.host).list(argv, pids)       # of the good case
    for point in points(calls):                     # the different ones have the lowest ranks
        Tracer(net.host).run(argv, pids, point)     # (status, whether it was hit)

helpers/call_fault.c does it, and says what a role is.
"""

import errno
import subprocess
from collections import Counter, namedtuple
from pathlib import Path

from lab import adit

LINGER = 300  # ms that what a command has started is followed after its end
TIMEOUT = 25  # seconds for a command, on a busy machine
LISTED = 200  # the same with every call followed, in an emulator
OURS = "adit"  # the program whose call sites are told apart
KILL = "KILL"

ERRORS = {  # errno(7), as each page of section 2 has them
    "openat": ("EMFILE", "ENOSPC", "EROFS"), "socket": ("EMFILE", "ENOBUFS"),
    "socketpair": ("EMFILE",), "pipe2": ("EMFILE",), "dup2": ("EMFILE",),
    "read": ("EIO",), "write": ("ENOSPC", "EIO"), "pwrite64": ("ENOSPC",),
    "ftruncate": ("EIO",), "mkdir": ("ENOSPC", "EROFS"), "unlink": ("EROFS", "EIO"),
    "rename": ("ENOSPC", "EROFS"), "rmdir": ("EROFS",), "chmod": ("EROFS",),
    "fchmod": ("EIO",), "bind": ("ENOSPC",), "connect": ("ECONNREFUSED",),
    "mount": ("ENOMEM", "EPERM"), "umount2": ("EBUSY", "EPERM"), "fork": ("EAGAIN",),
    "clone": ("EAGAIN", "ENOSPC"), "clone3": ("EAGAIN",), "setns": ("ENOMEM", "EPERM"),
    "fcntl": ("ENOLCK",), "ioctl": ("EPERM", "ENOMEM"), "sendto": ("ENOBUFS", "EINTR"),
    "sendmsg": ("ENOBUFS",), "recvmsg": ("ENOMEM", "ENOBUFS"), "recvfrom": ("ENOMEM",),
    "poll": ("EINTR", "ENOMEM"), "wait4": ("EINTR",), "close": ("EIO",),
    "newfstatat": ("ENOMEM", "EACCES"), "fstat": ("ENOMEM",), "statfs": ("ENOMEM",),
    "execve": ("ENOMEM", "EACCES"), "mmap": ("ENOMEM",), "munmap": ("ENOMEM",),
    "mprotect": ("ENOMEM",),
}
OTHERS = ("ENOMEM", "EPERM")
# these are always successful, or never return
ERRORS |= dict.fromkeys(("geteuid", "getegid", "getuid", "getgid", "getpid", "gettid", "getppid",
                         "umask", "setsid", "brk", "exit", "exit_group", "rt_sigreturn",
                         "restart_syscall", "set_tid_address", "sched_yield", "kill",
                         "pidfd_send_signal"), ())  # of a child of one's own
# What others see nothing of: to be killed before or after one of these is the same.
QUIET = {
    "access", "arch_prctl", "brk", "capget", "clock_gettime", "clock_nanosleep", "dup", "dup2",
    "epoll_create1", "epoll_ctl", "epoll_wait", "eventfd2", "faccessat2", "fstat", "fstatfs",
    "getcwd", "getdents64", "getegid", "geteuid", "getgid", "getpid", "getppid", "getrandom",
    "getsockname", "getsockopt", "gettid", "getuid", "lseek", "madvise", "memfd_create", "mmap",
    "mprotect", "munmap", "newfstatat", "pipe2", "poll", "prctl", "pread64", "prlimit64",
    "readlink", "readlinkat", "restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list", "set_tid_address",
    "sigaltstack", "signalfd4", "socket", "stat", "statfs", "sysinfo", "timerfd_create",
    "timerfd_settime", "umask", "uname",
}
O_WRITES = 0o3 | 0o100 | 0o1000  # O_ACCMODE, O_CREAT, O_TRUNC
F_LOCKS = {6, 7, 13, 14, 37, 38}  # fcntl(2): F_SETLK and its like

RANKS = {
    0: "a process of adit's, a call, a fault",
    1: "the same of what it executes, and of the loading of programs",
    2: "another place of the program that makes the call",
    3: "a call like another one before it",
}

Call = namedtuple("Call", "role program name site arguments")
Point = namedtuple("Point", "rank role call when fault")  # fault: KILL, or an error's name


def _read_call(line):
    role, program, name, site, *arguments = line.split()
    return Call(role, program, name, int(site, 16), [int(one, 16) for one in arguments])


def is_quiet(call):
    """Whether nobody else can tell that it was made."""
    if call.name == "openat":
        return not call.arguments[2] & O_WRITES
    if call.name == "fcntl":
        return call.arguments[1] not in F_LOCKS
    return call.name in QUIET


def _rank(call, seen, fault):
    """The first of its kind counts most; `seen` is filled."""
    is_first = (call.role, call.program, call.name, fault) not in seen
    is_here = (call.role, call.program, call.name, call.site, fault) not in seen
    seen |= {(call.role, call.program, call.name, fault),
             (call.role, call.program, call.name, call.site, fault)}
    if call.program != OURS or call.site == 0:
        return 1 if is_first else 3
    return 0 if is_first else 2 if is_here else 3


def points(calls):
    """All of them: each call in turn, with a kill and each of its errors."""
    seen, when, found = set(), Counter(), []
    for call in calls:
        when[call.role, call.name] += 1
        for fault in (KILL, *ERRORS.get(call.name, OTHERS)):
            rank = 3 if fault == KILL and is_quiet(call) else _rank(call, seen, fault)
            found.append(Point(rank, call.role, call.name, when[call.role, call.name], fault))
    return found


class Tracer:
    def __init__(self, netns, uid=0):
        self._netns = netns
        self._uid = uid
        self._report = Path("/run/lab/calls")
        self._helper = adit.publish(adit.source().parent / "tests/system/helpers/call_fault")

    def list(self, argv, pids=()):
        """The calls of the good case, in order."""
        status, text = self._call(argv, pids, (), LISTED)
        assert status == 0, f"{argv}: status {status}"
        return [_read_call(line) for line in text.splitlines()]

    def run(self, argv, pids, point):
        """(its status, or None when it hung; whether the fault was met)"""
        code = 0 if point.fault == KILL else getattr(errno, point.fault)
        status, text = self._call(argv, pids,
                                  ("-f", point.role, point.call, str(point.when), str(code)))
        return status, text == "hit\n"

    def _call(self, argv, pids, options, timeout=TIMEOUT):
        those = [word for pid in pids for word in ("-p", str(pid))]
        process = self._netns.popen(
            self._helper, self._report, "-u", self._uid, "-l", LINGER, *those, *options, *argv,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=adit.environment(self._uid))
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = None
        return status, self._report.read_text()
