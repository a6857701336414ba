"""The app under test with two agents on one topic, one far slower than the other."""

import asyncio
import os
from collections.abc import AsyncIterator

from aimass_stream import App, Record, Stream, Topic

NAME = os.environ.get("TEST_APP", "test-app")

app = App(NAME, origin="tests.delivery.shared_app")
source = Topic(f"{NAME}.source", Record)
answers: Topic[bytes] = Topic(f"{NAME}.answers", bytes)
slow_answers: Topic[bytes] = Topic(f"{NAME}.slow", bytes)


@app.agent(source, to=answers, name="copy")
async def copy(stream: Stream[Record]) -> AsyncIterator[bytes]:
    """Answer at once."""
    async for record in stream:
        yield record.bytes


@app.agent(source, to=slow_answers, name="dawdle")
async def dawdle(stream: Stream[Record]) -> AsyncIterator[bytes]:
    """Answer in a while."""
    async for record in stream:
        await asyncio.sleep(0.012)
        yield record.bytes
