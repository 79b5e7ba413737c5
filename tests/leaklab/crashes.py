#!/usr/bin/python3
"""The crash campaign: lasting namespaces' commands, killed or failed at each system call.

    crashes.py RESULTS.json [--quick] [--seed SEED] [--command COMMAND]...

As root, with strace.  COMMAND: seal, up, reload, down; all of them without one.
Writes how many faults were tried, what leaked, and what was not as before
afterwards, to RESULTS.json.  --quick: QUICK points of each command, by chance.
Exit status: 0 nothing leaked and everything was as before, 1 otherwise.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from lab import crashes, sandbox  # noqa: E402
from lab.internet import Internet  # noqa: E402

QUICK = 25  # points of a command
EVERY = 20  # points between two lines of progress


def _parse(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--command", action="append", choices=crashes.COMMANDS)
    return parser.parse_args(argv)


def _show(results):
    number = sum(results.tried.values())
    if number % EVERY == 0:
        print(f"{number} points, {sum(results.hit.values())} hit, {results.offered} offered, "
              f"{len(results.problems)} problems", file=sys.stderr, flush=True)


def main(argv):
    line = _parse(argv)
    net = Internet()
    begin = time.monotonic()
    try:
        results = crashes.campaign(net, line.command or list(crashes.COMMANDS),
                                   random.Random(line.seed), QUICK if line.quick else None, _show)
    finally:
        net.close()
    record = {"seed": line.seed, "seconds": round(time.monotonic() - begin, 1), **vars(results)}
    print(json.dumps(record, indent=1))
    return 1 if results.leaks or results.problems else 0


def outside(argv):
    """The sandbox hides folders such as /tmp, so the results come out by standard output."""
    with open(_parse(argv).results, "w") as f:
        return sandbox.enter([sys.executable, __file__, "--inside", *argv], stdout=f)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        sys.exit(main(sys.argv[2:]))
    if not sys.argv[1:]:
        sys.exit(__doc__)
    sys.exit(outside(sys.argv[1:]))
