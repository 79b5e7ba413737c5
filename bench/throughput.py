#!/usr/bin/python3
"""adit's data plane against wireguard-go, in turns, in one run.

    bench/get-wireguard-go.sh && python3 bench/throughput.py [--rounds N] [--seconds N]

Each round measures every program with itself at the other end of a cable: one
TCP flow and eight, both directions, ping without load, and the processor time
that both programs used for a gigabyte.  What counts are ratios of medians
within a run: the machine's speed drifts.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/system"))

from lab import dataplane, sandbox  # noqa: E402

COLUMNS = {
    "1 flow": "Gbit/s", "1 flow back": "Gbit/s", "8 flows": "Gbit/s", "8 flows back": "Gbit/s",
    "cpu": "s/GB", "ping p50": "ms", "ping p99": "ms", "Pss": "MiB",
}


def programs():
    yield "adit", dataplane.Adit
    newest = dataplane.newest_wireguard_go()
    if newest:
        yield f"go {(dataplane.CACHE / 'version').read_text().strip()}", dataplane.go(newest)
    packaged = dataplane.packaged_wireguard_go()
    if packaged:
        yield "go packaged", dataplane.go(packaged)


def iperf(cable, flows, seconds, *more):
    """(Gbit/s, bytes) as the receiver counts."""
    for _ in range(5):
        report = iperf_once(cable, flows, seconds, *more)
        if "error" not in report:
            break
        time.sleep(1)  # the server has not noticed the end of the run before
    else:
        raise RuntimeError(f"iperf3: {report['error']}")
    end = report["end"]["sum_received"]
    return end["bits_per_second"] / 1e9, end["bytes"]


def iperf_once(cable, flows, seconds, *more):
    out = cable.left.inner.run("iperf3", "-J", "-c", cable.right.inside(), "-P", flows, "-t",
                               seconds, "-O", 1, *more, timeout=seconds + 20, check=False).stdout
    return json.loads(out)


def ping_times(cable, count=500):
    out = cable.left.inner.run("ping", "-c", count, "-i", "0.002", cable.right.inside()).stdout
    times = sorted(float(line.split("time=")[1].split()[0])
                   for line in out.splitlines() if "time=" in line)
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def pss(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0


def measure(program, seconds):
    cable = dataplane.Cable()
    server = None
    try:
        cable.start(program, program)
        if not dataplane.wait_until(lambda: cable.ping(count=1) == 0):
            raise RuntimeError("no handshake")
        server = cable.right.inner.popen("iperf3", "-s", stdout=-3)
        time.sleep(0.3)
        pids = [each.pid for each in cable.programs.values()]
        result = {}
        result["ping p50"], result["ping p99"] = ping_times(cable)
        before = sum(map(dataplane.cpu_seconds, pids))
        total = 0
        for name, flows, more in (("1 flow", 1, []), ("1 flow back", 1, ["-R"]),
                                  ("8 flows", 8, []), ("8 flows back", 8, ["-R"])):
            result[name], n_bytes = iperf(cable, flows, seconds, *more)
            # the first second is left out of the rate, but not of the processor time
            total += n_bytes * (seconds + 1) / seconds
        result["cpu"] = (sum(map(dataplane.cpu_seconds, pids)) - before) / (total / 1e9)
        result["Pss"] = max(map(pss, pids))
        return result
    finally:
        if server:
            server.kill()
            server.wait()
        cable.close()


def print_row(name, values):
    print(f"{name:26}" + "".join(f"{value:>14}" for value in values), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", help="the program whose name begins so")
    args = parser.parse_args()
    chosen = [(n, p) for n, p in programs() if not args.only or n.startswith(args.only)]
    results = {name: [] for name, _ in chosen}

    print_row("", COLUMNS)
    for _ in range(args.rounds):
        for name, program in chosen:
            try:
                results[name].append(measure(program, args.seconds))
            except (RuntimeError, subprocess.SubprocessError) as failure:
                print(f"{name}: left out: {failure}", flush=True)
                continue
            print_row(name, [f"{results[name][-1][column]:.3f}" for column in COLUMNS])
    medians = {name: {column: statistics.median(row[column] for row in rows)
                      for column in COLUMNS} for name, rows in results.items() if rows}
    print("\nmedians")
    print_row("", [f"{column}" for column in COLUMNS])
    for name, row in medians.items():
        print_row(name, [f"{row[column]:.3f}" for column in COLUMNS])
    for name, row in medians.items():
        if name != chosen[0][0]:
            print_row(f"{chosen[0][0]} / {name}"[:26],
                      [f"{medians[chosen[0][0]][c] / row[c]:.2f}" for c in COLUMNS])


if __name__ == "__main__":
    if sandbox.is_inside():
        main()
    else:
        sys.exit(sandbox.enter([sys.executable, *sys.argv]))
