"""A case of the catalogue of bad input: a name, the bytes, and what must become of them.

The names and outcomes are those of the tables in `docs/reasons.md`; `tests/docs` compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aimass_stream.errors import Reason, RecordError

Headers = tuple[tuple[str, bytes], ...]
Read = Callable[[bytes | None, Headers], Any]
"""What a worker and its device process make of a value and its headers, as far as the model."""

PATH = re.compile(r"(?:^|[\s'\"(])(?:/|file:)\w")
DETAIL_CHARS = 300


def anything(found: Any) -> bool:
    """Hold for every input that was read."""
    del found
    return True


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of input.

    Attributes:
        name: as in the documents.
        make: builds the value.
        outcome: the reason of the dead letter, or in words how it is read.
        headers: of the record.
        holds: what must be true of what is read.
    """

    name: str
    make: Callable[[], bytes | None]
    outcome: Reason | str
    headers: Headers = ()
    holds: Callable[[Any], bool] = field(default=anything)

    @property
    def is_refused(self) -> bool:
        """Whether the record is dead-lettered."""
        return isinstance(self.outcome, Reason)


def names(cases: list[Case]) -> list[str]:
    """The cases' names, for pytest."""
    assert len({case.name for case in cases}) == len(cases), "two cases of one name"
    return [case.name for case in cases]


def assert_outcome(case: Case, read: Read) -> None:
    """The case is read, or refused with its reason and a text that shows nothing of it."""
    found = outcome_of(case, read)
    if isinstance(found, RecordError):
        assert found.reason == case.outcome, found
        assert_discreet(found.detail)
    else:
        assert not case.is_refused, f"read, but {case.outcome} is due"
        assert case.holds(found), found


def outcome_of(case: Case, read: Read) -> Any:
    """What is read, or why not."""
    try:
        return read(case.make(), case.headers)
    except RecordError as error:
        return error


def assert_discreet(detail: str) -> None:
    """One short line that names no path."""
    assert 0 < len(detail) <= DETAIL_CHARS
    assert detail.isprintable(), detail
    assert not PATH.search(detail), detail
