#!/usr/bin/python3
"""Many lasting namespaces at once, all with the same addresses inside: what each costs.

`adit up` of each (no server answers, so no handshake is in the figures), `adit list`
and the memory of all processes of all, for a few numbers of namespaces, so that one
sees whether the cost of one more grows.

    python3 bench/many.py [--numbers 1,50,100,200] [--json]        as root
"""

import argparse
import json
import os
import re
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests/system"))

from lab import adit, sandbox  # noqa: E402
from lab.internet import Internet  # noqa: E402
from lab.named import CONFIGURATIONS  # noqa: E402
from lab.provider import ADDRESS, PORT, Key  # noqa: E402

LAST = 20  # of each number, the ups that are looked at


def write_configuration(name, server):
    path = CONFIGURATIONS / f"{name}.conf"
    path.write_text(f"[Interface]\nPrivateKey = {Key().private}\nAddress = 10.66.0.2/32, "
                    f"fd66::2/128\nDNS = 10.66.0.1\n[Peer]\nPublicKey = {server.public}\n"
                    f"AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = {ADDRESS}:{PORT}\n")
    path.chmod(0o600)


def milliseconds(net, *words):
    began = time.perf_counter()
    done = net.host.run(adit.binary(), *words, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return (time.perf_counter() - began) * 1000


def processes():
    mine = os.stat(adit.binary())
    for entry in os.listdir("/proc"):
        try:
            there = os.stat(f"/proc/{entry}/exe") if entry.isdigit() else None
        except OSError:
            continue
        if there and (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
            yield int(entry)


def pss_kib():
    """Of all of adit's processes together; shared pages count once in the sum."""
    total = 0
    for pid in processes():
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])
    return total


def measure(numbers):
    net, server = Internet(), Key()
    net.provider.drop()
    CONFIGURATIONS.mkdir(exist_ok=True)
    rows, ups = [], []
    for number in numbers:
        while len(ups) < number:
            name = f"tenant-{len(ups):03}"
            write_configuration(name, server)
            ups.append(milliseconds(net, "up", name))
        lists = [milliseconds(net, "list") for _ in range(5)]
        rows.append({"namespaces": number,
                     "up_ms": statistics.median(ups[-LAST:]),
                     "list_ms": statistics.median(lists),
                     "pss_mib_each": pss_kib() / 1024 / number})
    began = time.perf_counter()
    net.host.run(adit.binary(), "down", "--all", check=False)
    down = (time.perf_counter() - began) * 1000 / len(ups)
    left = list(processes())
    net.close()
    assert not left, f"processes are left: {left}"
    return {"rows": rows, "down_ms_each": down}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--numbers", default="1,50,100,200")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not sandbox.is_inside():
        sys.exit(sandbox.enter([sys.executable, __file__, *sys.argv[1:]]))
    result = measure([int(number) for number in options.numbers.split(",")])
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{'namespaces':>10}  {'up, ms':>8}  {'list, ms':>8}  {'MiB each':>8}")
    for row in result["rows"]:
        print(f"{row['namespaces']:>10}  {row['up_ms']:>8.1f}  {row['list_ms']:>8.1f}  "
              f"{row['pss_mib_each']:>8.2f}")
    print(f"down: {result['down_ms_each']:.1f} ms each")


if __name__ == "__main__":
    main()
