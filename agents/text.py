"""Messages in, what they want and speak of out."""

from collections.abc import AsyncIterator

from agents.app import app
from aimass_stream import Stream, Text, Understanding
from models.entity_finder import entity_finder
from models.intent_classifier import intent_classifier
from topics.text import text, understandings


@app.agent(text, to=understandings)
async def understand(stream: Stream[Text]) -> AsyncIterator[Understanding]:
    """Tell what every message wants, and what it speaks of."""
    async for _text, intent, entities in app.score(intent_classifier, entity_finder, stream):
        yield Understanding.of(intent, entities)
