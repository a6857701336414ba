"""The app under test: conversations, and a model that writes the replies."""

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Generated, GeneratedPart, Prompt, Record, Stream, Topic
from aimass_stream.learners.conversations import Conversations
from aimass_stream.records import PromptText
from tests.writing.scribe import Scribe

NAME = os.environ.get("TEST_APP", "test-app")

app = App(NAME, origin="tests.writing.app")
messages = Topic(f"{NAME}.messages", Record)
prompts = Topic(f"{NAME}.prompts", Prompt)
replies = Topic(f"{NAME}.replies", Generated)
parts = Topic(f"{NAME}.parts", GeneratedPart)

chats = Conversations(
    "chats", replies=replies.name, message="q {text} ", reply="a {text} ", turn_chars=40
)
writer = Scribe()

app.feed(chats, messages)
app.feed(chats, Topic(replies.name, Record))


@app.agent(app.log_of(chats), to=Topic(prompts.name, PromptText), name="remember")
async def remember(stream: Stream[Record]) -> AsyncIterator[PromptText]:
    """A prompt of each message, and of what was said before."""
    async for _said, prompt in app.learn(chats, stream):
        yield prompt


@app.agent(prompts, to=replies, parts=parts, name="write")
async def write(stream: Stream[Prompt]) -> AsyncIterator[Generated]:
    """A reply to each prompt, told in parts while it is written."""
    async for _prompt, reply in app.score(writer, stream):
        yield reply
