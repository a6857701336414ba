"""Answers and feedback in: how good each version of a model is by now, and whether it drifts."""

from collections.abc import AsyncIterator

from agents.app import app
from aimass_stream import Quality, Record, Stream, Topic
from models.intent_quality import intent_quality
from topics.feedback import feedback, learned_intents, quality
from topics.text import understandings

app.feed(intent_quality, Topic(learned_intents.name, Record))
app.feed(intent_quality, Topic(understandings.name, Record))
app.feed(intent_quality, feedback)


@app.agent(app.log_of(intent_quality), to=quality)
async def appraise(stream: Stream[Record]) -> AsyncIterator[Quality]:
    """Tell what a label changed, or which drift a record showed; all else is quiet."""
    async for _event, found in app.learn(intent_quality, stream):
        yield found
