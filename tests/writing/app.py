"""The app under test: conversations, and a model that writes the replies.

It imports no model library, as no worker does.
"""

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Generated, GeneratedPart, Prompt, Record, Stream, Topic, Transformers
from aimass_stream.learners.conversations import Conversations
from aimass_stream.records import PromptText

NAME = os.environ.get("TEST_APP", "test-app")
TOKENS = 400

app = App(NAME, origin="tests.writing.app")
messages = Topic(f"{NAME}.messages", Record)
prompts = Topic(f"{NAME}.prompts", Prompt)
replies = Topic(f"{NAME}.replies", Generated)
parts = Topic(f"{NAME}.parts", GeneratedPart)

chats = Conversations(
    "chats", replies=replies.name, message="q {text} ", reply="a {text} ", turn_chars=40
)
writer = Transformers(
    "text-generation",
    os.environ.get("TEST_MODEL", "unset"),
    max_new_tokens=TOKENS,
    # A machine that runs many tests takes long over a step.
    timeout_s=300.0,
)

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
