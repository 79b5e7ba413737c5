"""Packets of a flow arrive in the order in which they were sent, whoever seals and opens them."""

import time
from pathlib import Path

import pytest
from lab import dataplane
from lab.dataplane import Adit

PIECE = 10_000_000  # packets a call of the helper, in the long run
LONG = 100_000_000
LONG_SECONDS = 20 * 60
# For how many processors a data plane shall have threads: those of this machine
# (two threads on two), one (a single thread), and five (two threads and three helpers).
PROCESSORS = [pytest.param(None, id="as_the_machine_has"), pytest.param(1, id="one_thread"),
              pytest.param(5, id="helpers")]


def adit_for(processors):
    env = {"DATAPLANE_PROCESSORS": str(processors)} if processors else None

    def start(side, other, settings, starts):
        return Adit(side, other, settings, starts, env=env)

    return start


def send_numbers(cable, count, seconds, *burst):
    """What numbered_flow says of so many packets from left to right."""
    helper = Path(dataplane.helper()).with_name("numbered_flow")
    out = cable.left.outer.run(helper, cable.left.inner.path, cable.right.inner.path,
                               f"{cable.right.inside()}:7002", count, *burst,
                               timeout=seconds).stdout
    return {key: int(value) for key, value in (word.split("=") for word in out.split())}


@pytest.mark.parametrize("processors", PROCESSORS)
def test_a_million_packets_of_a_flow_keep_their_order(make_cable, processors):
    cable = make_cable(adit_for(processors), adit_for(processors))
    seen = send_numbers(cable, 1_000_000, 300)
    assert seen["received"] >= 1_000_000 and seen["disordered"] == 0, seen


def sleeps_of_second_thread(program):
    """How often it had something to do and then had not."""
    for task in Path(f"/proc/{program.pid}/task").iterdir():
        if (task / "comm").read_text() == "adit-receive\n":
            status = (task / "status").read_text()
            return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])
    raise AssertionError("there is no second thread")


@pytest.mark.parametrize("processors", [pytest.param(2, id="two_threads"),
                                        pytest.param(5, id="helpers")])
def test_a_flow_keeps_its_order_when_the_second_thread_comes_and_goes(make_cable, processors):
    cable = make_cable(adit_for(processors), adit_for(processors))
    right = cable.programs["right"]
    before = sleeps_of_second_thread(right)
    seen = send_numbers(cable, 200_000, 300, 20_000)
    assert seen["received"] >= 200_000 and seen["disordered"] == 0, seen
    assert sleeps_of_second_thread(right) > before + 10
    time.sleep(1)
    before = sleeps_of_second_thread(right)
    assert cable.ping() == 0 and sleeps_of_second_thread(right) == before


@pytest.mark.long
@pytest.mark.parametrize("processors", PROCESSORS)
def test_a_hundred_million_packets_of_a_flow_keep_their_order(make_cable, processors):
    """As many of them as twenty minutes allow; `-s` shows how far it is."""
    cable = make_cable(adit_for(processors), adit_for(processors))
    total = {"sent": 0, "received": 0, "disordered": 0, "lost": 0}
    end = time.monotonic() + LONG_SECONDS
    while total["received"] < LONG and time.monotonic() < end:
        seen = send_numbers(cable, PIECE, LONG_SECONDS)
        total = {key: total[key] + seen[key] for key in total}
        print(f"\n{total}", flush=True)
        assert total["disordered"] == 0, total
    assert total["received"] >= PIECE
