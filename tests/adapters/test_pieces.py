"""A call that fails is made in pieces: who failed alone is to blame, and nobody else."""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import ceil, log2

import pytest

from aimass_stream.adapters.pieces import in_pieces


class Model:
    """Gives the rows back unless it is made to fail on them; notes what it was asked."""

    def __init__(self, fails_on: Callable[[Sequence[int]], bool]) -> None:
        self.fails_on = fails_on
        self.calls: list[list[int]] = []

    def __call__(self, rows: Sequence[int]) -> list[int]:
        self.calls.append(list(rows))
        if self.fails_on(rows):
            raise ValueError(str(list(rows)))
        return list(rows)


@pytest.mark.parametrize("count", [*range(1, 18), 64])
def test_one_culprit_costs_few_calls_and_fails_alone(count: int) -> None:
    for culprit in range(count):
        model = Model(lambda rows, bad=culprit: bad in rows)  # type: ignore[misc]  # a default
        given, failed = in_pieces(range(count), model)
        assert [row for piece in given for row in piece] == [
            row for row in range(count) if row != culprit
        ]
        assert {row: str(error) for row, error in failed.items()} == {culprit: f"[{culprit}]"}
        assert len(model.calls) - 1 <= 2 * ceil(log2(count))


@pytest.mark.parametrize("count", range(1, 9))
def test_whatever_the_culprits_each_fails_alone_and_the_others_are_given_in_order(
    count: int,
) -> None:
    for size in range(1, count + 1):
        for bad in combinations(range(count), size):
            model = Model(lambda rows, bad=bad: not set(bad).isdisjoint(rows))  # type: ignore[misc]
            given, failed = in_pieces(range(count), model)
            assert sorted(failed) == list(bad)
            assert all([row] in model.calls for row in bad)
            assert [row for piece in given for row in piece] == [
                row for row in range(count) if row not in bad
            ]
            assert len(model.calls) - 1 <= count + 2


def test_two_rows_that_fail_only_together_are_both_given() -> None:
    for pair in combinations(range(16), 2):
        model = Model(lambda rows, pair=pair: set(pair) <= set(rows))  # type: ignore[misc]
        given, failed = in_pieces(range(16), model)
        assert failed == {}
        assert [row for piece in given for row in piece] == list(range(16))


@pytest.mark.parametrize("failures", range(1, 4))
def test_a_failure_that_goes_away_before_a_row_stood_alone_is_blamed_on_nobody(
    failures: int,
) -> None:
    model = Model(lambda rows: len(model.calls) <= failures)
    given, failed = in_pieces(range(64), model)
    assert failed == {}
    assert [row for piece in given for row in piece] == list(range(64))


def test_a_device_that_is_lost_during_the_search_is_no_row_s_fault() -> None:
    def call(rows: Sequence[int]) -> list[int]:
        if len(rows) < 4:
            raise RuntimeError("CUDA error: device-side assert triggered")
        raise ValueError("bad")

    with pytest.raises(RuntimeError, match="device-side"):
        in_pieces(range(8), call)
