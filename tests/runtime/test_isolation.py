"""Isolation: the culprits and nobody else are blamed, within the calls that law 2 allows."""

from collections.abc import Sequence
from itertools import combinations
from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass_stream.errors import Reason, RecordError
from aimass_stream.runtime.batch import BatchFailed
from aimass_stream.runtime.isolation import Verdict, find_culprits, isolate

WHOLE = BatchFailed(Reason.MODEL_ERROR, "whole")


class Model:
    """Answers `-item`, unless a culprit is in the batch; counts what it was asked."""

    def __init__(self, culprits: Sequence[int]) -> None:
        self.culprits = set(culprits)
        self.calls: list[list[int]] = []
        self.answered: list[int] = []

    async def call(self, items: Sequence[int]) -> list[int]:
        self.calls.append(list(items))
        if self.culprits.intersection(items):
            names = ",".join(map(str, items))
            raise BatchFailed(Reason.MODEL_ERROR, f"failed on {names}", "trace")
        self.answered += items
        return [-item for item in items]


def check_verdict(model: Model, rows: int, verdict: Verdict) -> None:
    blamed = [position for position, _ in verdict.blamed]
    assert sorted(model.answered + blamed + verdict.put_back) == list(range(rows))
    assert verdict.put_back == sorted(verdict.put_back)
    assert model.culprits.issuperset(blamed)


def calls_allowed(rows: int) -> int:
    return ceil(log2(rows)) + 1


@pytest.mark.parametrize("rows", [*range(1, 34), 64])
async def test_one_culprit_at_any_position_costs_log2_calls(rows: int) -> None:
    for culprit in range(rows):
        model = Model([culprit])
        verdict = await find_culprits(model.call, range(rows), WHOLE)
        check_verdict(model, rows, verdict)
        assert [position for position, _ in verdict.blamed] == [culprit]
        assert len(model.calls) <= calls_allowed(rows)


async def test_two_culprits_are_both_found_wherever_they_are() -> None:
    rows = 16
    for culprits in combinations(range(rows), 2):
        model = Model(culprits)
        outcomes = await isolate(model.call, range(rows), WHOLE)
        blamed = [row for row, outcome in enumerate(outcomes) if isinstance(outcome, RecordError)]
        assert blamed == list(culprits)
        assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [
            -row for row in range(rows) if row not in culprits
        ]
        one_by_one = rows + 2
        in_turn = 2 * calls_allowed(rows) + 2
        assert len(model.calls) <= max(one_by_one, in_turn)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 16, 33, 64])
async def test_all_bad_are_called_alone_once_each(rows: int) -> None:
    model = Model(range(rows))
    verdict = await find_culprits(model.call, range(rows), WHOLE)
    assert [position for position, _ in verdict.blamed] == list(range(rows))
    assert verdict.put_back == []
    assert len(model.calls) <= rows + 2
    if rows > 1:
        own = [f"failed on {row}" for row in range(rows)]
        assert [failure.detail for _, failure in verdict.blamed] == own


@settings(deadline=None)
@given(st.integers(1, 80), st.data())
async def test_laws_for_any_culprits(rows: int, data: st.DataObject) -> None:
    culprits = data.draw(st.sets(st.integers(0, rows - 1), min_size=1))
    model = Model(list(culprits))
    verdict = await find_culprits(model.call, range(rows), WHOLE)
    check_verdict(model, rows, verdict)
    assert verdict.blamed, "a deterministic culprit is found in every search"
    assert len(model.calls) <= rows + 2

    model = Model(list(culprits))
    outcomes = await isolate(model.call, range(rows), WHOLE)
    blamed = {row for row, outcome in enumerate(outcomes) if isinstance(outcome, RecordError)}
    assert blamed == culprits
    assert sorted(model.answered) == sorted(set(range(rows)) - culprits), "answered once each"


async def test_a_failure_that_went_away_is_blamed_on_nobody() -> None:
    for rows in (2, 3, 7, 16, 33):
        model = Model([])
        verdict = await find_culprits(model.call, range(rows), WHOLE)
        assert verdict == Verdict()
        assert sorted(model.answered) == list(range(rows))


async def test_the_reported_failure_is_the_records_own_where_it_failed_alone() -> None:
    model = Model([11])
    verdict = await find_culprits(model.call, range(16), WHOLE)
    [(_, failure)] = verdict.blamed
    assert failure.detail == "failed on 11"
    assert failure.trace == "trace"


async def test_otherwise_the_failure_says_of_which_batch_it_is() -> None:
    model = Model([3])
    verdict = await find_culprits(model.call, range(8), WHOLE)
    [(_, failure)] = verdict.blamed
    assert (
        failure.detail == "failed on 0,1,2,3 (in a batch of 4; the others were answered without it)"
    )
    assert set(model.answered) >= {0, 1, 2}


async def test_a_single_record_that_failed_needs_no_call() -> None:
    model = Model([0])
    verdict = await find_culprits(model.call, [0], WHOLE)
    assert verdict.blamed == [(0, WHOLE)]
    assert model.calls == []


@pytest.mark.parametrize("too_large", [1, 2, 3, 4, 8])
async def test_a_part_that_is_too_large_is_put_back_without_blame(too_large: int) -> None:
    answered: list[int] = []

    async def call(items: Sequence[int]) -> None:
        if len(items) >= too_large:
            raise BatchFailed(Reason.MODEL_ERROR, "no memory", out_of_memory=True)
        answered.extend(items)

    verdict = await find_culprits(call, range(16), WHOLE)
    if too_large == 1:
        return
    assert verdict.blamed == []
    assert sorted(answered + verdict.put_back) == list(range(16))


async def test_nothing_to_isolate() -> None:
    assert await isolate(Model([]).call, [], WHOLE) == []


async def test_an_error_of_the_engine_passes_through() -> None:
    async def call(items: Sequence[int]) -> None:
        raise RuntimeError("the link is gone")

    with pytest.raises(RuntimeError, match="the link is gone"):
        await find_culprits(call, range(4), WHOLE)
