"""The app under test: a bandit that pages ask, and rewards teach."""

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Choice, Record, Stream, Topic
from tests.learning.learners import slots

NAME = os.environ.get("TEST_APP", "test-bandit")

app = App(NAME, origin="tests.learning.bandit_app")

app.feed(slots, Topic(f"{NAME}.pages", Record))
app.feed(slots, Topic(f"{NAME}.rewards", Record))


@app.agent(app.log_of(slots), to=Topic(f"{NAME}.slots", Choice), name="choose")
async def choose(stream: Stream[Record]) -> AsyncIterator[Choice]:
    """An arm for each page."""
    async for _page, choice in app.learn(slots, stream):
        yield choice
