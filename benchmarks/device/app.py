"""Ours: one agent that answers with what a model in a device process says."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aimass_stream import App, Prediction, Record, Stream, Topic
from aimass_stream.adapters.transformers import Transformers
from benchmarks.device.kinds import KINDS
from benchmarks.place import Place


@dataclass(frozen=True, init=False)
class CountedText(Transformers[Prediction]):
    """Text classification by the adapter that counts padding."""

    @property
    def adapter(self) -> str:  # type: ignore[override]  # as in the class it derives from
        """`module:Class` of its `Predictor`."""
        return "benchmarks.device.counted:CountedTextClassifier"


place = Place.from_env()
kind = KINDS[os.environ["BENCH_KIND"]]
app = App(place.group, origin="benchmarks.device.app")
source = Topic(place.source, kind.record)
answers = Topic(place.answers, Prediction)
declare: Any = CountedText if kind.name == "text" else Transformers
told = {"engine": os.environ["BENCH_ENGINE"]} if "BENCH_ENGINE" in os.environ else {}
model: Transformers[Prediction] = declare(kind.task, f"models://{kind.model}", **told)


@app.agent(source, to=answers)
async def score(stream: Stream[Record]) -> AsyncIterator[Prediction]:
    """Pass the model's answers on."""
    async for _record, prediction in app.score(model, stream):
        yield prediction
