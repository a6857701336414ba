"""Ours: one agent that answers with what the slow model says."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Prediction, Record, Stream, Topic
from benchmarks.backlog.slow import Slow
from benchmarks.place import Place

place = Place.from_env()
app = App(place.group, origin="benchmarks.backlog.app")
source = Topic(place.source, Record)
answers = Topic(place.answers, Prediction)
slow = Slow(
    call_ms=float(os.environ["BENCH_CALL_MS"]),
    slow_call_ms=float(os.environ["BENCH_SLOW_CALL_MS"]),
    slow_after_s=float(os.environ["BENCH_SLOW_AFTER_S"]),
)


@app.agent(source, to=answers)
async def score(stream: Stream[Record]) -> AsyncIterator[Prediction]:
    """Pass the model's answers on."""
    async for _record, prediction in app.score(slow, stream):
        yield prediction
