"""Images in, predictions out."""

from collections.abc import AsyncIterator

from agents.app import app
from aimass_stream import Image, Prediction, Stream
from models.image_classifier import image_classifier
from topics.images import images, labels


@app.agent(images, to=labels)
async def classify(stream: Stream[Image]) -> AsyncIterator[Prediction]:
    """Label every image."""
    async for _image, prediction in app.score(image_classifier, stream):
        yield prediction
