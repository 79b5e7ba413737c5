"""Debian's browsers, with their own sandboxes on, show the provider's address and leak nothing.

Only with --long: they are large, and need not be installed otherwise.
"""

import os
import time
from pathlib import Path

import pytest
from lab import HOME, adit, internet, provider

PAGE = f"http://{internet.WEB}/"
BROWSERS = {
    "chromium": ["chromium", "--headless=new", "--disable-gpu", "--dump-dom", PAGE],
    "firefox-esr": ["firefox-esr", "--headless", "--screenshot", f"{HOME}/page.png", PAGE],
}
CHILD = {"chromium": "--type=renderer", "firefox-esr": "-contentproc"}


def count_filters(pid):
    """seccomp filters, adit's and the browser's own."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Seccomp_filters"))


def watch_sandbox(run, word):
    """The most filters that a process of the browser's sandbox was seen with."""
    most = 0
    while run.process.poll() is None:
        for pid in run.processes():
            try:
                if word in " ".join(adit.command_line(pid)):
                    most = max(most, count_filters(pid))
            except OSError:
                pass  # it has just ended
        time.sleep(0.05)
    return most


@pytest.mark.long
@pytest.mark.parametrize("name", BROWSERS)
def test_browser_shows_the_providers_address_and_leaks_nothing(net, conf, oracle, name):
    if not any(os.access(f"{folder}/{name}", os.X_OK) for folder in ("/usr/bin", "/bin")):
        pytest.skip(f"{name} is not installed")
    with adit.start(net, conf, *BROWSERS[name]) as run:
        filters = watch_sandbox(run, CHILD[name])
        status, out, err = run.finish()
    assert status == 0, err
    assert filters >= 2, "adit's filter alone: the browser's sandbox is off"
    assert {seen.address for seen in net.web.seen} == {provider.ADDRESS}
    if name == "chromium":
        assert provider.ADDRESS in out
    assert not [asked for asked in net.resolver.names() if asked != provider.NAME]
    oracle.finish(started=run.started, wireguard=20)
