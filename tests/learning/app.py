"""The app under test: a learner for each partition, and one that all partitions share."""

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Record, Stream, Topic
from tests.learning.learners import Fold, Folded

NAME = os.environ.get("TEST_APP", "test-learning")

app = App(NAME, origin="tests.learning.app")
source = Topic(f"{NAME}.source", Record)
labels = Topic(f"{NAME}.labels", Record)
own = Topic(f"{NAME}.own", Folded)
together = Topic(f"{NAME}.together", Folded)

fold = Fold("fold", block_rows=16, snapshot_rows=200)
shared = Fold("shared", block_rows=8, snapshot_rows=300)


@app.agent(source, to=own, name="own")
async def learn_own(stream: Stream[Record]) -> AsyncIterator[Folded]:
    """Every partition for itself."""
    async for _record, folded in app.learn(fold, stream):
        yield folded


app.feed(shared, source)
app.feed(shared, labels)


@app.agent(app.log_of(shared), to=together, name="together")
async def learn_together(stream: Stream[Record]) -> AsyncIterator[Folded]:
    """All partitions and the labels in one order."""
    async for _record, folded in app.learn(shared, stream):
        yield folded
