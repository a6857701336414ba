"""What detectors look at: rows of numbers, each column with a name and a unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event

Floats = NDArray[np.float64]

LARGEST = 1e30
"""Numbers beyond it are refused: they fit float32, and their squares fit float64."""

ItemT = TypeVar("ItemT")


class Column(NamedTuple):
    """One feature.

    Attributes:
        name: what people call it.
        unit: behind a value of it; empty for none.
        heavy: whether it spans orders of magnitude, so that models see log(1 + value).
        spoken: whether a reason may name it.
        flag: whether it is 0 or 1 to say what kind a record is of. A model that cuts one column
            at a time would take every rare kind for an anomaly, and leaves these out.
    """

    name: str
    unit: str = ""
    heavy: bool = False
    spoken: bool = True
    flag: bool = False


def cut_columns(columns: Sequence[Column]) -> NDArray[np.int64]:
    """Places of the columns that are no flags."""
    return np.flatnonzero([not column.flag for column in columns])


class Row(NamedTuple, Generic[ItemT]):
    """An event as read.

    Attributes:
        key: whose it is; alarms rest by key.
        item: what features are made of.
    """

    key: str
    item: ItemT


class Features(Protocol[ItemT]):
    """Makes rows of numbers of events, with whatever memory that takes."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the numbers of a row are."""
        ...

    def read(self, event: Event) -> Row[ItemT]:
        """Turn an event into a row; looks at no memory.

        Raises:
            RecordError: it cannot be one.
        """
        ...

    def ahead(self) -> Any:
        """What the rows of a block lead to, before the first."""
        ...

    def look(self, rows: Sequence[Row[ItemT]], ahead: Any) -> Floats:
        """Features of rows, each seen behind those before it, without remembering any.

        Args:
            rows: that follow on those looked at in the block.
            ahead: what those have led to; these are added.

        Returns:
            `(rows, columns)` float64, C-contiguous, in the columns' units, NaN where there is
            nothing to measure.
        """
        ...

    def remember(self, ahead: Any) -> None:
        """Remember the rows of a block."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """The memory as plain data."""
        ...

    def restore(self, data: Mapping[str, Any]) -> None:
        """Have the memory that was laid down."""
        ...


class _Vector(msgspec.Struct, frozen=True):
    x: list[float]


class VectorFeatures:
    """Values of the form `{"x": [numbers]}`, as they are; alarms rest by the record's key.

    Args:
        dimensions: how many numbers.
    """

    def __init__(self, dimensions: int) -> None:
        self.columns = tuple(Column(f"x[{i}]") for i in range(dimensions))

    def read(self, event: Event) -> Row[list[float]]:
        """The numbers.

        Raises:
            RecordError: BAD_ENVELOPE: it has another form, another length, or huge numbers.
        """
        try:
            numbers = msgspec.json.decode(event.value, type=_Vector).x
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise RecordError(Reason.BAD_ENVELOPE, f'not {{"x": [numbers]}}: {error}') from None
        if len(numbers) != len(self.columns):
            raise RecordError(
                Reason.BAD_ENVELOPE, f"{len(numbers)} numbers, not {len(self.columns)}"
            )
        if not all(-LARGEST <= number <= LARGEST for number in numbers):
            raise RecordError(Reason.BAD_ENVELOPE, f"a number beyond {LARGEST:g}")
        return Row("" if event.key is None else event.key.decode(errors="replace"), numbers)

    def ahead(self) -> None:
        """Nothing: rows are as they are."""

    def look(self, rows: Sequence[Row[list[float]]], ahead: None) -> Floats:
        """The numbers as an array."""
        del ahead
        return np.array([row.item for row in rows], np.float64).reshape(-1, len(self.columns))

    def remember(self, ahead: None) -> None:
        """Nothing to remember."""

    def snapshot(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Nothing to restore."""
