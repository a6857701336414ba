"""An application with models in processes of their own, which are there at once."""

from collections.abc import AsyncIterator

from aimass_stream import App, Behaviour, Image, Prediction, Stream, Surprise, Text, Topic
from tests.verify.struck.quick_models import Longest, Sizes

app = App("struck-app", origin="struck_app")
images = Topic("images", Image)
texts = Topic("texts", Text)
events = Topic("events", Behaviour)
image_labels = Topic("image-labels", Prediction)
text_labels = Topic("text-labels", Prediction)
surprises = Topic("surprises", Surprise)
image_sizes, text_sizes = Sizes(name="image-sizes"), Sizes(name="text-sizes")
longest = Longest("longest", block_rows=4)


@app.agent(images, to=image_labels)
async def look(stream: Stream[Image]) -> AsyncIterator[Prediction]:
    """Label every image."""
    async for _image, prediction in app.score(image_sizes, stream):
        yield prediction


@app.agent(texts, to=text_labels)
async def read(stream: Stream[Text]) -> AsyncIterator[Prediction]:
    """Label every text."""
    async for _text, prediction in app.score(text_sizes, stream):
        yield prediction


@app.agent(events, to=surprises)
async def wonder(stream: Stream[Behaviour]) -> AsyncIterator[Surprise]:
    """Say how surprising every event is."""
    async for _event, surprise in app.learn(longest, stream):
        yield surprise
