"""Container engines on the host of the small internet: Docker's, with podman beside it.

    with engines.docker(net) as docker:
        holder = docker.start("holder", "none", "--dns", server)
        docker.output("container:holder", "wget", "-qO-", url)

The only image is busybox's, made here; nothing is fetched.  What the engine writes is below
FOLDER, which goes with the sandbox; its rules are the host's of the small internet.
"""

import os
import shutil
import subprocess
import tarfile
from contextlib import contextmanager
from pathlib import Path

from lab import named

FOLDER = Path("/run/engines")
IMAGE = "localhost/bb:1"
TOOLS = ("sh", "sleep", "cat", "wget", "nslookup", "ping", "ip")


def make_image():
    """A file for `import`: busybox by its names."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / "image.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(shutil.which("busybox"), "bin/busybox")
        for tool in TOOLS:
            link = tarfile.TarInfo(f"bin/{tool}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return path


class Engine:
    def __init__(self, net, program, options=(), run_options=()):
        self.net = net
        self.program = [program, *options]
        self.run_options = run_options
        self.environment = os.environ | {"DOCKER_HOST": f"unix://{FOLDER}/docker.sock"}

    def call(self, *words, check=True):
        done = self.net.host.run(*self.program, *words, check=False, timeout=60,
                                 env=self.environment)
        if check:
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    def start(self, name, network, *options, command=("sleep", "600")):
        """In the background; its process 1, as the host numbers it."""
        self.call("run", "--detach", "--name", name, "--network", network, *self.run_options,
                  *options, IMAGE, *command)
        return self.pid(name)

    def run(self, network, *command, options=()):
        return self.call("run", "--rm", "--network", network, *self.run_options, *options, IMAGE,
                         *command, check=False)

    def output(self, network, *command, options=()):
        done = self.run(network, *command, options=options)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def inside(self, name, *command):
        return self.call("exec", name, *command, check=False)

    def pid(self, name):
        return int(self.call("inspect", "--format", "{{.State.Pid}}", name).stdout)

    def close(self):
        names = self.call("ps", "--all", "--quiet").stdout.split()
        if names:
            self.call("kill", *names, check=False)  # rm alone would wait for what ignores SIGTERM
            self.call("rm", "--force", *names)


@contextmanager
def docker(net):
    image = make_image()
    with open(FOLDER / "log", "w") as log, net.host.popen(
            "dockerd", "--data-root", FOLDER / "data", "--exec-root", FOLDER / "exec",
            "--host", f"unix://{FOLDER}/docker.sock", "--pidfile", FOLDER / "pid",
            "--storage-driver", "vfs", stdout=log, stderr=log) as daemon:
        engine = Engine(net, "docker")
        try:
            assert named.wait_until(lambda: engine.call("version", check=False).returncode == 0,
                                    30), (FOLDER / "log").read_text()[-2000:]
            engine.call("import", image, IMAGE)
            yield engine
            engine.close()
        finally:
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()


@contextmanager
def podman(net):
    """Without a daemon.  Its own limits may be more than root has here."""
    image = make_image()
    engine = Engine(net, "podman",
                    ["--root", FOLDER / "podman", "--runroot", FOLDER / "podman-run",
                     "--cgroup-manager", "cgroupfs", "--runtime", "runc",
                     "--storage-driver", "vfs"],
                    ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"])
    engine.call("import", image, IMAGE)
    try:
        yield engine
    finally:
        engine.close()
