"""Inline models: one call a chunk; a record that the function fails on costs itself."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from aimass_stream.adapters.inline import Inline
from aimass_stream.config import Settings
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Chunk, Record
from aimass_stream.registry.folder import resolve
from aimass_stream.runtime.inline import CALL_ROWS, score_inline
from aimass_stream.runtime.models import Models


class Size(msgspec.Struct, frozen=True):
    size: int


class Function:
    """Answers with the size of each value and remembers the rows of each call."""

    def __init__(self, harm: Callable[[list[bytes]], Sequence[Any] | None]) -> None:
        self.harm = harm
        self.calls: list[int] = []

    def __call__(self, chunk: Chunk) -> Sequence[Any]:
        self.calls.append(len(chunk))
        values = [value or b"" for value in chunk.values]
        harmed = self.harm(values)
        return [Size(len(value)) for value in values] if harmed is None else harmed


def chunk_of(*values: bytes) -> Chunk:
    rows = range(len(values))
    return Chunk("t", 0, rows, [0] * len(values), [None] * len(values), values, [()] * len(values))


def fail_on_bad(values: list[bytes]) -> None:
    if b"bad" in values:
        raise ArithmeticError("told to fail")


def test_a_declaration() -> None:
    model = Inline("size", Function(fail_on_bad), answer=Size)
    assert model.answer_type is Size
    assert (model.name, model.version, model.location) == ("size", "1", "")


def test_a_declaration_resolves_without_files(tmp_path: Any) -> None:
    model = Inline("size", Function(fail_on_bad), version="3", answer=Size)
    assert resolve(model, tmp_path).id == "size@3"


async def test_a_chunk_is_one_call() -> None:
    predict = Function(fail_on_bad)
    answers = await score_inline(Inline("size", predict, answer=Size), chunk_of(b"a", b"bb"))
    assert answers == [Size(1), Size(2)]
    assert predict.calls == [2]


async def test_a_large_chunk_is_several_calls_that_fail_apart() -> None:
    predict = Function(fail_on_bad)
    values = [b"x" * (row % 7) for row in range(2 * CALL_ROWS + 3)]
    values[CALL_ROWS + 1] = b"bad"
    answers = list(await score_inline(Inline("size", predict, answer=Size), chunk_of(*values)))
    assert isinstance(answers.pop(CALL_ROWS + 1), RecordError)
    assert answers == [Size(len(value)) for value in values if value != b"bad"]
    assert predict.calls[:2] == [CALL_ROWS, CALL_ROWS]
    assert predict.calls[-1] == 3


async def test_answers_are_handed_on_as_they_are() -> None:
    given = [b"{}", {"size": 1}, RecordError(Reason.EMPTY, "nothing")]
    predict = Function(lambda values: given)
    answers = await score_inline(Inline("size", predict, answer=Size), chunk_of(b"", b"", b""))
    assert answers is given


@pytest.mark.parametrize("culprits", [{0}, {5}, {15}, {0, 15}, {3, 4}, set(range(16))])
async def test_a_record_the_function_fails_on_costs_itself(culprits: set[int]) -> None:
    predict = Function(fail_on_bad)
    values = [b"bad" if row in culprits else b"x" * row for row in range(16)]
    outcomes = await score_inline(Inline("size", predict, answer=Size), chunk_of(*values))
    for row, outcome in enumerate(outcomes):
        if row in culprits:
            assert isinstance(outcome, RecordError)
            assert outcome.reason is Reason.MODEL_ERROR
            assert "ArithmeticError: told to fail" in outcome.detail
            assert "fail_on_bad" in outcome.trace
        else:
            assert outcome == Size(row)
    if len(culprits) == 1:
        put_back_rides = 1
        assert len(predict.calls) <= 1 + 5 + put_back_rides


@pytest.mark.parametrize("wrong", [[], [Size(0)] * 9])
async def test_the_wrong_number_of_answers_costs_who_causes_it(wrong: list[Size]) -> None:
    predict = Function(lambda values: wrong if b"bad" in values else None)
    chunk = chunk_of(b"a", b"bad", b"ccc", b"dddd")
    outcomes = list(await score_inline(Inline("size", predict, answer=Size), chunk))
    error = outcomes.pop(1)
    assert isinstance(error, RecordError)
    assert error.reason is Reason.INVALID_OUTPUT
    assert outcomes == [Size(1), Size(3), Size(4)]


async def test_one_answer_for_a_whole_chunk_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    predict = Function(lambda values: [Size(len(values))])
    model = Inline("lumping", predict, answer=Size)
    for _ in range(2):
        assert await score_inline(model, chunk_of(b"a", b"b", b"c")) == [Size(1)] * 3
    (warning,) = (record.getMessage() for record in caplog.records)
    assert "lumping@1: lumping gave 1 answer for 3 records" in warning
    assert "should return one answer a record, in order" in warning
    await score_inline(Inline("lumping", predict, version="2", answer=Size), chunk_of(b"a", b"b"))
    assert len(caplog.records) == 2


async def test_an_answer_that_is_no_sequence_costs_every_record() -> None:
    predict = Function(iter)  # type: ignore[arg-type]
    outcomes = await score_inline(Inline("size", predict, answer=Size), chunk_of(b"a", b"b"))
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, RecordError)] == [
        Reason.MODEL_ERROR
    ] * 2


async def test_an_empty_chunk() -> None:
    def explode(chunk: Chunk) -> list[Size]:
        raise ZeroDivisionError

    assert await score_inline(Inline("size", explode, answer=Size), chunk_of()) == []


async def test_records_of_an_inline_model_are_counted_as_those_of_others(tmp_path: Path) -> None:
    def give_up(error: BaseException) -> None:
        raise error

    model = Inline("counted", Function(fail_on_bad), answer=Size)
    models = Models(Settings(state=tmp_path), on_error=give_up)
    await models.prepare(model)
    submitted = await models.submit(model, chunk_of(b"a", b"bad", b"c", b"bad"), Record, lag=0)
    assert await submitted.wait(0) == 4
    await models.submit(model, chunk_of(b"a"), Record, lag=0)
    await models.close()

    def counted(name: str, **labels: str) -> float | None:
        labels = {"model": "counted@1", **labels}
        return REGISTRY.get_sample_value(f"aimass_records_{name}_total", labels)

    assert counted("submitted") == 5
    assert counted("answered") == 3
    assert counted("dead_lettered", reason="model_error") == 2
