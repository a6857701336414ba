"""The state of a watch on quality: a book, and how far a block has been entered into a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.quality.book import Book
from aimass_stream.learners.quality.declaration import QualityWatch
from aimass_stream.learners.quality.events import QualityInput, Reader
from aimass_stream.records import Quality


class QualityState:
    """The `LearnerState` of `QualityWatch`.

    A block is entered into a copy of the book, which takes the book's place when it is learnt.
    So a drift is told with the record that showed it. Memory: answers and labels that wait, and
    a window for each version.

    Args:
        settings: of the declaration.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        watch = QualityWatch("state", **{**settings, "labels": tuple(settings["labels"])})
        self._reader = Reader(watch.labels)
        self._book = Book(watch)
        self._entered: _Entered | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """Labels that were `repeated`, and labels that were `unmatched` when they came."""
        return self._book.counts

    def read(self, event: Event) -> QualityInput:
        """An answer or a label.

        Raises:
            RecordError: it is neither.
        """
        return self._reader.read(event)

    def score(self, inputs: Sequence[QualityInput]) -> list[Quality | None]:
        """What each changes about the quality of models; None where nothing is to be said."""
        return list(self._enter(inputs).answers)

    def learn(self, inputs: Sequence[QualityInput]) -> None:
        """Have the book as these inputs leave it."""
        self._book = self._enter(inputs).book
        self._entered = None

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        return self._book.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of other settings.
        """
        self._book.restore(snapshot)
        self._entered = None

    def _enter(self, inputs: Sequence[QualityInput]) -> _Entered:
        """A block entered, gone on with where these inputs continue the last ones."""
        entered = self._entered
        if entered is None or not entered.leads_to(inputs):
            entered = self._entered = _Entered(self._book.copy())
        for one in inputs[len(entered.inputs) :]:
            entered.answers.append(entered.book.take(one))
            entered.inputs.append(one)
        return entered


class _Entered:
    """A block as far as it has come.

    Args:
        book: what its inputs are entered into.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.inputs: list[QualityInput] = []
        self.answers: list[Quality | None] = []

    def leads_to(self, inputs: Sequence[QualityInput]) -> bool:
        """Whether its inputs are the first of these."""
        return len(self.inputs) <= len(inputs) and all(map(is_, self.inputs, inputs))
