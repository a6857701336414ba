"""The app under test with two agents on one topic, one of which answers what it is allowed to."""

import asyncio
import os
from collections.abc import AsyncIterator

from aimass_stream import App, Record, Stream, Topic
from tests.delivery.allowance import Allowance

NAME = os.environ.get("TEST_APP", "test-app")
RECORD_S = 0.01

app = App(NAME, origin="tests.delivery.shared_app")
source = Topic(f"{NAME}.source", Record)
answers: Topic[bytes] = Topic(f"{NAME}.answers", bytes)
slow_answers: Topic[bytes] = Topic(f"{NAME}.slow", bytes)
allowance = Allowance()


@app.agent(source, to=answers, name="copy")
async def copy(stream: Stream[Record]) -> AsyncIterator[bytes]:
    """Answer at once."""
    async for record in stream:
        yield record.bytes


@app.agent(source, to=slow_answers, name="dawdle")
async def dawdle(stream: Stream[Record]) -> AsyncIterator[bytes]:
    """Answer in a while."""
    async for record in stream:
        await allowance.take(1)
        await asyncio.sleep(RECORD_S)
        yield record.bytes
