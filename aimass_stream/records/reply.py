"""What a dialogue says next."""

from __future__ import annotations

import msgspec


class Reply(msgspec.Struct, frozen=True):
    """A turn of a dialogue; on a topic it is a `Text` record, which a voice can speak.

    Attributes:
        text: what is said.
        style: how, by a name that the voice knows; empty for its own.
        intent: what the talk is about; empty where that is not known.
        slots: what is known of it, by name.
        asks: the slot that is asked for; empty where nothing is.
        turn: counts the turns of the talk, from 1.
    """

    text: str
    style: str
    intent: str
    slots: dict[str, str]
    asks: str
    turn: int
