"""Ours, with every guarantee on: the batch form with the model inline."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Chunk, Inline, Record, Stream, Topic
from benchmarks.engine.workload import BATCH_ROWS, answer_batch
from benchmarks.place import Place

MAX_ROWS = int(os.environ.get("BENCH_ROWS", BATCH_ROWS))

place = Place.from_env()
app = App(place.group, origin="benchmarks.engine.aimass_app")
events = Topic(place.source, Record)
answers: Topic[bytes] = Topic(place.answers, bytes)


def predict(chunk: Chunk) -> list[bytes]:
    """Answer a chunk."""
    return answer_batch(chunk.values)


linear: Inline[bytes] = Inline("linear", predict, answer=bytes)


@app.agent(events, to=answers)
async def score(stream: Stream[Record]) -> AsyncIterator[list[bytes]]:
    """Pass the model's answers on."""
    async for _batch, labels in app.score(linear, stream).batches(max_rows=MAX_ROWS):
        yield labels
