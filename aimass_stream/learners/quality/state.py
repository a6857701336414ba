"""The state of a watch on quality: a book, into a copy of which a block is entered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.open_block import OpenBlock
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
        self._reader = Reader(watch.labels, watch.part)
        self._book = Book(watch)
        self._open = OpenBlock(self._begin, self._enter)

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
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[QualityInput]) -> None:
        """Have the book as these inputs leave it."""
        self._book = self._open.ahead(inputs)
        self._open.close()

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        return self._book.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of other settings.
        """
        self._book.restore(snapshot)
        self._open.close()

    def _begin(self) -> Book:
        return self._book.copy()

    @staticmethod
    def _enter(book: Book, inputs: Sequence[QualityInput]) -> list[Quality | None]:
        return [book.take(one) for one in inputs]
