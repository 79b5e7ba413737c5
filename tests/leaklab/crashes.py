#!/usr/bin/python3
"""The crash campaign: lasting namespaces' commands, killed or failed at each system call.

    crashes.py RESULTS.json [--seconds S] [--number N] [--jobs J] [--seed SEED]
               [--kind KIND]... [--command COMMAND]... [--backend BACKEND]

As root.  KIND: veth, relay, path, user; COMMAND: seal, up, reload, restart, down; all of
them without one.  The faults that differ most from one another come first (RANKS in
system/lab/calls.py), until all are done, or N, or S seconds are over; J sandboxes share
them.  RESULTS.json has how many there are and were tried, what was offered and leaked,
and what was not as before afterwards.  It grows while the campaign goes on; RESULTS.0
and others name each fault that was tried.
Exit status: 0 nothing leaked and everything was as before, 1 otherwise.
"""

import argparse
import json
import random
import subprocess
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from lab import calls, crashes, sandbox  # noqa: E402
from lab.internet import Internet  # noqa: E402
from lab.provider import Provider  # noqa: E402

EVERY = 25  # points between two lines of progress


def _parse(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--number", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--job", type=int)  # which of them
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", choices=crashes.KINDS)
    parser.add_argument("--command", action="append", choices=crashes.COMMANDS)
    parser.add_argument("--backend", choices=("auto", "kernel", "userspace"))
    return parser.parse_args(argv)


def _say(results):
    print(json.dumps(vars(results)), flush=True)


def _run(line, campaign):
    end = time.monotonic() + line.seconds
    mine = [fault for fault in campaign.points() if zlib.crc32(repr(fault).encode())
            % line.jobs == line.job][:line.number and line.number // line.jobs]
    campaign.count(mine)
    for number, fault in enumerate(mine, 1):
        if time.monotonic() > end:
            break
        print(*fault[:2], *fault.point, flush=True)
        campaign.try_point(fault)
        if number % EVERY == 0:
            _say(campaign.results)
    campaign.judge()
    _say(campaign.results)


def _work(line):
    """One job, in its sandbox: a line of results now and then, on standard output."""
    Provider.backend = line.backend
    net = Internet()
    try:
        campaign = crashes.Campaign(net, random.Random(line.seed), line.kind or crashes.KINDS,
                                    line.command or crashes.COMMANDS)
        try:
            _run(line, campaign)
        finally:
            campaign.close()
    finally:
        net.close()


def _last(path):
    """The newest results of a job; its last line may be half written."""
    lines = [line for line in path.read_text().split("\n")[:-1] if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {}


def _sum(records):
    """Of all jobs."""
    total = {}
    for record in records:
        for name, value in record.items():
            if isinstance(value, dict):
                total[name] = dict(Counter(total.get(name, {})) + Counter(value))
            else:
                total[name] = total.get(name, type(value)()) + value
    return total


def _wait(jobs, parts, line, begin):
    while True:
        is_over = all(job.poll() is not None for job in jobs)
        record = _sum(map(_last, parts))
        record |= {"seed": line.seed, "seconds": round(time.monotonic() - begin), "ranks":
                   calls.RANKS, "is_over": is_over}
        fresh = line.results.with_suffix(".fresh")
        fresh.write_text(json.dumps(record, indent=1) + "\n")
        fresh.replace(line.results)
        if is_over:
            return record
        time.sleep(5)


def main(argv):
    """The sandboxes hide folders such as /tmp, so results come out by standard output."""
    line = _parse(argv)
    begin = time.monotonic()
    parts = [line.results.with_suffix(f".{job}") for job in range(line.jobs)]
    jobs = []
    for job, part in enumerate(parts):
        with open(part, "w") as f:
            jobs.append(subprocess.Popen([sys.executable, sandbox.__file__, sys.executable,
                                          __file__, *argv, "--job", str(job)], stdout=f))
    record = _wait(jobs, parts, line, begin)
    if any(job.returncode for job in jobs):
        return 1
    return 1 if record["leaks"] or record["problems"] else 0


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    if sandbox.is_inside():
        sys.exit(_work(_parse(sys.argv[1:])))
    sys.exit(main(sys.argv[1:]))
