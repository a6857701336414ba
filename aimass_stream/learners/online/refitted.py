"""A member that is fitted anew on the latest records, beside the stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.features import LARGEST, Floats
from aimass_stream.learners.online.change import ErrorWatch, since_change
from aimass_stream.learners.online.declarations import OnlineLearner
from aimass_stream.learners.online.estimators import Fitted, fit
from aimass_stream.learners.online.examples import Numbers
from aimass_stream.learners.refits import Refits

_LEAST_STEP = 8
_STEP_PART = 10
_DELAY_PART = 5


class RefittedModel:
    """An estimator of scikit-learn, in force from a fixed record behind the last it has seen.

    It is fitted after 8 records, and again when a tenth more have come, 8 at the least and
    `refit_records` at the most. So what a record costs is bounded, however many come. A fit is in
    force when a fifth of the way to the next has passed; an answer that is due before the thread
    is done waits for it.

    What the fit in force says is compared with each target. Where an `ErrorWatch` finds that it
    errs more than it did, the records before the change are forgotten: a fit on those behind it is
    due at once, and the next ones follow as in the beginning.

    Args:
        learner: the declaration; its `kind` is one that is refitted.
        labels: that are told apart; 0 to estimate a number.
    """

    def __init__(self, learner: OnlineLearner[Any], labels: int) -> None:
        self._learner, self._labels = learner, labels
        self._latest = LatestRows(learner.numbers + 2, learner.fit_records)
        self._refits: Refits[Fitted] = Refits(learner.kind, self._fit, self._due)
        self._watch = ErrorWatch(labels)
        self._last: tuple[Numbers, Floats] | None = None
        self._learnt = 0
        self._began = 0
        self._next_fit = self._step(0)

    def predict(self, numbers: Numbers) -> Floats:
        """`(labels,)` probabilities, all equal before anything is in force; or `(1,)`, then 0."""
        fitted = self._refits.in_force
        if fitted is None:
            return np.full(self._labels, 1 / self._labels) if self._labels else np.zeros(1)
        # A record that is learnt right behind its answer is not asked about twice.
        if self._last is None or self._last[0] is not numbers:
            # A line may overshoot all numbers on an extreme record.
            said = np.clip(fitted(np.array(list(numbers.values()))), -LARGEST, LARGEST)
            self._last = (numbers, said)
        return self._last[1]

    def learn(self, numbers: Numbers, target: float | int) -> None:
        """Keep a record, and begin a fit where one is due."""
        is_error, is_change = False, False
        if self._refits.in_force is not None:
            is_error, is_change = self._watch.learn(self.predict(numbers), target)
        self._last = None
        self._latest.add([*numbers.values(), target, is_error])
        self._learnt += 1
        if is_change:
            self._forget()
        if self._learnt == self._next_fit:
            self._refits.begin(self._learnt, self._latest.rows[:, :-1].copy())
            self._next_fit += self._step(self._learnt)
        self._refits.advance(self._learnt)

    def snapshot(self) -> Snapshot:
        """The latest records, and the windows of what is in force and under way."""
        arrays, data = self._refits.snapshot()
        own = {
            "kind": self._learner.kind,
            "learnt": self._learnt,
            "began": self._began,
            "next_fit": self._next_fit,
            "watch": self._watch.snapshot(),
        }
        return Snapshot({"latest": self._latest.rows, **arrays}, {**own, **data})

    def restore(self, snapshot: Snapshot) -> None:
        """Begin the fits again that were in force and under way.

        Raises:
            ValueError: it is of another kind.
        """
        arrays, data = snapshot
        if data.get("kind") != self._learner.kind:
            raise ValueError(f"a {data.get('kind', 'model of River')}, not a {self._learner.kind}")
        self._latest.restore(arrays["latest"].astype(np.float64))
        self._learnt, self._next_fit = data["learnt"], data["next_fit"]
        self._began, self._last = data["began"], None
        self._watch.restore(data["watch"])
        self._refits.restore(snapshot)

    def _forget(self) -> None:
        """Keep what lies behind a change, and have it fitted on at once."""
        rows = self._latest.rows
        rows = rows[-since_change(rows[:, -1], _LEAST_STEP) :]
        # They were errors of what is forgotten.
        rows[:, -1] = 0
        self._latest.restore(rows)
        self._began, self._next_fit = self._learnt - len(rows), self._learnt

    def _step(self, behind: int) -> int:
        """Records from one fit to the next, the more the further the last change lies back."""
        since = behind - self._began
        return min(max(_LEAST_STEP, since // _STEP_PART), self._learner.refit_records)

    def _due(self, behind: int) -> int:
        return behind + self._step(behind) // _DELAY_PART

    def _fit(self, window: NDArray[Any], behind: int) -> Fitted:
        seed = (self._learner.seed * 1_000_003 + behind) % 2**32
        return fit(self._learner, self._labels, window, seed)


class LatestRows:
    """The latest rows, in an array that moves on now and then.

    Args:
        columns: of a row.
        kept: rows, at the most.
    """

    def __init__(self, columns: int, kept: int) -> None:
        self._kept = kept
        self._space: Floats = np.empty((0, columns))
        self._end = 0

    @property
    def rows(self) -> Floats:
        """`(up to kept, columns)` float64, oldest first; a copy."""
        return self._space[max(0, self._end - self._kept) : self._end].copy()

    def add(self, row: Sequence[float]) -> None:
        """Add a row."""
        if self._end == len(self._space):
            self.restore(self.rows)
        self._space[self._end] = row
        self._end += 1

    def restore(self, rows: Floats) -> None:
        """Have these rows, with room for as many more."""
        self._space = np.empty((2 * len(rows) + _LEAST_STEP, rows.shape[1]))
        self._space[: len(rows)] = rows
        self._end = len(rows)
