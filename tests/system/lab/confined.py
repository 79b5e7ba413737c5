"""Runs a command with the confinement alone: no tunnel, a network of nothing but lo."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from lab import HOME, UID, adit
from lab.sandbox import REPO

_copies = {}


def binary():
    """tests/system/helpers/confine_try.c, where every user can reach it."""
    if "try" not in _copies:
        build = Path(os.environ.get("ADIT_BINARY", REPO / "build" / "adit")).parent
        _copies["try"] = adit.publish(build / "tests" / "system" / "helpers" / "confine_try")
    return _copies["try"]


def command(*argv, options=(), uid=UID, wrapper=()):
    return [*wrapper, *adit.as_user([binary(), *options, "--", *argv], uid)]


def run(*argv, options=(), uid=UID, env=None, wrapper=(), timeout=30, **popen):
    """Status, output and errors."""
    popen = {"stdin": subprocess.DEVNULL, "cwd": HOME} | popen
    done = subprocess.run(command(*argv, options=options, uid=uid, wrapper=wrapper),
                          env=adit.environment(uid, **(env or {})), capture_output=True, text=True,
                          timeout=timeout, check=False, **popen)
    return done.returncode, done.stdout, done.stderr


def shell(script, **how):
    """The output of a script that must succeed."""
    status, out, err = run("sh", "-c", script, **how)
    assert status == 0, f"status {status}: {out}{err}"
    return out


@contextmanager
def started(*argv, options=(), uid=UID, env=None, **popen):
    popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
             "cwd": HOME, "text": True} | popen
    process = subprocess.Popen(command(*argv, options=options, uid=uid),
                               env=adit.environment(uid, **(env or {})), **popen)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def outside(*argv, uid=UID, **popen):
    """A program of the same user that is not confined."""
    popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "cwd": HOME,
             "text": True} | popen
    return subprocess.Popen(adit.as_user(argv, uid), env=adit.environment(uid), **popen)
