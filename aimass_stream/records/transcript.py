"""The answer of a model that writes down what is said."""

from __future__ import annotations

import msgspec


class Word(msgspec.Struct, frozen=True):
    """A word, and when it is said.

    Attributes:
        text: the word.
        start_s: seconds from the start of the recording.
        end_s: likewise; never before `start_s`, nor behind the recording's end.
    """

    text: str
    start_s: float
    end_s: float


class Transcript(msgspec.Struct, frozen=True):
    """What is said in a recording.

    Attributes:
        text: all of it; empty where nothing is heard.
        words: in order, none beginning before the one ahead of it; empty from models that tell
            no times.
        duration_s: seconds that the model was given.
    """

    text: str
    words: list[Word]
    duration_s: float
