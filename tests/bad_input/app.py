"""The app that is sent the catalogue: an agent for each kind of record, cheap models behind it."""

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Audio, Behaviour, Image, Record, Stream, Text, Topic
from tests.bad_input.adapters import Measured, MeasuringAudio, MeasuringImages, MeasuringTexts

NAME = os.environ.get("TEST_APP", "test-app")

app = App(NAME, origin="tests.bad_input.app")
images = Topic(f"{NAME}.images", Image)
audio = Topic(f"{NAME}.audio", Audio)
texts = Topic(f"{NAME}.texts", Text)
behaviour = Topic(f"{NAME}.behaviour", Behaviour)
plain = Topic(f"{NAME}.plain", Record)
image_sizes: Topic[Measured] = Topic(f"{NAME}.images.answers", Measured)
audio_sizes: Topic[Measured] = Topic(f"{NAME}.audio.answers", Measured)
text_sizes: Topic[Measured] = Topic(f"{NAME}.texts.answers", Measured)
event_sizes: Topic[Measured] = Topic(f"{NAME}.behaviour.answers", Measured)
plain_sizes: Topic[Measured] = Topic(f"{NAME}.plain.answers", Measured)

image_model = MeasuringImages(name="image-sizes")
audio_model = MeasuringAudio(name="audio-sizes")
text_model = MeasuringTexts(name="text-sizes")


@app.agent(images, to=image_sizes, name="images")
async def see(stream: Stream[Image]) -> AsyncIterator[Measured]:
    """Answer every image."""
    async for _, measured in app.score(image_model, stream):
        yield measured


@app.agent(audio, to=audio_sizes, name="audio")
async def hear(stream: Stream[Audio]) -> AsyncIterator[Measured]:
    """Answer every recording."""
    async for _, measured in app.score(audio_model, stream):
        yield measured


@app.agent(texts, to=text_sizes, name="texts")
async def read(stream: Stream[Text]) -> AsyncIterator[Measured]:
    """Answer every text."""
    async for _, measured in app.score(text_model, stream):
        yield measured


@app.agent(behaviour, to=event_sizes, name="behaviour")
async def follow(stream: Stream[Behaviour]) -> AsyncIterator[Measured]:
    """Answer every event."""
    async for event in stream:
        yield Measured(len(event.user))


@app.agent(plain, to=plain_sizes, name="plain")
async def count(stream: Stream[Record]) -> AsyncIterator[Measured]:
    """Answer whatever has a value."""
    async for record in stream:
        yield Measured(len(record.bytes))
