"""The app under test in its record form: the same agent, handed one record at a time."""

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Inline, Record, Stream, Topic
from aimass_stream.records import Chunk

NAME = os.environ.get("TEST_APP", "test-app")

app = App(NAME, origin="tests.delivery.record_app")
source = Topic(f"{NAME}.source", Record)
answers: Topic[bytes] = Topic(f"{NAME}.answers", bytes)


def double(chunk: Chunk) -> list[bytes]:
    """Answer with the value twice."""
    return [(value or b"") * 2 for value in chunk.values]


doubling: Inline[bytes] = Inline("doubling", double, answer=bytes)


@app.agent(source, to=answers, name="copy")
async def copy(stream: Stream[Record]) -> AsyncIterator[bytes]:
    """Double every record; what was yielded before an exception is taken back."""
    async for record, doubled in app.score(doubling, stream):
        if record.bytes == b"raise":
            yield b"an answer that must not be sent"
            raise RuntimeError("asked to")
        yield doubled
