"""Runs the system tests in a sandbox of their own and hands out the small internet.

README.md explains the lab.  Outside of the sandbox this file only starts
pytest again, inside.
"""

import os
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

from lab import adit, dataplane, sandbox  # noqa: E402
from lab.canaries import Canaries  # noqa: E402
from lab.claims import Claims  # noqa: E402
from lab.internet import Internet  # noqa: E402
from lab.oracle import Oracle  # noqa: E402
from lab.provider import Provider  # noqa: E402

MUST_RUN = os.environ.get("ADIT_TESTS_MUST_RUN") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    if sandbox.is_inside() or config.option.collectonly or os.geteuid() != 0:
        return None
    config.pluginmanager.getplugin("capturemanager").suspend_global_capture(in_=True)
    return sandbox.enter([sys.executable, "-m", "pytest", *config.invocation_params.args],
                         cwd=config.invocation_params.dir)


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also the tests of the long campaign")
    parser.addoption("--backend", choices=("auto", "kernel", "userspace"),
                     help="of the clients' files, for tests of named namespaces")
    parser.addoption("--package", type=Path, metavar="FILE",
                     help="also the tests of the Debian package, which is FILE")
    parser.addoption("--claims", type=Path, metavar="DIR",
                     help="run only the files that no other pytest has claimed in DIR")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with --long")
    config.addinivalue_line("markers", "package: only with --package")
    config.addinivalue_line("markers", "kernel: only where the kernel has WireGuard, as in tests/vm")
    Provider.backend = config.option.backend
    if config.option.claims:
        config.pluginmanager.register(Claims(config.option.claims.absolute()))


def pytest_collection_modifyitems(config, items):
    if not config.option.long:
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    if any(item.get_closest_marker("kernel") for item in items) and \
            not dataplane.kernel_has_wireguard():
        items[:] = [item for item in items if not item.get_closest_marker("kernel")]
    if not config.option.package:
        items[:] = [item for item in items if not item.get_closest_marker("package")]
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(0))
    if not sandbox.is_inside():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="the sandbox is made by root"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """With ADIT_TESTS_MUST_RUN=1 a test that cannot run has failed."""
    outcome = yield
    report = outcome.get_result()
    if MUST_RUN and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, though every test must run: {report.longrepr}"


@pytest.fixture
def net():
    """A small internet of the test's own."""
    internet = Internet()
    yield internet
    internet.close()


@pytest.fixture(scope="module")
def shared_net():
    """One for the tests of a file; they leave it as they found it."""
    internet = Internet()
    yield internet
    internet.close()


@pytest.fixture
def oracle(net):
    watcher = Oracle(net)
    yield watcher
    watcher.stop()


@pytest.fixture
def canaries(net):
    with Canaries(net) as all_canaries:
        yield all_canaries


@pytest.fixture
def conf(net):
    """The client's file, as the provider hands it out."""
    return net.provider.write_conf()


@pytest.fixture(scope="session", autouse=True)
def has_binary(request):
    if sandbox.is_inside() and not adit.source().exists():
        pytest.exit(f"{adit.source()} is not built", returncode=2)


@pytest.fixture
def make_cable():
    """Two data planes with a session, by the programs of either end; closed after the test."""
    cables = []

    def make(left, right, **settings):
        cable = dataplane.Cable(dataplane.Settings(**settings))
        cables.append(cable)
        cable.start(left, right)
        assert dataplane.wait_until(lambda: cable.ping(count=1) == 0), "no handshake"
        return cable

    yield make
    for cable in cables:
        cable.close()
