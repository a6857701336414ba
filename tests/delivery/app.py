"""The app under test: a copying agent that is slow enough to be caught in the act.

Its name, its pace and what it may answer come from the environment, since the test starts it as a
process.
"""

import asyncio
import os
from collections.abc import AsyncIterator

from aimass_stream import App, Inline, Record, Stream, Topic
from aimass_stream.records import Chunk
from tests.delivery.allowance import Allowance

NAME = os.environ.get("TEST_APP", "test-app")
BATCH_S = float(os.environ.get("TEST_BATCH_S", "0.02"))
"""What a batch takes: work that is under way when a fault strikes, and no wait for anything."""
SESSION_S = float(os.environ.get("TEST_SESSION_S", "10"))
HEARTBEAT_S = 0.5
"""A member learns by a heartbeat that another one joins, and that one waits for it."""

app = App(
    NAME,
    origin="tests.delivery.app",
    broker_session_timeout=SESSION_S,
    broker_heartbeat_interval=HEARTBEAT_S,
)
source = Topic(f"{NAME}.source", Record)
answers: Topic[bytes] = Topic(f"{NAME}.answers", bytes)
plain_counts = app.Table(f"{NAME}-counts", default=int, partitions=4, key_type=bytes)


def double(chunk: Chunk) -> list[bytes]:
    """Answer with the value twice."""
    if b"poison" in chunk.values:
        raise ValueError("poison")
    return [(value or b"") * 2 for value in chunk.values]


doubling: Inline[bytes] = Inline("doubling", double, answer=bytes)
allowance = Allowance()


@app.agent(source, to=answers, name="copy")
async def copy(stream: Stream[Record]) -> AsyncIterator[list[bytes]]:
    """Double every record, a batch at a time."""
    async for batch, doubled in app.score(doubling, stream).batches(max_rows=64):
        await allowance.take(len(batch))
        await asyncio.sleep(BATCH_S)
        if b"raise" in batch.values:
            raise RuntimeError("asked to")
        yield doubled


@app.agent(app.topic(f"{NAME}.plain", partitions=4, value_type=bytes, value_serializer="raw"))
async def count(stream):  # type: ignore[no-untyped-def]
    """A plain Faust agent with a table, in the same worker."""
    async for event in stream.events():
        plain_counts[event.key] += 1
