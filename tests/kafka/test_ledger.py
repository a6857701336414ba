"""What may be committed, whatever the order in which work is finished."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.kafka.ledger import Ledger, Standing


def test_nothing_is_committable_before_a_report() -> None:
    ledger = Ledger(Standing(10), ["a"])
    ledger.accept([10, 11, 12])
    assert ledger.watermark == 10
    assert not ledger.settled


def test_a_later_run_waits_for_an_earlier_one() -> None:
    ledger = Ledger(Standing(0), ["a"])
    ledger.accept([0, 1, 2, 3])
    ledger.report("a", 2, 4, 4)
    assert ledger.watermark == 0
    ledger.report("a", 0, 2, 2)
    assert ledger.watermark == 4
    assert ledger.settled


def test_the_slowest_agent_decides() -> None:
    ledger = Ledger(Standing(0), ["a", "b"])
    ledger.accept([0, 1])
    ledger.report("a", 0, 2, 2)
    assert ledger.watermark == 0
    ledger.report("b", 0, 1, 1)
    assert ledger.watermark == 1


def test_holes_of_the_log_are_no_holes_in_the_work() -> None:
    ledger = Ledger(Standing(5), ["a"])
    ledger.accept([5, 9, 40])
    ledger.report("a", 0, 2, 10)
    assert ledger.watermark == 10
    ledger.report("a", 2, 3, 41)
    assert ledger.watermark == 41
    assert ledger.position == 41


def test_an_agent_that_was_ahead_goes_on_where_it_was() -> None:
    ledger = Ledger(Standing(0), ["a", "b"])
    ledger.accept([0, 1, 2, 3])
    ledger.report("a", 0, 3, 3)
    ledger.report("b", 0, 1, 1)
    standing = ledger.standing
    assert standing == Standing(1, {"a": 3})
    assert Standing.read(standing.offset, standing.note) == standing
    successor = Ledger(standing, ["a", "b"])
    assert [successor.done_before(agent) for agent in "ab"] == [3, 1]
    successor.accept([1, 2, 3])
    successor.report("a", 0, 2, 3)
    assert successor.standing == standing
    successor.report("b", 0, 3, 4)
    assert successor.standing == Standing(3, {"b": 4})


@pytest.mark.parametrize("note", ["", "by another client", '{"a": "7"}', "[]", '{"a": 3}'])
def test_a_note_that_says_nothing_new_is_passed_over(note: str) -> None:
    assert Standing.read(7, note) == Standing(7)


def test_a_note_that_a_broker_would_refuse_is_left_out() -> None:
    ahead = {f"agent-{number}-{'x' * 50}": number + 1 for number in range(100)}
    assert Standing(0, ahead).note == ""


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=40),
    st.integers(0, 2**32),
    st.sets(st.sampled_from("abc"), min_size=1),
)
def test_the_watermark_never_passes_unfinished_work(
    gaps: list[int], seed: int, agents: set[str]
) -> None:
    offsets = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    ledger = Ledger(Standing(0), agents)
    ledger.accept(offsets)
    reports = [(agent, row) for agent in agents for row in range(len(offsets))]
    random.Random(seed).shuffle(reports)
    done: set[tuple[str, int]] = set()
    for agent, row in reports:
        ledger.report(agent, row, row + 1, offsets[row] + 1)
        done.add((agent, row))
        open_rows = [
            row for row in range(len(offsets)) if any((name, row) not in done for name in agents)
        ]
        expected = offsets[open_rows[0]] if open_rows else offsets[-1] + 1
        before = offsets[open_rows[0] - 1] + 1 if open_rows and open_rows[0] else 0
        assert ledger.watermark == (expected if not open_rows else before)
    assert ledger.settled
