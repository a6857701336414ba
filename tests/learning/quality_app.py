"""The app under test: a model that guesses, a watch on it, and alerts where it drifts."""

import os
from collections.abc import AsyncIterator, Sequence

import msgspec

from aimass_stream import (
    Alert,
    App,
    Chunk,
    FeedbackRecord,
    Inline,
    Prediction,
    Record,
    Stream,
    Topic,
)
from tests.learning.learners import quality

NAME = os.environ.get("TEST_APP", "test-quality")

app = App(NAME, origin="tests.learning.quality_app")
source = Topic(f"{NAME}.source", Record)
guesses = Topic(f"{NAME}.guesses", Prediction)
feedback = Topic(f"{NAME}.feedback", FeedbackRecord)
alerts = Topic(f"{NAME}.alerts", Alert)


def predict(chunk: Chunk) -> Sequence[Prediction]:
    """Say what each record says to say."""
    return [msgspec.json.decode(value or b"", type=Prediction) for value in chunk.values]


guess = Inline("guess", predict, answer=Prediction)


@app.agent(source, to=guesses, name="guess")
async def say(stream: Stream[Record]) -> AsyncIterator[Prediction]:
    """Answer every record."""
    async for _record, prediction in app.score(guess, stream):
        yield prediction


app.feed(quality, Topic(guesses.name, Record))
app.feed(quality, feedback)


@app.agent(app.log_of(quality), to=alerts, name="watch")
async def watch(stream: Stream[Record]) -> AsyncIterator[Alert]:
    """A drift is an alert."""
    async for event, found in app.learn(quality, stream):
        if found.drift is not None:
            yield Alert.of(event, found.drift, detector=quality.id)
