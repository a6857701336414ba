"""The app under test whose model or body fails, or never comes back, as a file says."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aimass_stream import App, Prediction, Record, Stream, Topic
from tests.delivery.fragile import Fragile

NAME = os.environ.get("TEST_APP", "test-app")
MOOD = Path(os.environ.get("TEST_MOOD_FILE", "mood"))

# A member learns by a heartbeat that another one joins, and that one waits for it.
app = App(NAME, origin="tests.delivery.fragile_app", broker_heartbeat_interval=0.5)
source = Topic(f"{NAME}.source", Record)
answers = Topic(f"{NAME}.answers", Prediction)
fragile = Fragile(file=str(MOOD), timeout_s=3.0)


def read_mood() -> str:
    """What the file says now."""
    return MOOD.read_text()


@app.agent(source, to=answers, name="copy")
async def copy(stream: Stream[Record]) -> AsyncIterator[Prediction]:
    """Pass answers on, in the mood of the file."""
    async for _, prediction in app.score(fragile, stream):
        mood = read_mood()
        if mood == "agent raises":
            raise RuntimeError("the agent is from yesterday")
        if mood == "agent waits":
            await asyncio.Event().wait()
        if mood == "agent blocks":
            time.sleep(1000)  # noqa: ASYNC251 - what it must not do
        yield prediction
