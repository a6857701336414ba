"""What a recommender reads from its log: what users do, and what items are."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.vectors import read_direction
from aimass_stream.records.behaviour import ID_CHARS, Action, read_behaviour

Vector = NDArray[np.float32]


class Described(NamedTuple):
    """What an item is.

    Attributes:
        item: which.
        category: the one it is in; None where that is not said.
        vector: `(dimensions,)` float32 of unit length; None where that is not said.
    """

    item: str
    category: str | None
    vector: Vector | None


class _Form(msgspec.Struct):
    item: Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARS)] | None = None
    category: Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARS)] | None = None
    vector: str | None = None
    user: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    kind: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def read_event(event: Event, dimensions: int) -> Action | Described:
    """What an event says.

    Args:
        event: a behaviour record; a description, `{"item": "i7", "category": "shoes"}`, also with
            the fields of an `Embedding`; or an `Embedding` alone, whose key is the item.
        dimensions: of an item's vector; 0 where none is expected.

    Raises:
        RecordError: it is none of them.
    """
    try:
        return read_behaviour(event.value, event.timestamp_ms)
    except RecordError:
        described = _description(event, dimensions)
        if described is None:
            raise
        return described


def _description(event: Event, dimensions: int) -> Described | None:
    """None where it does not look like one."""
    try:
        form = msgspec.json.decode(event.value, type=_Form)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if form.user is not msgspec.UNSET or form.kind is not msgspec.UNSET:
        return None
    if form.category is None and form.vector is None:
        return None
    if form.vector is not None and not dimensions:
        raise RecordError(Reason.BAD_ENVELOPE, "an embedding, but the recommender has 0 dimensions")
    vector = None if form.vector is None else read_direction(event.value, dimensions)
    return Described(form.item or _item_of(event.key), form.category, vector)


def _item_of(key: bytes | None) -> str:
    try:
        item = (key or b"").decode()
    except UnicodeDecodeError:
        item = ""
    if not 0 < len(item) <= ID_CHARS:
        raise RecordError(
            Reason.BAD_ENVELOPE,
            f"a description names no `item`, and its key is no text of 1 to {ID_CHARS} characters",
        )
    return item
