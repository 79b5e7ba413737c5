#!/usr/bin/python3
"""The long campaign's browsers: Debian's chromium and firefox-esr, headless, with
their own sandboxes on, see a page with the provider's address, and leak nothing.

    browsers.py RESULTS.json

As root, with the packages chromium and firefox-esr installed.  Exit status: 0
each of them did, 1 otherwise.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from lab import adit, internet, provider, sandbox  # noqa: E402
from lab.internet import Internet  # noqa: E402
from lab.oracle import Oracle  # noqa: E402

# Their first-run pages and update checks go into the tunnel like anything else.
BROWSERS = {
    "chromium": ["chromium", "--headless", "--disable-gpu", "--no-first-run",
                 "--user-data-dir={profile}", "--dump-dom"],
    "firefox-esr": ["firefox-esr", "--headless", "--profile", "{profile}", "--screenshot",
                    "{profile}/page.png"],
}


def sandbox_of(name, err):
    """A browser that cannot make its sandbox says so, and goes on or not."""
    return not any(word in err.lower() for word in ("no usable sandbox", "--no-sandbox",
                                                     "sandbox: failed", "can't set up sandbox"))


def visit(net, conf, name, command):
    page = f"http://{internet.WEB}/{name}"
    profile = f"{adit.HOME}/profile-{name}"
    adit.output(net, conf, "mkdir", profile)
    net.web.files[f"/{name}"] = b"<!doctype html><title>page</title><p>behind the tunnel</p>"
    oracle = Oracle(net)
    seen = len(net.web.seen)
    with adit.start(net, conf, *[word.format(profile=profile) for word in command], page) as run:
        status, out, err = run.finish(timeout=120)
    asked = [entry for entry in net.web.seen[seen:] if entry.what.endswith(f"/{name}")]
    try:
        oracle.finish(started=run.started, wireguard=10)
        verdict = "nothing leaked"
    except AssertionError as fault:
        verdict = str(fault)
    return {
        "status": status,
        "addresses": sorted({entry.address for entry in asked}),
        "sandbox": sandbox_of(name, err),
        "sees_provider": bool(asked) and all(e.address == provider.ADDRESS for e in asked),
        "verdict": verdict,
        "stderr": err[-2000:],
    }


def main():
    net = Internet()
    try:
        conf = net.provider.write_conf()
        results = {name: visit(net, conf, name, argv) for name, argv in BROWSERS.items()}
    finally:
        net.close()
    print(json.dumps(results, indent=1))
    good = all(r["status"] == 0 and r["sees_provider"] and r["sandbox"] and r["verdict"] == "nothing leaked"
               for r in results.values())
    return 0 if good else 1


def outside(path):
    with open(path, "w") as f:
        return sandbox.enter([sys.executable, __file__, "--inside"], stdout=f)


if __name__ == "__main__":
    if sys.argv[1:] == ["--inside"]:
        sys.exit(main())
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(outside(sys.argv[1]))
