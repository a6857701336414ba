"""The app of a voice turn: a graph that hears, a dialogue that remembers, a voice that speaks.

Beside them a listener writes down the same recordings as pieces of one speech.
"""

import os
from collections.abc import AsyncIterator

from aimass_stream import App, Audio, Record, Stream, Text, Topic
from aimass_stream.records import Reply, Speech, Transcript
from tests.voice import declared

NAME = os.environ.get("TEST_APP", "test-voice")
HOME = os.environ.get("TEST_VOICE", ".")

hearing = declared.hearing(HOME)
talk = declared.talk()
voice = declared.voice(HOME)
calls = declared.calls(HOME)

app = App(NAME, origin="tests.voice.app")
speech = Topic(f"{NAME}.speech", Audio)
understood = Topic(f"{NAME}.understood", declared.Understood)
replies = Topic(f"{NAME}.replies", Reply)
spoken = Topic(f"{NAME}.spoken", Speech)
written = Topic(f"{NAME}.written", Transcript)


@app.agent(speech, to=understood, name="hear")
async def hear(stream: Stream[Audio]) -> AsyncIterator[declared.Understood]:
    """Write down what is said, and find out what it means."""
    async for _recording, found in app.score(hearing, stream):
        yield found


@app.agent(Topic(understood.name, Record), to=replies, name="answer")
async def answer(stream: Stream[Record]) -> AsyncIterator[Reply]:
    """Know where each speaker's talk stands, and say what comes next."""
    async for _turn, reply in app.learn(talk, stream):
        yield reply


@app.agent(Topic(replies.name, Text), to=spoken, name="speak")
async def speak(stream: Stream[Text]) -> AsyncIterator[Speech]:
    """Speak each reply."""
    async for _reply, made in app.score(voice, stream):
        yield made


@app.agent(speech, to=written, name="listen")
async def listen(stream: Stream[Audio]) -> AsyncIterator[Transcript]:
    """Write down all that each speaker said so far."""
    async for _piece, so_far in app.learn(calls, stream):
        yield so_far
