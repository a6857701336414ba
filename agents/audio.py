"""Audio in, predictions out."""

from collections.abc import AsyncIterator

from agents.app import app
from aimass_stream import Audio, Prediction, Stream
from models.audio_classifier import audio_classifier
from topics.audio import audio, sounds


@app.agent(audio, to=sounds)
async def listen(stream: Stream[Audio]) -> AsyncIterator[Prediction]:
    """Label every recording."""
    async for _recording, prediction in app.score(audio_classifier, stream):
        yield prediction
