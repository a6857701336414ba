"""Fits anew beside the stream, each in force from a fixed count of records.

What is fitted is a function of its window and of the records behind it, so a snapshot holds
windows and nothing that was fitted: a restored state fits again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot

FittedT = TypeVar("FittedT")
Window = NDArray[Any]


@dataclass(frozen=True)
class _Refit(Generic[FittedT]):
    """A fit under way or done.

    Attributes:
        behind: records that had been learnt when its window ended.
        window: `(records, columns)`.
        fitted: what the thread will have made of it.
    """

    behind: int
    window: Window
    fitted: Future[FittedT]


class Refits(Generic[FittedT]):
    """The fit in force, and one thread beside the stream for those to come.

    Args:
        name: of the thread.
        fit: makes something of a window and the records behind it, and depends on nothing else.
        due: the count of records from which a fit is in force, of the records behind it.
    """

    def __init__(
        self, name: str, fit: Callable[[Window, int], FittedT], due: Callable[[int], int]
    ) -> None:
        self._fit, self._due = fit, due
        self._fitter = ThreadPoolExecutor(1, name)
        self._in_force: _Refit[FittedT] | None = None
        self._pending: deque[_Refit[FittedT]] = deque()

    @property
    def in_force(self) -> FittedT | None:
        """What is in force, waiting for the thread where it is late; None before the first."""
        return self._in_force.fitted.result() if self._in_force else None

    def begin(self, behind: int, window: Window) -> None:
        """Have the thread fit a window, which nobody may change any more."""
        self._pending.append(self._begun(behind, window))

    def advance(self, learnt: int) -> None:
        """Put in force what is due at a count of records."""
        while self._pending and learnt >= self._due(self._pending[0].behind):
            if self._in_force is not None:
                # Records that are only learnt may run ahead of the thread.
                self._in_force.fitted.cancel()
            self._in_force = self._pending.popleft()

    def snapshot(self) -> Snapshot:
        """The windows of the fit in force and of those under way."""
        refits = [self._in_force] if self._in_force else []
        refits += self._pending
        arrays: dict[str, NDArray[np.generic]] = {
            f"refit.{i}": refit.window for i, refit in enumerate(refits)
        }
        behind = [refit.behind for refit in refits]
        return Snapshot(arrays, {"in_force": self._in_force is not None, "behind": behind})

    def restore(self, snapshot: Snapshot) -> None:
        """Begin the fits again that were in force and under way."""
        arrays, data = snapshot
        refits = [
            self._begun(behind, arrays[f"refit.{i}"]) for i, behind in enumerate(data["behind"])
        ]
        self._in_force = refits.pop(0) if data["in_force"] else None
        self._pending = deque(refits)

    def _begun(self, behind: int, window: Window) -> _Refit[FittedT]:
        return _Refit(behind, window, self._fitter.submit(self._fit, window, behind))
