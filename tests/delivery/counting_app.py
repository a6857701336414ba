"""The app under test where nothing looks for garbage: answers say how many chunks it holds."""

import gc
import os
from collections.abc import AsyncIterator

from aimass_stream import App, Inline, Record, Stream, Topic
from aimass_stream.kafka import client
from aimass_stream.records import Chunk

# So small that a few thousand records are many chunks.
client.FETCH_RECORDS = 64

NAME = os.environ.get("TEST_APP", "test-app")

app = App(NAME, origin="tests.delivery.counting_app")
source = Topic(f"{NAME}.source", Record)
answers: Topic[bytes] = Topic(f"{NAME}.answers", bytes)


def count_chunks(chunk: Chunk) -> list[bytes]:
    """Answer with the number of chunks in this process."""
    gc.disable()
    held = sum(type(one) is Chunk for one in gc.get_objects())
    return [b"%d" % held] * len(chunk)


counting: Inline[bytes] = Inline("counting", count_chunks, answer=bytes)


@app.agent(source, to=answers, name="copy")
async def copy(stream: Stream[Record]) -> AsyncIterator[list[bytes]]:
    """Pass the numbers on."""
    async for _batch, counts in app.score(counting, stream).batches():
        yield counts
