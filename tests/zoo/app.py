"""The app of the zoo on topics: an agent for each model that `declared.json` names.

It imports no model library, as no worker does.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson

from aimass_stream import App, Model, Stream, Topic, records
from tests.zoo.declared import from_plain

NAME = os.environ.get("TEST_APP", "test-app")
HOME = os.environ.get("TEST_ZOO", "")

app = App(NAME, origin="tests.zoo.app")


def declare(name: str, kind: str, model: Model[Any]) -> None:
    """An agent that answers every record of a topic with what the model says."""
    source: Topic[Any] = Topic(f"{NAME}.{name}", getattr(records, kind))
    answers: Topic[Any] = Topic(f"{NAME}.{name}.answers", model.answer_type)

    @app.agent(source, to=answers, name=name)
    async def answer(stream: Stream[Any]) -> AsyncIterator[Any]:
        async for _, found in app.score(model, stream):
            yield found


for one in orjson.loads(Path(HOME, "declared.json").read_bytes()) if HOME else ():
    declare(one["name"], one["kind"], from_plain(one["model"]))
