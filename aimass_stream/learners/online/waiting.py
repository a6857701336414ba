"""Records that wait for their target."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.online.examples import Example, Numbers, Told


class Waiting:
    """A bounded memory of records by event time.

    Args:
        records: that wait at the most; the oldest go first.
        keep_s: seconds of event time that one waits.
    """

    def __init__(self, records: int, keep_s: float) -> None:
        self._records, self._keep_ms = records, keep_s * 1000
        self._kept: OrderedDict[str, tuple[Numbers, int]] = OrderedDict()

    def add(self, example: Example) -> None:
        """Remember a record; one that waits already stays as it is."""
        self._kept.setdefault(example.root, (example.numbers, example.time_ms))
        if len(self._kept) > self._records:
            self._kept.popitem(last=False)

    def take(self, told: Told) -> Numbers | None:
        """The numbers of a record whose target came, which then waits no more; None if it does not.

        Feedback's own time counts, so one record from the far future cannot expire all others.
        """
        numbers, time_ms = self._kept.pop(told.root, (None, 0))
        return None if told.time_ms - time_ms > self._keep_ms else numbers

    def drop(self, root: str) -> None:
        """Forget a record, if it waits."""
        self._kept.pop(root, None)

    def snapshot(self) -> Snapshot:
        """The records that wait, oldest first: `numbers` is `(records, numbers)` float64."""
        rows = [list(numbers.values()) for numbers, _ in self._kept.values()]
        arrays: dict[str, NDArray[np.generic]] = {
            "waiting": np.array(rows, np.float64).reshape(len(rows), -1 if rows else 0),
            "times": np.array([time_ms for _, time_ms in self._kept.values()], np.int64),
        }
        return Snapshot(arrays, {"roots": list(self._kept)})

    def restore(self, arrays: Mapping[str, NDArray[Any]], roots: list[str]) -> None:
        """Have the records that were laid down."""
        rows = zip(roots, arrays["waiting"].tolist(), arrays["times"].tolist(), strict=True)
        self._kept = OrderedDict(
            (root, (dict(enumerate(numbers)), time_ms)) for root, numbers, time_ms in rows
        )
