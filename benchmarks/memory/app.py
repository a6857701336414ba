"""Ours, with a model in a device process."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aimass_stream import App, Prediction, Record, Stream, Topic
from benchmarks.memory.model import Linear
from benchmarks.place import Place

place = Place.from_env()
app = App(place.group, origin="benchmarks.memory.app")
readings = Topic(place.source, Record)
labels = Topic(place.answers, Prediction)
linear = Linear()


@app.agent(readings, to=labels)
async def score(stream: Stream[Record]) -> AsyncIterator[Prediction]:
    """Pass the model's answers on."""
    async for _record, prediction in app.score(linear, stream):
        yield prediction
