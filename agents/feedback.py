"""Feedback in: a head learns from it, and answers every message with what it knows by then."""

from collections.abc import AsyncIterator

from agents.app import app
from aimass_stream import Prediction, Record, Stream
from models.intent_head import intent_head
from models.sentence_encoder import sentence_encoder
from topics.feedback import feedback, learned_intents
from topics.text import text

app.feed(intent_head, text, through=sentence_encoder)
app.feed(intent_head, feedback)


@app.agent(app.log_of(intent_head), to=learned_intents)
async def recall(stream: Stream[Record]) -> AsyncIterator[Prediction]:
    """Label a message by its vector; labels that arrive are learnt and quiet."""
    async for _event, prediction in app.learn(intent_head, stream):
        yield prediction
