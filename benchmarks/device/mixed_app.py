"""Ours: three agents, whose models share one device process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from aimass_stream import App, Prediction, Record, Stream, Topic, Transformers
from benchmarks.device.kinds import KINDS, Kind
from benchmarks.place import Place

place = Place.from_env()
app = App(place.group, origin="benchmarks.device.mixed_app")


def agent_of(kind: Kind) -> Callable[[Stream[Record]], AsyncIterator[Prediction]]:
    """An agent that answers with what the kind's model says."""
    declare: Any = Transformers
    model: Transformers[Prediction] = declare(kind.task, f"models://{kind.model}")

    async def score(stream: Stream[Record]) -> AsyncIterator[Prediction]:
        async for _record, prediction in app.score(model, stream):
            yield prediction

    score.__name__ = f"score_{kind.name}"
    return score


for one in KINDS.values():
    source = Topic(f"{place.source}.{one.name}", one.record)
    answers = Topic(f"{place.answers}.{one.name}", Prediction)
    app.agent(source, to=answers)(agent_of(one))
