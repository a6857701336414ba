"""A link without a process: answers in arrival order, one batch at a time, on a clock of its own.

A payload's text says what happens: most are answered by themselves, some harm their batch.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.records import Prediction, Record
from aimass_stream.runtime.batch import BatchFailed, Hear, Scored

encode = msgspec.msgpack.Encoder().encode

INFINITY_32 = b"\xca\x7f\x80\x00\x00"

WRONG_ANSWERS: dict[bytes, bytes] = {
    b"nan": encode(Prediction("nan", math.nan)),
    b"deep-nan": encode(Prediction("nan", 0.5, {"a": 0.25, "b": -math.nan})),
    b"infinity": encode(Prediction("infinity", -math.inf)),
    b"infinity-32": b"\x82" + b"".join(map(encode, ("label", "x", "score"))) + INFINITY_32,
    b"wrong-type": encode({"label": 5, "score": 0.5}),
    b"half": encode(Prediction("half", 0.5))[:-3],
    b"empty-answer": b"",
}


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Echo(Model[Prediction]):
    """Labels a record with its payload; its cost is what the payload's digits say, else 1."""

    adapter = "tests:Echo"

    @property
    def answer_type(self) -> type[Prediction]:
        return Prediction

    @property
    def location(self) -> str:
        return ""

    def cost(self, record: Record) -> float:
        text = record.bytes
        if text == b"costly":
            raise ValueError("no cost for this")
        return float(text.rpartition(b":")[2]) if b":" in text else 1.0


SPEC = ModelSpec("echo", "1", Echo.adapter, "")


@dataclass(eq=False)
class Call:
    """One batch in flight."""

    model_id: str
    payloads: list[bytes]
    future: asyncio.Future[Scored]


@dataclass(eq=False)
class InProcessLink:
    """Answers batches; remembers each that was sent.

    Attributes:
        clock: advanced by what predicting takes.
        ms_per_row: what a row adds to it.
        ms_per_row_of: the same for models that differ, by id.
        served: for each batch that was answered, its model and what it took.
        fixed_ms: what a batch takes besides.
        memory_rows: rows above which memory runs out.
        broken: what every batch is answered with while the model is broken.
        unloadable: the model cannot be loaded any more.
        is_open: batches are answered while it is set.
        loaded: no model is being loaded while it is set.
        batches: every batch that was sent.
        beside: for each batch, how many were in flight, itself included.
        deaths: how often a crash took all batches in flight.
    """

    clock: Clock
    ms_per_row: float = 1.0
    ms_per_row_of: dict[str, float] = field(default_factory=dict)
    served: list[tuple[str, float]] = field(default_factory=list)
    fixed_ms: float = 0.0
    memory_rows: int = 10**9
    batches: list[list[bytes]] = field(default_factory=list)
    beside: list[int] = field(default_factory=list)
    specs: list[ModelSpec] = field(default_factory=list)
    broken: BatchFailed | bytes | None = None
    unloadable: bool = False
    costs_alike: bool = False
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    deaths: int = 0
    calls: list[Call] = field(default_factory=list)
    pump: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.is_open.set()
        self.loaded.set()

    @property
    def sent(self) -> list[bytes]:
        """Every payload that was sent, as often as it was."""
        return [payload for batch in self.batches for payload in batch]

    async def load(self, spec: ModelSpec) -> bool:
        if spec.version == "refused" or self.unloadable:
            raise SetupError(f"{spec.id} cannot be loaded")
        self.specs.append(spec)
        return self.costs_alike

    @property
    def is_loaded(self) -> bool:
        return self.loaded.is_set()

    async def wait_loaded(self) -> None:
        await self.loaded.wait()

    async def predict(
        self, model_id: str, payloads: Sequence[bytes | memoryview], hear: Hear | None = None, /
    ) -> Scored:
        call = Call(model_id, [bytes(payload) for payload in payloads], asyncio.Future())
        self.calls.append(call)
        self.batches.append(call.payloads)
        self.beside.append(len(self.calls))
        if self.pump is None or self.pump.done():
            self.pump = asyncio.create_task(self._answer_calls())
        try:
            return await call.future
        finally:
            if call in self.calls:
                self.calls.remove(call)

    async def _answer_calls(self) -> None:
        while self.calls:
            await asyncio.sleep(0)
            await self.is_open.wait()
            call = self.calls.pop(0)
            if not call.future.done():
                self._answer(call)

    def _answer(self, call: Call) -> None:
        words = set(call.payloads)
        ms_per_row = self.ms_per_row_of.get(call.model_id, self.ms_per_row)
        predict_ms = self.fixed_ms + ms_per_row * len(call.payloads)
        self.served.append((call.model_id, predict_ms))
        self.clock.now += predict_ms / 1000
        if self.unloadable or self.broken is not None:
            self._refuse(call)
        elif b"crash" in words:
            self._die(call, Reason.MODEL_CRASH, suspects=2)
        elif b"hang" in words:
            self._die(call, Reason.MODEL_TIMEOUT, suspects=1)
        elif b"bug" in words:
            call.future.set_exception(ZeroDivisionError("a bug of the engine"))
        elif len(call.payloads) > self.memory_rows or b"huge" in words:
            failure = BatchFailed(Reason.MODEL_ERROR, "OutOfMemoryError", out_of_memory=True)
            call.future.set_exception(failure)
        elif b"bad" in words:
            call.future.set_exception(BatchFailed(Reason.MODEL_ERROR, "told to raise", "trace"))
        else:
            answers = [answer_of(payload) for payload in call.payloads]
            if b"one-more" in words:
                answers.append(b"")
            call.future.set_result(Scored(answers, 0.0, 0.0, predict_ms))

    def _refuse(self, call: Call) -> None:
        if self.unloadable:
            call.future.set_exception(SetupError("the model cannot be loaded again"))
        elif isinstance(self.broken, bytes):
            call.future.set_result(Scored([self.broken] * len(call.payloads), 0.0, 0.0, 1.0))
        elif self.broken is not None:
            call.future.set_exception(self.broken)

    def _die(self, culprit: Call, reason: Reason, suspects: int) -> None:
        """As a device link does: what ran and what was decoded is suspect, what waited is not.

        A process that hangs names what hung.
        """
        self.deaths += 1
        flying, self.calls = [culprit, *self.calls], []
        for at, call in enumerate(flying):
            if not call.future.done():
                failure = BatchFailed(reason, "the process died", suspect=at < suspects)
                call.future.set_exception(failure)


def answer_of(payload: bytes) -> bytes | RecordError:
    if payload == b"refused":
        return RecordError(Reason.UNDECODABLE, "told to refuse")
    return WRONG_ANSWERS.get(payload) or encode(Prediction(payload.decode(), 0.5))


def records(*payloads: bytes, kind: type[Record] = Record) -> list[Any]:
    return [kind("t", 0, at, 0, None, payload, ()) for at, payload in enumerate(payloads)]
