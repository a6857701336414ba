"""What makes shares of raw scores: how many of earlier rows were less unusual."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.usual import Rarity
from aimass_stream.learners.arrays import under
from aimass_stream.learners.features import Floats


class Look(NamedTuple):
    """Rows as an eye sees them; each `(rows, columns)` float64, C-contiguous.

    Attributes:
        values: heavy columns as log(1 + value); the usual mean where there is no value.
        spreads: spreads from the usual mean, within 50; 0 where there is no value.
    """

    values: Floats
    spreads: Floats


class Eye(Protocol):
    """What tells the usual from the unusual."""

    def score(self, look: Look) -> Floats:
        """`(rows,)` float64, higher for less usual; NaN while there is nothing to judge by.

        A row's score is the same to the bit whatever rows it is looked at with.
        """
        ...

    def learn(self, look: Look) -> None:
        """Learn rows."""
        ...

    def snapshot(self) -> Snapshot:
        """Lay down what was learnt; nothing in it may change later."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        ...


class Judged(NamedTuple):
    """What was found of rows.

    Attributes:
        raws: `(rows, eyes)` float64: what each eye scored; NaN where it could not.
        shares: `(rows,)` float64, 0 to 1; NaN while no eye can judge.
    """

    raws: Floats
    shares: Floats


class Judge(Protocol):
    """One eye or more, and what their scores are worth."""

    def judge(self, look: Look) -> Judged:
        """Judge rows, each as if it stood alone; changes nothing."""
        ...

    def learn(self, look: Look, raws: Floats) -> None:
        """Learn a block, and what was found of it."""
        ...

    def snapshot(self) -> Snapshot:
        """Lay down what was learnt; nothing in it may change later."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down.

        Raises:
            ValueError: it is of other eyes.
        """
        ...


class RankedEye:
    """An eye whose scores are compared with its latest ones.

    Args:
        eye: scores and learns rows.
        compared_records: latest rows that a share is of.
    """

    def __init__(self, eye: Eye, compared_records: int) -> None:
        self._eye = eye
        self._rarity = Rarity(compared_records)

    def judge(self, look: Look) -> Judged:
        """The share of the latest rows that were less unusual."""
        raw = self._eye.score(look)
        shares = np.where(np.isnan(raw), np.nan, self._rarity.share_below(raw))
        return Judged(raw[:, None], shares)

    def learn(self, look: Look, raws: Floats) -> None:
        """Have the eye learn rows, and remember what it scored."""
        self._eye.learn(look)
        self._rarity.learn(raws[~np.isnan(raws)])

    def snapshot(self) -> Snapshot:
        """The eye's, and the latest scores."""
        eye = self._eye.snapshot()
        arrays: dict[str, NDArray[np.generic]] = {"rarity": self._rarity.snapshot()}
        return Snapshot(
            arrays | {f"eye.{name}": array for name, array in eye.arrays.items()}, eye.data
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        self._rarity.restore(snapshot.arrays["rarity"].astype(np.float64))
        self._eye.restore(Snapshot(under(snapshot.arrays, "eye."), snapshot.data))


class CertainEye:
    """An eye whose scores are shares already.

    Args:
        eye: scores and learns rows.
    """

    def __init__(self, eye: Eye) -> None:
        self._eye = eye

    def judge(self, look: Look) -> Judged:
        """The eye's own scores."""
        raw = self._eye.score(look)
        return Judged(raw[:, None], raw)

    def learn(self, look: Look, raws: Floats) -> None:
        """Have the eye learn rows."""
        del raws
        self._eye.learn(look)

    def snapshot(self) -> Snapshot:
        """The eye's."""
        eye = self._eye.snapshot()
        return Snapshot({f"eye.{name}": array for name, array in eye.arrays.items()}, eye.data)

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        self._eye.restore(Snapshot(under(snapshot.arrays, "eye."), snapshot.data))
