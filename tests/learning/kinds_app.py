"""The app under test: every kind of learner, each on a topic of its own."""

import os
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aimass_stream import App, Record, Stream, Topic
from aimass_stream.learner import Learner
from aimass_stream.runtime.body import Body
from tests.learning.kinds import KINDS

NAME = os.environ.get("TEST_APP", "test-kinds")

app = App(NAME, origin="tests.learning.kinds_app")


async def answer(learner: Learner[Any], stream: Stream[Record]) -> AsyncIterator[Any]:
    """Whatever the learner says."""
    async for _record, said in app.learn(learner, stream):
        yield said


for kind, case in KINDS.items():
    body: Body = partial(answer, case.learner)
    source = Topic(f"{NAME}.{kind}", Record)
    said: Topic[object] = Topic(f"{NAME}.{kind}.said", case.learner.answer_type)
    app.agent(source, to=said, name=kind)(body)
