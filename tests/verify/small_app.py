"""A small application to verify: a model that runs in the worker, and an agent after an agent."""

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Inline, Record, Stream, Text, Topic
from aimass_stream.records import Chunk

app = App(
    "small-app",
    origin="tests.verify.small_app",
    **({"broker": os.environ["TEST_BROKER"]} if "TEST_BROKER" in os.environ else {}),
)
words = Topic("words", Text)
lengths: Topic[bytes] = Topic("lengths", bytes)
doubles: Topic[bytes] = Topic("doubles", bytes)


def measure(chunk: Chunk) -> list[bytes]:
    """How many bytes each value has."""
    return [b"%d" % len(value or b"") for value in chunk.values]


length: Inline[bytes] = Inline("length", measure, answer=bytes)


@app.agent(words, to=lengths)
async def count(stream: Stream[Text]) -> AsyncIterator[bytes]:
    """Measure every text."""
    async for _text, measured in app.score(length, stream):
        yield measured


@app.agent(Topic(lengths.name, Record), to=doubles)
async def double(stream: Stream[Record]) -> AsyncIterator[bytes]:
    """Say every length twice."""
    async for record in stream:
        yield record.bytes * 2
