#!/usr/bin/python3
"""How long `adit run CONF -- true` takes, and what an idle run weighs.

The provider is on the same machine (tests/system/lab), the user an ordinary
one.  unshare and bwrap, which have neither network nor tunnel to make, run in
turns with it: what is left is adit's own.  Prints medians; --json prints all.

    python3 bench/startup.py [--runs N] [--json]        as root
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests/system"))

from lab import adit, sandbox  # noqa: E402
from lab.internet import Internet  # noqa: E402

PEERS = {
    "unshare -Urn": ["unshare", "-Urn", "true"],
    "bwrap": ["bwrap", "--unshare-all", "--dev-bind", "/", "/", "true"],
}


def milliseconds(netns, argv):
    command = netns.command(adit.as_user(argv))
    began = time.perf_counter()
    subprocess.run(command, env=adit.environment(), check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def measure_startup(net, conf, runs):
    commands = {"adit run": [adit.binary(), "run", "--quiet", conf, "--", "true"],
                "adit run --no-wait": [adit.binary(), "run", "--quiet", "--no-wait", conf, "--",
                                       "true"],
                "true": ["true"], **PEERS}
    taken = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, argv in commands.items():
            took = milliseconds(net.host, argv)
            if turn:  # the first one warms the caches
                taken[name].append(took)
    return taken


def pss_of(pid):
    """Kilobytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])


def measure_memory(net, conf):
    """{process: kilobytes} of adit's own processes a second after the start."""
    with adit.start(net, conf, "sleep", "60") as run:
        run.wait_for_command()
        time.sleep(1)
        return {pid: pss_of(pid) for pid in run.adits()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    net = Internet()
    try:
        conf = net.provider.write_conf()
        taken = measure_startup(net, conf, args.runs)
        memory = measure_memory(net, conf)
    finally:
        net.close()
    if args.json:
        print(json.dumps({"startup_ms": taken, "pss_kb": list(memory.values())}))
        return
    floor = statistics.median(taken["true"])
    print(f"{'':22} median   min   over 'true'   ms, of {args.runs} runs")
    for name, values in taken.items():
        median = statistics.median(values)
        print(f"{name:22} {median:6.1f} {min(values):5.1f} {median - floor:13.1f}")
    print(f"idle: {sum(memory.values()) / 1024:.1f} MiB Pss in {len(memory)} processes "
          f"({', '.join(f'{kb} kB' for kb in memory.values())})")


if __name__ == "__main__":
    if sandbox.is_inside():
        main()
    else:
        os.chdir(ROOT)
        sys.exit(sandbox.enter([sys.executable, __file__, *sys.argv[1:]]))
