#!/usr/bin/python3
"""The long campaign: adit's processes killed at random times, many times.

    campaign.py RESULTS.json [TIMES] [SEED]

As root.  Writes what happened, and how many packets of which kind were seen on
the host's links, to RESULTS.json.  Exit status: 0 nothing leaked and nothing
was left free, 1 otherwise.
"""

import json
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from lab import sandbox  # noqa: E402
from lab.internet import Internet  # noqa: E402
from lab.kills import kill_at_random_times  # noqa: E402

EVERY = 20  # runs between two lines of progress


def _show(results):
    if results.runs % EVERY == 0:
        print(f"{results.runs} runs, {results.with_traffic} with traffic, "
              f"{results.attempts} attempts, {len(results.free)} free", file=sys.stderr, flush=True)


def main(times=200, seed=None):
    seed = int(seed) if seed else random.randrange(1 << 32)
    net = Internet()
    begin = time.monotonic()
    try:
        results = kill_at_random_times(net, int(times), random.Random(seed), _show)
    finally:
        net.close()
    record = {"seed": seed, "seconds": round(time.monotonic() - begin, 1), **asdict(results)}
    print(json.dumps(record))
    return 1 if results.leaks or results.free else 0


def outside(path, *args):
    """The sandbox hides folders such as /tmp, so the results come out by standard output."""
    with open(path, "w") as f:
        return sandbox.enter([sys.executable, __file__, "--inside", *args], stdout=f)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        sys.exit(main(*sys.argv[2:]))
    if not sys.argv[1:]:
        sys.exit(__doc__)
    sys.exit(outside(*sys.argv[1:]))
