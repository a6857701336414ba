"""What a fit is given: the records of a captured range, on their way to what is learnt of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.records import Record
from aimass_stream.transforms.running import Function

Given = Record | dict[str, Any] | bytes
"""A record of a topic; or what would lie on one: a JSON object, or a payload."""

_NO_TOPIC = ""


@dataclass(repr=False)
class Captured:
    """A captured range on its way through a chain, and at last what was learnt from.

    Attributes:
        values: what has become of each record that is left.
        answers: what is to be learnt of each of them.
        refused: how many records were left out, by reason.
        ranges: first and last offset, by `topic/partition`; nothing of what lay on no topic.
    """

    values: list[Any] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """How many records there are, not what they hold."""
        refused = dict(self.refused)
        return f"Captured({len(self.values):,} records, refused={refused}, ranges={self.ranges})"

    def note(self, record: Record) -> None:
        """Widen the range of offsets by a record's."""
        if record.topic != _NO_TOPIC:
            self.widen(f"{record.topic}/{record.partition}", record.offset)

    def widen(self, place: str, offset: int) -> None:
        """Have the range of a `topic/partition` hold an offset."""
        first, last = self.ranges.get(place, (offset, offset))
        self.ranges[place] = (min(first, offset), max(last, offset))

    def keep(self, pairs: Iterable[tuple[Any, Any]], make: Function) -> None:
        """Have what is made of each value, and leave out what is refused.

        Raises:
            ConfigError: nothing is left.
        """
        values, answers = [], []
        for value, answer in pairs:
            try:
                values.append(make(value))
            except RecordError as error:
                self.refused[error.reason.value] += 1
            else:
                answers.append(answer)
        self.values, self.answers = values, answers
        if not values:
            raise ConfigError(f"No record is left to learn from; refused: {dict(self.refused)}.")

    def go_on(self, make: Function) -> None:
        """Put what is left through another function."""
        self.keep(zip(self.values, self.answers, strict=True), make)


def pairs_of(given: Iterable[Given], answers: Iterable[Any] | None) -> Iterator[tuple[Record, Any]]:
    """Each record, and what is to be learnt of it; None where nothing is.

    Raises:
        ConfigError: there are not as many answers as records, or one is no record.
    """
    records = (_record(one, at) for at, one in enumerate(given))
    if answers is None:
        yield from ((record, None) for record in records)
        return
    try:
        yield from zip(records, answers, strict=True)
    except ValueError as error:
        raise ConfigError("There must be as many answers as records.") from error


def _record(given: Given, at: int) -> Record:
    if isinstance(given, Record):
        return given
    if isinstance(given, dict):
        try:
            given = orjson.dumps(given, option=orjson.OPT_SERIALIZE_NUMPY)
        except TypeError as error:
            raise ConfigError(f"Record {at} is no JSON object: {error}.") from error
    if not isinstance(given, bytes):
        raise ConfigError(
            f"Record {at} is a {type(given).__name__}. Give records of a topic (`read_range`), "
            "JSON objects (dict) or payloads (bytes)."
        )
    return Record(_NO_TOPIC, 0, at, 0, None, given, ())
