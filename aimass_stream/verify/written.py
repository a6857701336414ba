"""What the engine wrote onto a topic, told from what anybody else may have put there.

Every topic can be written to by others. Such a record says nothing of any other: whoever reads
the engine's topics leaves it out, and counts it.
"""

from __future__ import annotations

import msgspec

from aimass_stream.kafka.letters import parse_place
from aimass_stream.kafka.outcomes import Outcomes, decode
from aimass_stream.records import Headers, identity

Place = tuple[int, int]
"""Partition and offset on a source topic."""


def outcomes_in(value: bytes | None) -> Outcomes | None:
    """What a record of an outcomes topic says; None where no engine wrote it."""
    try:
        return decode(value or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def source_of(headers: Headers) -> tuple[str, Place] | None:
    """Topic and place of the record that an answer or a dead letter is about.

    None where no engine wrote it: the header is not there, or is no place.
    """
    topic, partition, offset = parse_place(text_of(headers, identity.SOURCE))
    return (topic, (partition, offset)) if topic else None


def buried_of(headers: Headers) -> Place | None:
    """The place of the record that a dead letter is about; None where it is no dead letter."""
    source = source_of(headers)
    if source is None or not (
        text_of(headers, identity.AGENT) and text_of(headers, identity.REASON)
    ):
        return None
    return source[1]


def text_of(headers: Headers, name: str) -> str:
    """What the last header of a name says; empty where there is none."""
    held = (value for key, value in reversed(headers) if key == name)
    return next(held, b"").decode(errors="replace")
