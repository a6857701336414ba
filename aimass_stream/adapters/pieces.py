"""A call on many rows that fails, made in pieces until the rows to blame have failed alone.

For models that answer several rows with one call inside a device process; batches as a whole are
searched by `aimass_stream.runtime.isolation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Generic, TypeVar

from aimass_stream.error_text import is_device_lost

R = TypeVar("R")


def in_pieces(
    rows: Sequence[int], call: Callable[[Sequence[int]], R]
) -> tuple[list[R], dict[int, Exception]]:
    """Call with all rows; where that fails, with halves, until the culprits stand alone.

    A row is to blame only if a call of it alone failed: an error that has gone by then, or needs
    two rows together, costs nobody. One culprit among n rows costs at most 2 * ceil(log2 n) more
    calls; where both halves of a split fail, each of their rows is called by itself, and no search
    costs more than n + 2.

    Args:
        rows: their numbers, ascending.
        call: answers some of them.

    Returns:
        What the calls gave that did not fail, in the order of their rows, and the error of each
        row that is to blame.

    Raises:
        Exception: the device answers nothing any more, so that no row is to blame.
    """
    search = _Search(call)
    error = search.attempt(rows)
    if error is not None:
        search.split(rows, error)
    pieces = sorted(search.given, key=itemgetter(0))
    return [piece for _, piece in pieces], search.failed


@dataclass(slots=True)
class _Search(Generic[R]):
    """What was given so far, by the first row of each piece, and who failed alone."""

    call: Callable[[Sequence[int]], R]
    given: list[tuple[int, R]] = field(default_factory=list)
    failed: dict[int, Exception] = field(default_factory=dict)

    def attempt(self, rows: Sequence[int]) -> Exception | None:
        """Call once; None when the rows were answered, else their failure."""
        try:
            self.given.append((rows[0], self.call(rows)))
        except Exception as error:
            if is_device_lost(error):
                raise
            return error
        return None

    def split(self, rows: Sequence[int], error: Exception | None) -> None:
        """Look among rows whose call failed; `error` is None where they are only presumed to."""
        if len(rows) == 1:
            self._blame(rows[0], error or self.attempt(rows))
            return
        half = len(rows) // 2
        first, second = rows[:half], rows[half:]
        first_error = self.attempt(first)
        if first_error is None:
            self.split(second, None)
            return
        second_error = self.attempt(second)
        if second_error is None:
            self.split(first, first_error)
            return
        for part, own in ((first, first_error), (second, second_error)):
            for row in part:
                self._blame(row, own if len(part) == 1 else self.attempt([row]))

    def _blame(self, row: int, error: Exception | None) -> None:
        if error is not None:
            self.failed[row] = error
