"""A body's contract: what belongs to which record, and what an exception costs."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.records import Chunk, Limits, Record
from aimass_stream.runtime.batch import Hear
from aimass_stream.runtime.body import AgentError, Body, WrongAgentError, run_body
from aimass_stream.runtime.handover import WORK_ROWS, Handover, Unit, Work
from aimass_stream.runtime.scored import NOTHING_DUE, WORKS_AHEAD, Outcomes, ScoredStream
from aimass_stream.runtime.streams import Stream

Fate = tuple[str, list[bytes]]


def chunk_of(values: Sequence[bytes | None], first_offset: int = 0) -> Chunk:
    rows = range(len(values))
    offsets = [first_offset + row for row in rows]
    return Chunk(
        "t", 0, offsets, [0] * len(values), [None] * len(values), values, [()] * len(values)
    )


class Even(Record):
    """An even number; its half is known once it was checked."""

    __slots__ = ("half",)

    half: int

    def check(self, limits: Limits) -> None:
        if int(self.bytes) % 2:
            raise RecordError(Reason.BAD_ENVELOPE, "odd")
        self.half = int(self.bytes) // 2


class Engine:
    """Feeds a stream and keeps what it delivers."""

    def __init__(self, kind: type[Record] = Record) -> None:
        self.units: list[Unit] = []
        self.stream: Stream[Any] = Stream(kind, Limits(), Handover(self.units.append))
        self.accepted = 0

    def put(self, values: Sequence[bytes | None]) -> None:
        self.stream.put(Work(chunk_of(values, self.accepted), self.accepted))
        self.accepted += len(values)

    async def run(self, body: Body, *values: bytes | None) -> dict[int, Fate]:
        if values:
            self.put(values)
        task = asyncio.create_task(run_body("agent", body, self.stream))
        idle = asyncio.create_task(self.wait_resolved())
        await asyncio.wait({task, idle}, return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        idle.cancel()
        self.stream.stop()
        results = await asyncio.gather(task, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]
        return self.fates()

    async def wait_resolved(self) -> None:
        while len(self.fates()) < self.accepted:
            await self.stream.wait_idle()
            await asyncio.sleep(0)

    def fates(self) -> dict[int, Fate]:
        fates: dict[int, Fate] = {}
        for unit in self.units:
            offsets = unit.work.chunk.offsets
            for row in range(unit.first_row, unit.end_row):
                assert offsets[row] not in fates, "a record has two outcomes"
                fates[offsets[row]] = ("quiet", [])
            for answers in unit.answers:
                for row, value in zip(answers.rows, answers.values, strict=True):
                    held = fates[offsets[row]][1]
                    fates[offsets[row]] = ("answered", [*held, value])
            for failure in unit.failures:
                fates[offsets[failure.row]] = (failure.error.reason.value, [])
        return fates


async def echo(stream: Stream[Record]) -> AsyncIterator[bytes]:
    async for record in stream:
        yield record.bytes


async def test_each_record_is_answered_in_order() -> None:
    fates = await Engine().run(echo, b"a", b"b", b"c")
    assert fates == {0: ("answered", [b"a"]), 1: ("answered", [b"b"]), 2: ("answered", [b"c"])}


async def test_a_record_without_a_yield_is_quiet_and_a_tombstone_too() -> None:
    async def odd(stream: Stream[Record]) -> AsyncIterator[bytes]:
        async for record in stream:
            if record.offset % 2:
                yield record.bytes

    fates = await Engine().run(odd, b"a", b"b", None, None)
    assert [fates[offset][0] for offset in range(4)] == ["quiet", "answered", "quiet", "quiet"]


async def test_an_exception_costs_its_record_and_the_buffered_yields() -> None:
    calls = 0

    async def touchy(stream: Stream[Record]) -> AsyncIterator[bytes]:
        nonlocal calls
        calls += 1
        async for record in stream:
            yield record.bytes
            if record.value == b"bad":
                raise ValueError("no")
            yield record.bytes

    fates = await Engine().run(touchy, b"a", b"bad", b"c")
    assert fates[0] == ("answered", [b"a", b"a"])
    assert fates[1] == ("agent_error", [])
    assert fates[2] == ("answered", [b"c", b"c"])
    assert calls == 2


async def test_one_exception_in_four_hundred() -> None:
    async def touchy(stream: Stream[Record]) -> AsyncIterator[bytes]:
        async for record in stream:
            if record.offset == 217:
                raise KeyError("x")
            yield record.bytes

    fates = await Engine().run(touchy, *[b"v"] * 400)
    assert sum(fate == "answered" for fate, _ in fates.values()) == 399
    assert fates[217][0] == Reason.AGENT_ERROR


async def test_an_output_that_is_no_json_costs_its_record() -> None:
    async def odd(stream: Stream[Record]) -> AsyncIterator[Any]:
        async for record in stream:
            yield {"v": object()} if record.offset == 1 else record.bytes

    fates = await Engine().run(odd, b"a", b"b", b"c")
    assert [fates[offset][0] for offset in range(3)] == ["answered", "agent_error", "answered"]


async def test_a_failing_batch_is_handed_out_in_halves() -> None:
    seen: list[list[int]] = []

    async def batches(stream: Stream[Record]) -> AsyncIterator[list[bytes | None]]:
        async for batch in stream.batches(max_rows=8):
            seen.append(list(batch.offsets))
            if 5 in batch.offsets:
                raise ValueError("five")
            yield list(batch.values)

    fates = await Engine().run(batches, *[b"v"] * 16)
    assert [offset for offset, fate in fates.items() if fate[0] != "answered"] == [5]
    assert seen[0] == list(range(8))
    assert seen[1] == [0, 1, 2, 3]
    assert list(range(8, 16)) in seen


async def test_what_gathered_is_handed_out_together_and_what_was_read_is_left_alone() -> None:
    engine, batches = Engine(), []
    engine.put([b"a", b"b"])
    engine.put([b"c"])

    async def body(stream: Stream[Record]) -> AsyncIterator[list[bytes]]:
        async for chunk in stream.batches():
            batches.append(list(chunk.values))
            if len(batches) == 1:
                engine.put([b"d"])
            yield list(map(bytes.upper, filter(None, chunk.values)))

    fates = await engine.run(body)
    assert batches == [[b"a", b"b", b"c"], [b"d"]]
    assert [fate[1] for fate in fates.values()] == [[b"A"], [b"B"], [b"C"], [b"D"]]


async def test_a_batch_must_be_answered_in_line() -> None:
    async def short(stream: Stream[Record]) -> AsyncIterator[list[bytes]]:
        async for batch in stream.batches():
            yield [b"one"] if len(batch) > 1 else [b"alone"]

    fates = await Engine().run(short, b"a", b"b")
    assert all(fate == ("answered", [b"alone"]) for fate in fates.values())


class Point(msgspec.Struct):
    x: int


@dataclass
class Place:
    x: int


@pytest.mark.parametrize("in_batches", [False, True])
async def test_an_output_is_an_object_or_encoded_already_and_nothing_else(
    *, in_batches: bool
) -> None:
    outputs = [Point(1), Place(1), {"x": 1}, [1], b"1", 42, "text", 0.5, True, memoryview(b"1")]

    async def one_by_one(stream: Stream[Record]) -> AsyncIterator[Any]:
        async for record in stream:
            yield outputs[record.offset]

    async def batches(stream: Stream[Record]) -> AsyncIterator[list[Any]]:
        async for batch in stream.batches():
            yield [outputs[offset] for offset in batch.offsets]

    engine = Engine()
    fates = await engine.run(batches if in_batches else one_by_one, *[b"v"] * len(outputs))
    encoded = [b'{"x":1}', b'{"x":1}', b'{"x":1}', b"[1]", b"1"]
    assert [fates[offset] for offset in range(5)] == [("answered", [each]) for each in encoded]
    assert {fates[offset][0] for offset in range(5, 10)} == {Reason.AGENT_ERROR}
    details = [failure.error.detail for unit in engine.units for failure in unit.failures]
    assert details[0] == (
        "TypeError: the body yielded a value of type int; yield a msgspec.Struct, a dict, a list, "
        "a dataclass or bytes"
    )


@pytest.mark.parametrize("when", ["at once", "after the first"])
async def test_returning_early_stops_the_worker(when: str) -> None:
    async def short(stream: Stream[Record]) -> AsyncIterator[bytes]:
        async for record in stream:
            yield record.bytes
            if when == "after the first":
                break

    async def empty(stream: Stream[Record]) -> AsyncIterator[bytes]:
        return
        yield b""

    with pytest.raises(
        WrongAgentError, match=r"returned.* \(tests/runtime/test_body\.py:\d+\)"
    ) as end:
        await Engine().run(short if when == "after the first" else empty, b"a", b"b")
    assert end.value.exit_code == 78


async def test_raising_before_the_first_record_stops_the_worker() -> None:
    async def broken(stream: Stream[Record]) -> AsyncIterator[bytes]:
        raise RuntimeError("no settings")
        yield b""

    with pytest.raises(AgentError, match=r"no settings \(tests/runtime/test_body\.py:\d+\)") as end:
        await Engine().run(broken, b"a")
    assert end.value.exit_code == 1, "another start may find what it misses"


async def plain_loop(stream: Stream[Record]) -> AsyncIterator[bytes]:
    for record in stream:  # type: ignore[attr-defined]
        yield record


def plain_function(stream: Stream[Record]) -> Any:
    yield from stream  # type: ignore[misc]


async def misspelt(stream: Stream[Record]) -> AsyncIterator[bytes]:
    stream.next_recrod()  # type: ignore[attr-defined]
    yield b""


async def without_library(stream: Stream[Record]) -> AsyncIterator[bytes]:
    import no_such_library  # type: ignore[import-not-found]

    yield no_such_library.answer(stream)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (plain_loop, "TypeError: 'Stream' object is not iterable"),
        (plain_function, "TypeError: it gives a generator; write it with `async def`"),
        (misspelt, "AttributeError: 'Stream' object has no attribute 'next_recrod'"),
        (without_library, "ModuleNotFoundError: No module named 'no_such_library'"),
    ],
)
async def test_a_mistake_before_the_first_record_is_one_that_no_restart_mends(
    body: Body, says: str
) -> None:
    with pytest.raises(WrongAgentError) as end:
        await Engine().run(body, b"a")
    assert end.value.exit_code == 78
    assert f"agent agent raised before it took a record: {says}" in str(end.value)
    assert "(tests/runtime/test_body.py:" in str(end.value)


async def test_a_mistake_after_the_first_record_may_be_gone_after_a_restart() -> None:
    calls = 0

    async def forgetful(stream: Stream[Record]) -> AsyncIterator[bytes]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise TypeError("what it met is None now")
        async for _ in stream:
            raise ValueError("no")
        yield b""

    with pytest.raises(AgentError, match="raised before it took a record") as end:
        await Engine().run(forgetful, b"a", b"b")
    assert end.value.exit_code == 1


async def test_a_coroutine_that_yields_nothing_is_quiet() -> None:
    seen = []

    async def watch(stream: Stream[Record]) -> None:
        async for record in stream:
            seen.append(record.bytes)  # noqa: PERF401 - a stream does not end

    fates = await Engine().run(watch, b"a", b"b")
    assert seen == [b"a", b"b"]
    assert {fate for fate, _ in fates.values()} == {"quiet"}


async def test_a_closed_stream_hands_out_nothing_and_passes_on_what_is_done() -> None:
    engine = Engine()
    handed: list[int] = []

    async def closing(stream: Stream[Record]) -> AsyncIterator[bytes]:
        async for record in stream:
            handed.append(record.offset)
            yield record.bytes
            if record.offset == 1:
                stream.close_for("test")

    engine.put([b"v"] * 4)
    task = asyncio.create_task(run_body("agent", closing, engine.stream))
    await engine.stream.wait_idle()
    assert handed == [0, 1]
    assert set(engine.fates()) == {0, 1}
    engine.stream.open_for("test")
    await engine.wait_resolved()
    assert handed == [0, 1, 2, 3]
    task.cancel()


class SlowScoring:
    """Answers rows when told to; counts what is submitted."""

    def __init__(self, answer: Callable[[Record], Any]) -> None:
        self.answer = answer
        self.submitted: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def prepare(self, model: Model[Any]) -> ModelSpec:
        return ModelSpec(model.location, "1", "", "")

    async def submit(
        self,
        model: Model[Any],
        chunk: Chunk,
        kind: type[Record],
        lag: int,
        hear: Hear | None = None,
    ) -> Outcomes:
        self.submitted += list(chunk.offsets)
        return Rows(self, [self.answer(record) for record in chunk.records(kind)])


class Rows:
    def __init__(self, scoring: SlowScoring, answers: list[Any]) -> None:
        self.scoring = scoring
        self.answers = answers
        self.outcomes: list[Any] = [None] * len(answers)
        self.states: list[int] = []

    async def wait(self, row: int) -> int:
        await self.scoring.gate.wait()
        self.outcomes[:] = self.answers
        return len(self.outcomes)

    def cancel(self) -> None:
        self.answers = []


class Named(Model[Any]):
    @property
    def location(self) -> str:
        return "m"


def refuse_bad(record: Record) -> Any:
    if record.value == b"bad":
        return RecordError(Reason.UNDECODABLE, "no")
    return record.bytes.upper()


async def test_scored_records_come_with_their_answers_and_failures_are_not_handed_out() -> None:
    engine, scoring = Engine(), SlowScoring(refuse_bad)

    async def body(stream: Stream[Record]) -> AsyncIterator[bytes]:
        async for record, answer in ScoredStream[Record, bytes](scoring, [Named()], stream):
            assert record.value != b"bad"
            yield answer

    fates = await engine.run(body, b"a", b"bad", None, b"c", None)
    assert fates[0] == ("answered", [b"A"])
    assert fates[1][0] == Reason.UNDECODABLE
    assert [fates[offset][0] for offset in (2, 3, 4)] == ["quiet", "answered", "quiet"]
    assert engine.units[0].failures[0].model == "m@1"


async def test_a_scored_record_was_checked_before_the_body_looks_at_it() -> None:
    engine, scoring = Engine(Even), SlowScoring(lambda record: record.value)

    async def body(stream: Stream[Even]) -> AsyncIterator[bytes]:
        async for record, _answer in ScoredStream[Even, bytes](scoring, [Named()], stream):
            yield b"%d" % record.half

    fates = await engine.run(body, b"8", b"9")
    assert fates == {0: ("answered", [b"4"]), 1: (Reason.BAD_ENVELOPE, [])}


async def test_a_record_that_no_answer_is_due_for_is_quiet_and_not_handed_out() -> None:
    engine = Engine()
    scoring = SlowScoring(lambda r: NOTHING_DUE if r.value == b"label" else r.bytes)

    async def one_by_one(stream: Stream[Record]) -> AsyncIterator[bytes]:
        async for _record, answer in ScoredStream[Record, bytes](scoring, [Named()], stream):
            yield answer

    fates = await engine.run(one_by_one, b"label", b"a", b"label", b"b", b"label")
    assert [fate[0] for fate in fates.values()] == ["quiet", "answered"] * 2 + ["quiet"]

    async def batches(stream: Stream[Record]) -> AsyncIterator[list[bytes]]:
        async for chunk, answers in ScoredStream[Record, bytes](
            scoring, [Named()], stream
        ).batches():
            assert b"label" not in chunk.values
            yield answers

    fates = await Engine().run(batches, b"label", b"a", b"label", b"b", b"label")
    assert [fate[0] for fate in fates.values()] == ["quiet", "answered"] * 2 + ["quiet"]


async def test_what_is_scored_is_not_scored_again_after_an_exception() -> None:
    engine, scoring = Engine(), SlowScoring(refuse_bad)

    async def body(stream: Stream[Record]) -> AsyncIterator[bytes]:
        async for record, answer in ScoredStream[Record, bytes](scoring, [Named()], stream):
            if record.offset in {2, 5}:
                raise ValueError("no")
            yield answer

    engine.put([b"v"] * 4)
    fates = await engine.run(body, *[b"v"] * 4)
    assert [o for o, fate in fates.items() if fate[0] == Reason.AGENT_ERROR] == [2, 5]
    assert sorted(scoring.submitted) == list(range(8))


def count_works() -> int:
    # Of the type itself: some libraries warn when asked for the class of what they hold.
    return sum(type(held) is Work for held in gc.get_objects())


async def test_what_is_resolved_is_freed_without_a_look_for_garbage() -> None:
    engine, scoring = Engine(), SlowScoring(refuse_bad)

    async def body(stream: Stream[Record]) -> AsyncIterator[list[bytes]]:
        scored = ScoredStream[Record, bytes](scoring, [Named()], stream)
        async for _batch, answers in scored.batches():
            yield answers

    gc.collect()
    gc.disable()
    try:
        before = count_works()
        for _ in range(4 * WORKS_AHEAD):
            engine.put([b"v"] * WORK_ROWS)
        await engine.run(body)
        assert len(engine.fates()) == 4 * WORKS_AHEAD * WORK_ROWS
        engine.units.clear()
        assert count_works() <= before + WORKS_AHEAD, "the stream may hold what was read ahead"
    finally:
        gc.enable()


async def test_scored_batches_leave_out_failures_and_split() -> None:
    engine, scoring = Engine(), SlowScoring(refuse_bad)

    async def body(stream: Stream[Record]) -> AsyncIterator[list[bytes]]:
        scored = ScoredStream[Record, bytes](scoring, [Named()], stream)
        async for batch, answers in scored.batches(max_rows=4):
            assert len(batch) == len(answers)
            if 6 in batch.offsets:
                raise ValueError("six")
            yield answers

    fates = await engine.run(body, b"a", b"bad", b"c", None, b"e", b"f", b"g", b"bad", b"i")
    kinds = [fates[offset][0] for offset in range(9)]
    assert kinds == [
        "answered",
        "undecodable",
        "answered",
        "quiet",
        "answered",
        "answered",
        "agent_error",
        "undecodable",
        "answered",
    ]


async def test_what_is_finished_is_passed_on_before_waiting_for_a_score() -> None:
    engine, scoring = Engine(), SlowScoring(refuse_bad)

    async def body(stream: Stream[Record]) -> AsyncIterator[bytes]:
        async for _, answer in ScoredStream[Record, bytes](scoring, [Named()], stream):
            yield answer

    engine.put([b"a"])
    task = asyncio.create_task(run_body("agent", body, engine.stream))
    await engine.wait_resolved()
    scoring.gate.clear()
    engine.put([b"b"])
    await engine.stream.wait_idle()
    assert set(engine.fates()) == {0}
    scoring.gate.set()
    await engine.wait_resolved()
    assert set(engine.fates()) == {0, 1}
    task.cancel()


_: Callable[[Stream[Record]], AsyncIterator[bytes] | Awaitable[None]] = echo
