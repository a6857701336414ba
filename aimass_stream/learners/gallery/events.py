"""What a gallery reads from its log."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.vectors import read_direction
from aimass_stream.records import read_feedback
from aimass_stream.records.feedback import LABEL_CHARS

Vector = NDArray[np.float32]


class Seen(NamedTuple):
    """An embedding, `(dimensions,)` of unit length, of a record at an event time."""

    root: str
    vector: Vector
    time_ms: int


class Named(NamedTuple):
    """A record's embedding is an identity's."""

    root: str
    identity: str
    time_ms: int


class Enrolled(NamedTuple):
    """An embedding, `(dimensions,)` of unit length, is an identity's."""

    identity: str
    vector: Vector


class Erased(NamedTuple):
    """All embeddings of an identity go."""

    identity: str


GalleryInput = Seen | Named | Enrolled | Erased


class _Form(msgspec.Struct):
    vector: str | None = None
    record: str | None = None
    enrol: str | None = None
    erase: str | None = None


def read_event(event: Event, dimensions: int) -> GalleryInput:
    """What an event says.

    Raises:
        RecordError: BAD_ENVELOPE: none of the four, or an embedding that does not fit.
    """
    try:
        form = msgspec.json.decode(event.value, type=_Form)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(Reason.BAD_ENVELOPE, f"nothing a gallery reads: {error}") from None
    if form.erase is not None:
        return Erased(_identity(form.erase))
    if form.enrol is not None:
        return Enrolled(_identity(form.enrol), read_direction(event.value, dimensions))
    if form.vector is not None:
        return Seen(event.root, read_direction(event.value, dimensions), event.timestamp_ms)
    feedback = read_feedback(event.value)
    return Named(feedback.record, feedback.label, event.timestamp_ms)


def _identity(text: str) -> str:
    if not text.strip() or len(text) > LABEL_CHARS:
        raise RecordError(Reason.BAD_ENVELOPE, f"an identity has 1 to {LABEL_CHARS} characters")
    return text
