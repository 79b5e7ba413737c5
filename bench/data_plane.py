#!/usr/bin/python3
"""adit's data plane against wireguard-go, in turns, in one run.

    bench/data_plane.py --quick                  # two minutes, for a first look
    bench/data_plane.py --full --out docs        # eleven; writes docs/data-plane.svg
    bench/data_plane.py --redraw FILE --out docs # tables and picture of an earlier run

As root.  It builds what it needs into build-bench/, fetches the newest
wireguard-go into .cache/, and works in namespaces of its own, which go when it
ends.  Each round measures every program with itself at the other end of a
cable.  What counts are ratios of medians within a run: the machine's speed
drifts.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build-bench"
sys.path.insert(0, str(ROOT / "tests/system"))

import measures  # noqa: E402
import plot  # noqa: E402
from lab import dataplane, sandbox  # noqa: E402

# name in measures: unit, digits, and the goal of the first program's ratio to
# wireguard-go's newest: at least, or at most when the sign is "<"
COLUMNS = {
    "1 flow": ("Gbit/s", 2, ">", 3),
    "1 flow, back": ("Gbit/s", 2, ">", 3),
    "8 flows": ("Gbit/s", 2, ">", 3),
    "8 flows, back": ("Gbit/s", 2, ">", 3),
    "processor": ("s/GB", 2, "<", 0.35),
    "ping p50": ("ms", 3, "<", 0.5),
    "ping p99": ("ms", 3, "<", 0.5),
    "loaded p50": ("ms", 2, "<", 0.5),
    "loaded p99": ("ms", 2, "<", 0.5),
    "small packets": ("thousand/s", 1, ">", 3),
    "small, processor": ("µs", 2, "<", 0.3),
    "paced, processor": ("µs", 2, "<", 0.3),
    "memory, idle": ("MiB", 1, None, None),
    "memory, loaded": ("MiB", 1, None, None),
    "wake-ups, idle": ("a second", 1, None, None),
}
TABLES = {
    "Throughput": ["1 flow", "1 flow, back", "8 flows", "8 flows, back", "processor"],
    "Latency": ["ping p50", "ping p99", "loaded p50", "loaded p99"],
    f"{measures.SMALL_PACKET}-byte UDP packets": ["small packets", "small, processor",
                                                  "paced, processor"],
    "At rest": ["memory, idle", "memory, loaded", "wake-ups, idle"],
}
ADIT, NULL, ONE_THREAD = "adit", "adit, null cipher", "adit, one thread"
NULL_GOAL = 0.75


def one_thread(*args, **more):
    """adit as on a machine with one processor."""
    return dataplane.Adit(*args, **more, env={"DATAPLANE_PROCESSORS": "1"})


def programs(args):
    """{name: for Cable.start()}, in the order of the tables."""
    newest, packaged = dataplane.newest_wireguard_go(), dataplane.packaged_wireguard_go()
    found = {ADIT: dataplane.Adit, NULL: dataplane.null_cipher()}
    if newest:
        version = (dataplane.CACHE / "version").read_text().split("-")[0]
        found[f"wireguard-go {version}"] = dataplane.go(newest)
    if packaged:
        found["wireguard-go of Debian 12"] = dataplane.go(packaged)
    if args.one_thread:
        found[ONE_THREAD] = one_thread
    return {name: program for name, program in found.items()
            if program and (not args.only or args.only in name)}


# ---- tables ----


def medians(results):
    """{program: {column: median}}; a column that nobody measured is left out."""
    table = {}
    for name, rounds in results["rounds"].items():
        table[name] = {column: statistics.median(row[column] for row in rounds if column in row)
                       for column in COLUMNS if any(column in row for row in rounds)}
    return table


def newest(table):
    """The program that goals speak of."""
    others = [name for name in table if name.startswith("wireguard-go")]
    return others[0] if others else None


def ratio(table, other, column):
    mine, theirs = (table[name].get(column) for name in (ADIT, other))
    return None if mine is None or not theirs else mine / theirs


def print_table(title, columns, table):
    columns = [column for column in columns if any(column in row for row in table.values())]
    if not columns:
        return
    print(f"\n### {title}\n")
    print("| | " + " | ".join(f"{column}, {COLUMNS[column][0]}" for column in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, row in table.items():
        cells = [f"{row[c]:.{COLUMNS[c][1]}f}" if c in row else "" for c in columns]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for other in table:
        if other != ADIT:
            cells = [ratio(table, other, column) for column in columns]
            print(f"| adit / {other.removeprefix('adit, ')} | " +
                  " | ".join("" if r is None else f"{r:.2f}" for r in cells) + " |")


def print_goals(table):
    other = newest(table)
    print("\n### Goals\n")
    for column, (_, _, sign, goal) in COLUMNS.items():
        value = ratio(table, other, column) if other and sign else None
        if value is not None:
            met = value >= goal if sign == ">" else value <= goal
            print(f"- {column}: {value:.2f} of {other}'s; goal {sign} {goal}:"
                  f" {'met' if met else 'missed'}")
    if NULL in table:
        shares = [ratio(table, NULL, column) for column in measures.FLOWS]
        print("- share of the null cipher's throughput: " +
              ", ".join(f"{share:.2f}" for share in shares if share) + f"; goal > {NULL_GOAL}")


def print_all(results):
    table = medians(results)
    facts = results["facts"]
    print(f"\n{facts['rounds']} rounds, flows of {facts['seconds']} s, on {facts['processors']} "
          f"processors ({facts['model']}), Linux {facts['kernel']}; the generator of small packets "
          f"alone: {facts['plain flood'] / 1e3:.0f} thousand a second")
    for title, columns in TABLES.items():
        print_table(title, columns, table)
    print_goals(table)


# ---- running ----


def facts(args):
    model = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return {
        "rounds": args.rounds,
        "seconds": args.seconds,
        "processors": os.cpu_count(),
        "model": model[0] if model else platform.machine(),
        "kernel": platform.release(),
        "plain flood": measures.plain_flood(flood_program(), min(args.seconds, 2)),
    }


def flood_program():
    return str(BUILD / "bench/udp_flood")


def attempt(name, measure, *args):
    """What measure returns; {} when it failed, which leaves a gap and no more."""
    try:
        return measure(*args)
    except (measures.Failed, RuntimeError, subprocess.SubprocessError) as failure:
        print(f"{name}: left out: {failure}", flush=True)
        return {}


def measure_idle(program, seconds):
    with measures.Tunnel(program) as tunnel:
        return {"wake-ups, idle": tunnel.wake_ups(seconds)}


def run(args):
    measures.nice = args.nice
    measures.set_nice("self")
    chosen = programs(args)
    results = {"facts": facts(args), "rounds": {name: [] for name in chosen}}
    for number in range(args.rounds):
        for name, program in chosen.items():
            row = attempt(name, measures.measure_all, program, args.seconds, flood_program())
            if number == 0 and args.idle and name != NULL:
                row |= attempt(name, measure_idle, program, 3)
            if row:
                results["rounds"][name].append(row)
            print(f"{number + 1} {name}: " + ", ".join(
                f"{column} {value:.{COLUMNS[column][1]}f}" for column, value in row.items()),
                flush=True)
            args.results.write_text(json.dumps(results, indent=1))
    return results


def build():
    """A build for the benchmark, with the null cipher; and wireguard-go."""
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(BUILD), "-Dnull_cipher=true"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", str(BUILD), "adit", "bench/dataplane_peer_null",
                    "bench/udp_flood", "tests/system/helpers/dataplane_peer"],
                   check=True, stdout=subprocess.DEVNULL)
    (ROOT / ".cache").mkdir(exist_ok=True)
    if subprocess.run([str(ROOT / "bench/get-wireguard-go.sh")], stdout=subprocess.DEVNULL,
                      check=False).returncode:
        print("the newest wireguard-go could not be fetched: left out", flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 round of short flows")
    parser.add_argument("--full", action="store_true", help="5 rounds of longer ones, and wake-ups")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--only", help="programs whose names hold this")
    parser.add_argument("--nice", type=int, default=0,
                        help="-18: before what else this machine does, where sessions are groups "
                             "to its scheduler")
    parser.add_argument("--one-thread", action="store_true", help="also adit with one thread")
    parser.add_argument("--out", type=Path, help="folder for data-plane.svg")
    parser.add_argument("--results", type=Path, default=ROOT / ".cache/data-plane.json")
    parser.add_argument("--redraw", type=Path, help="results of an earlier run")
    args = parser.parse_args()
    args.rounds = args.rounds or (5 if args.full else 1 if args.quick else 2)
    args.seconds = args.seconds or (1 if args.quick else 2)
    args.idle = args.full
    return args


def main():
    args = parse()
    if not args.redraw and not sandbox.is_inside():
        build()
        os.environ["ADIT_BINARY"] = str(BUILD / "adit")
        sys.exit(sandbox.enter([sys.executable, *sys.argv]))
    results = json.loads(args.redraw.read_text()) if args.redraw else run(args)
    print_all(results)
    if args.out:
        table = {name: row for name, row in medians(results).items() if name != ONE_THREAD}
        (args.out / "data-plane.svg").write_text(plot.draw(table, results["facts"]))


if __name__ == "__main__":
    main()
