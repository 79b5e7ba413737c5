"""Network namespaces by name, and how to act in one."""

import ctypes
import os
import subprocess
import threading

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def setns(path, kind=CLONE_NEWNET):
    """Moves the calling thread."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(fd, kind) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(fd)


def call_in(path, function, *args):
    """The result of function, called in a thread that lives in the namespace.

    A socket made there stays there, whoever uses it later.
    """
    result = []

    def work():
        try:
            setns(path)
            result.append((function(*args), None))
        except BaseException as e:
            result.append((None, e))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    value, error = result[0]
    if error:
        raise error
    return value


def write_sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w") as f:
        f.write(str(value))


class Netns:
    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"

    def call(self, function, *args):
        return call_in(self.path, function, *args)

    def id(self):
        """As the links in /proc/PID/ns say it: "net:[NUMBER]"."""
        return self.call(os.readlink, "/proc/thread-self/ns/net")

    def command(self, argv):
        """argv, to be run here; exec keeps the process id."""
        return ["nsenter", f"--net={self.path}", *map(str, argv)]

    def popen(self, *argv, **popen):
        return subprocess.Popen(self.command(argv), **popen)

    def run(self, *argv, **run):
        run = {"check": True, "capture_output": True, "text": True, "timeout": 20} | run
        check = run.pop("check")
        done = subprocess.run(self.command(argv), **run)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stderr}{run.get('input', '')}")
        return done

    def output(self, *argv):
        return self.run(*argv).stdout

    def ip(self, text):
        """Lines for ip(8), one process for all."""
        batch("ip", "-n", self.name, "-batch", "-", input=text)

    def nft(self, text):
        self.run("nft", "-f", "-", input=text)

    def sysctl(self, **values):
        for name, value in values.items():
            self.call(write_sysctl, name.replace("__", "."), value)

    def exists(self):
        return os.path.exists(self.path)


def batch(*argv, input):
    done = subprocess.run(argv, input=input, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}\n{input}")


def create(names):
    batch("ip", "-batch", "-", input="".join(f"netns add {name}\n" for name in names))
    return [Netns(name) for name in names]


def delete(spaces):
    names = [space.name for space in spaces if space.exists()]
    batch("ip", "-batch", "-", input="".join(f"netns del {name}\n" for name in names))
