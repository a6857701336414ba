"""Blocks end where the log says, whatever the chunks; repeats and failures are not learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.anomaly import ValueDetector
from aimass_stream.learners.anomaly.values.state import ValueState
from aimass_stream.runtime.blocks import SEEN_IDS, BlockLearner
from tests.learning.learners import Folded, FoldState


def event(offset: int, value: bytes, answer_id: str = "") -> Event:
    return Event(offset, "t", 0, f"t/0/{offset}", None, value, answer_id)


def rows_of(values: Sequence[bytes], first: int = 0) -> list[tuple[Event, bytes]]:
    return [(event(first + at, value), value) for at, value in enumerate(values)]


def learner(block_rows: int = 3) -> BlockLearner[bytes]:
    return BlockLearner(FoldState({}), block_rows, 0)


def test_a_block_is_scored_with_the_state_before_it() -> None:
    fold = learner()
    answers, states = fold.take(rows_of([b"a", b"b", b"c", b"d"]))
    assert [answer.learnt for answer in answers] == [0, 0, 0, 3]
    assert states == [0, 0, 0, 3]
    assert fold.learnt_to == 3


@given(st.lists(st.sampled_from([b"a", b"b", b"odd", b"label"]), max_size=40), st.data())
def test_where_chunks_end_changes_nothing(values: list[bytes], data: st.DataObject) -> None:
    whole, cut = learner(), learner()
    expected, _ = whole.take(rows_of(values))
    got: list[Any] = []
    while len(got) < len(values):
        size = data.draw(st.integers(1, 7))
        got += cut.take(rows_of(values[len(got) : len(got) + size], len(got)))[0]
    assert list(map(str, got)) == list(map(str, expected))
    assert cut.learnt_to == whole.learnt_to


@given(st.lists(st.sampled_from([b"a", b"b", b"c", b"odd", b"label"]), max_size=40), st.data())
def test_where_chunks_end_changes_nothing_where_records_repeat(
    values: list[bytes], data: st.DataObject
) -> None:
    rows = [(event(at, value, f"id-{value!r}"), value) for at, value in enumerate(values)]
    whole, cut = learner(2), learner(2)
    expected, _ = whole.take(rows)
    got: list[Any] = []
    while len(got) < len(rows):
        size = data.draw(st.integers(1, 7))
        got += cut.take(rows[len(got) : len(got) + size])[0]
    assert list(map(str, got)) == list(map(str, expected))
    assert (cut.learnt_to, cut._seen) == (whole.learnt_to, whole._seen)


class Neighbours(FoldState):
    """Answers a record with the one before it in its block."""

    def score(self, inputs: Sequence[bytes]) -> list[Any]:
        if b"odd" in inputs:
            raise ValueError("odd")
        return [Folded(self.learnt, before.hex()) for before in [b"", *inputs[:-1]]]


@given(st.lists(st.sampled_from([b"a", b"b", b"odd"]), max_size=40), st.data())
def test_where_chunks_end_changes_nothing_for_who_looks_back(
    values: list[bytes], data: st.DataObject
) -> None:
    good = [value for value in values if value != b"odd"]
    expected = [b"" if at % 5 == 0 else good[at - 1] for at in range(len(good))]
    cut, got = BlockLearner(Neighbours({}), 5, 0), list[Any]()
    while len(got) < len(values):
        size = data.draw(st.integers(1, 7))
        got += cut.take(rows_of(values[len(got) : len(got) + size], len(got)))[0]
    assert [isinstance(one, RecordError) for one in got] == [value == b"odd" for value in values]
    answered = [one for one in got if not isinstance(one, RecordError)]
    assert [one.digest for one in answered] == [before.hex() for before in expected]


def test_an_event_rings_once_however_its_records_arrive() -> None:
    values = 5 + np.random.default_rng(0).normal(size=240)
    values[200:210] += 40
    rings = []
    for size in (240, 7, 1):
        state = ValueState(ValueDetector("values").settings)
        detector = BlockLearner(state, 32, 0)
        answers: list[Any] = []
        for at in range(0, 240, size):
            events = [event(n, b'{"value":%f}' % values[n]) for n in range(at, min(240, at + size))]
            answers += detector.take([(one, state.read(one)) for one in events])[0]
        rings.append([at for at, answer in enumerate(answers) if answer.is_alarm])
    assert rings[0] == rings[1] == rings[2]
    assert rings[0][-1] == 200


def test_a_record_that_failed_may_come_again_under_its_id() -> None:
    """It was never learnt: sent again after a repair, it is no repeat."""
    fold = learner(1)
    assert isinstance(fold.take([(event(0, b"odd", "id-0"), b"odd")])[0][0], RecordError)
    assert isinstance(fold.take([(event(1, b"mended", "id-0"), b"mended")])[0][0], Folded)
    assert fold.take([(event(2, b"mended", "id-0"), b"mended")])[0] == [None]


def test_a_record_that_cannot_be_scored_costs_itself_and_is_not_learnt() -> None:
    fold, without = learner(), learner()
    answers, _ = fold.take(rows_of([b"a", b"odd", b"b", b"c", b"d"]))
    without.take(rows_of([b"a", b"b", b"c", b"d"]))
    assert isinstance(answers[1], RecordError)
    assert answers[1].reason is Reason.MODEL_ERROR
    assert fold.take(rows_of([b"x"], 5))[0] == without.take(rows_of([b"x"], 4))[0]


def test_an_answer_that_is_not_finite_costs_its_record() -> None:
    class Divider(FoldState):
        def score(self, inputs: Sequence[bytes]) -> list[Any]:
            return [float("nan") if value == b"0" else 1.0 for value in inputs]

    answers, _ = BlockLearner(Divider({}), 3, 0).take(rows_of([b"1", b"0", b"1"]))
    assert answers[0] == answers[2] == 1.0
    assert answers[1].reason is Reason.INVALID_OUTPUT


def test_what_the_engine_repeats_is_taken_once() -> None:
    fold, once = learner(1), learner(1)
    twice = [(event(0, b"a", "id-0"), b"a"), (event(1, b"a", "id-0"), b"a")]
    answers, _ = fold.take([*twice, (event(2, b"b", "id-1"), b"b")])
    expected, _ = once.take(rows_of([b"a", b"b"]))
    assert answers == [expected[0], None, expected[1]]


def test_a_repeat_is_known_after_a_restart_and_forgotten_at_last() -> None:
    fold = learner(1)
    fold.take([(event(0, b"a", "id-0"), b"a")])
    again = learner(1)
    again.restore(fold.lay_down())
    assert again.take([(event(1, b"a", "id-0"), b"a")])[0] == [None]
    for number in range(SEEN_IDS):
        again.take([(event(2 + number, b"b", f"other-{number}"), b"b")])
    assert again.take([(event(9, b"a", "id-0"), b"a")])[0] != [None]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.data())
def test_a_learner_laid_down_anywhere_goes_on_as_if_nothing_had_happened(
    ids: list[str], data: st.DataObject
) -> None:
    """Also in the middle of a block, whose records are no repeats when they are taken again."""
    rows = [(event(at, b"%d" % at, answer_id), b"%d" % at) for at, answer_id in enumerate(ids)]
    whole, first, second = learner(), learner(), learner()
    expected, _ = whole.take(rows)
    first.take(rows[: data.draw(st.integers(0, len(rows)))])
    second.restore(laid_down := first.lay_down())
    assert second.take(rows[laid_down.offset :])[0] == expected[laid_down.offset :]
    assert (second.learnt_to, list(second._seen)) == (whole.learnt_to, list(whole._seen))
