"""When one batch is decoded beside another that is predicted, and when it waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import Any

import pytest

from aimass_stream.records import Prediction
from aimass_stream.runtime.job import Job
from aimass_stream.runtime.messages import Predicted
from aimass_stream.runtime.pipeline import Pipeline
from aimass_stream.runtime.predictors import LoadedModel
from aimass_stream.runtime.watchdog import Watchdog
from tests.runtime.helpers import spec

BATCHES = 20


class Noting:
    """In each call waits for one of the other kind, and notes whether one came.

    Args:
        patience_s: how long it waits.
    """

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.met = threading.Barrier(2)
        self.beside: list[str] = []

    def decode(self, payload: bytes | memoryview) -> bytes:
        self._call("decode", has_other=bytes(payload) != b"0")
        return bytes(payload)

    def predict(self, inputs: Sequence[bytes]) -> list[Prediction]:
        self._call("predict", has_other=inputs[0] != b"%d" % (BATCHES - 1))
        return [Prediction(one.decode(), 1.0, {}) for one in inputs]

    def close(self) -> None:
        """Hold nothing."""

    def _call(self, name: str, *, has_other: bool) -> None:
        if not has_other:
            return
        with suppress(threading.BrokenBarrierError):
            self.met.wait(self.patience_s)
            self.beside.append(name)
        if self.met.broken:
            self.met.reset()


async def answer_all(predictor: Noting, *, alternate: bool) -> list[Any]:
    """Have a pipeline answer batches of one row that were all there before."""
    loop = asyncio.get_running_loop()
    failures: list[Any] = []
    watchdog = Watchdog[Sequence[Job]](lambda jobs, stack: failures.append(stack))
    watchdog.start()
    pipeline = Pipeline(watchdog, 1, lambda job, error: None, alternate=alternate)
    model = LoadedModel(spec("noting"), predictor, nullcontext, 0.0, 30.0)
    answers: list[Any] = []
    done = loop.create_future()

    def reply(answer: Any, blobs: Sequence[bytes]) -> None:
        if isinstance(answer, Predicted):
            answers.append(answer.call)
            if len(answers) == BATCHES:
                done.set_result(None)

    for number in range(BATCHES):
        pipeline.submit(Job(number, model, [b"%d" % number], reply))
    pipeline.start()
    await asyncio.wait_for(done, 60)
    await pipeline.drain()
    assert not failures
    return answers


@pytest.mark.asyncio
async def test_two_threads_of_one_core_take_turns() -> None:
    predictor = Noting(patience_s=0.01)
    assert await answer_all(predictor, alternate=True) == list(range(BATCHES))
    assert not predictor.beside


@pytest.mark.asyncio
async def test_elsewhere_one_batch_is_decoded_while_another_is_predicted() -> None:
    predictor = Noting(patience_s=30)
    assert await answer_all(predictor, alternate=False) == list(range(BATCHES))
    assert sorted(predictor.beside) == ["decode"] * (BATCHES - 1) + ["predict"] * (BATCHES - 1)
