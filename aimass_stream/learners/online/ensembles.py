"""Models that are made of models: the mean of what they say, or what is learnt of how they err."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from aimass_stream.learner import Snapshot
from aimass_stream.learners.arrays import under
from aimass_stream.learners.features import Floats
from aimass_stream.learners.online.declarations import REFITTED, OnlineLearner
from aimass_stream.learners.online.examples import Numbers
from aimass_stream.learners.online.models import RiverModel
from aimass_stream.learners.online.refitted import RefittedModel

_LEAST_SHARE = 1e-2
_TRUST_STEP = 0.3
_FIRST_SQUARES = 1.0
_HOLD_RECORDS = 10


class OnlineModel(Protocol):
    """What learns one target at a time."""

    def predict(self, numbers: Numbers) -> Floats:
        """`(labels,)` probabilities, or `(1,)` with the estimate; changes nothing."""
        ...

    def learn(self, numbers: Numbers, target: float | int) -> None:
        """Learn a target: the label's index, or the number."""
        ...

    def snapshot(self) -> Snapshot:
        """What was learnt."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down.

        Raises:
            ValueError: it is of another model.
        """
        ...


class Voting:
    """The mean of members' probabilities, or of their estimates.

    Args:
        members: at least two.
    """

    def __init__(self, members: Sequence[OnlineModel]) -> None:
        self._members = members
        self._last: tuple[Numbers, Floats] | None = None

    def predict(self, numbers: Numbers) -> Floats:
        """As members say on average."""
        mean: Floats = self._said(numbers).mean(axis=0)
        return mean

    def learn(self, numbers: Numbers, target: float | int) -> None:
        """Have every member learn."""
        self._last = None
        for member in self._members:
            member.learn(numbers, target)

    def snapshot(self) -> Snapshot:
        """Every member's snapshot; arrays by its place."""
        laid_down = [member.snapshot() for member in self._members]
        arrays = {
            f"{i}.{name}": array
            for i, one in enumerate(laid_down)
            for name, array in one.arrays.items()
        }
        return Snapshot(arrays, {"members": [one.data for one in laid_down]})

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        self._last = None
        members = snapshot.data.get("members", [])
        for i, (member, data) in enumerate(zip(self._members, members, strict=True)):
            member.restore(Snapshot(under(snapshot.arrays, f"{i}."), data))

    def _said(self, numbers: Numbers) -> Floats:
        """`(members, labels)`, or `(members, 1)`.

        A record that is learnt right behind its answer is not asked about twice.
        """
        if self._last is None or self._last[0] is not numbers:
            said = np.stack([member.predict(numbers) for member in self._members])
            self._last = (numbers, said)
        return self._last[1]


class StackedLabels(Voting):
    """A pool of members' log probabilities, with a trust in each that is learnt.

    p(label) is proportional to the product of members' p(label) to the power of their trust, a
    logarithmic opinion pool (Genest and Zidek 1986). Trust begins at one in as many as there are
    members, and follows the gradient of the log loss, by AdaGrad, of what they said before they
    learnt the label.
    """

    def __init__(self, members: Sequence[OnlineModel]) -> None:
        super().__init__(members)
        self._trust = np.full(len(members), 1 / len(members))
        self._squares = np.full(len(members), _FIRST_SQUARES)

    def predict(self, numbers: Numbers) -> Floats:
        """As members say, each as far as it is trusted."""
        return _softmax(self._trust @ self._logs(numbers))

    def learn(self, numbers: Numbers, target: float | int) -> None:
        """Learn whom to trust, then have every member learn."""
        logs = self._logs(numbers)
        gradient = logs @ _softmax(self._trust @ logs) - logs[:, int(target)]
        self._squares += gradient * gradient
        self._trust -= _TRUST_STEP * gradient / np.sqrt(self._squares)
        super().learn(numbers, target)

    def snapshot(self) -> Snapshot:
        """Members' snapshots, and the trust in them."""
        arrays, data = super().snapshot()
        own = {"trust": self._trust.tolist(), "squares": self._squares.tolist()}
        return Snapshot(arrays, {**data, **own})

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        super().restore(snapshot)
        data = snapshot.data
        self._trust, self._squares = np.array(data["trust"]), np.array(data["squares"])

    def _logs(self, numbers: Numbers) -> Floats:
        """`(members, labels)`; no member can rule a label out for good."""
        said = self._said(numbers)
        logs: Floats = np.log(said * (1 - _LEAST_SHARE) + _LEAST_SHARE / said.shape[1])
        return logs


class StackedEstimates(Voting):
    """Members' estimates, weighed by ridge regression towards their mean.

    The weights are the regularised least squares optimum of all targets at once, of estimates
    made before each target was learnt.
    """

    def __init__(self, members: Sequence[OnlineModel]) -> None:
        super().__init__(members)
        size = len(members)
        self._a, self._b = np.zeros((size, size)), np.zeros(size)
        self._targets = 0

    def predict(self, numbers: Numbers) -> Floats:
        """As members say, each by its weight."""
        said: Floats = self._said(numbers)
        weighed: Floats = self._weights() @ said
        return weighed

    def learn(self, numbers: Numbers, target: float | int) -> None:
        """Learn whom to trust, then have every member learn."""
        said = self._said(numbers)[:, 0]
        self._a += np.outer(said, said)
        self._b += said * (target - said.mean())
        self._targets += 1
        super().learn(numbers, target)

    def snapshot(self) -> Snapshot:
        """Members' snapshots, and the sums their weights follow from."""
        arrays, data = super().snapshot()
        own = {"a": self._a.tolist(), "b": self._b.tolist(), "targets": self._targets}
        return Snapshot(arrays, {**data, **own})

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        super().restore(snapshot)
        data = snapshot.data
        self._a, self._b = np.array(data["a"]), np.array(data["b"])
        self._targets = data["targets"]

    def _weights(self) -> Floats:
        size = len(self._b)
        squares = float(np.trace(self._a))
        if squares == 0:
            return np.full(size, 1 / size)
        # Measured in the estimates' own size, so that no unit of a target matters.
        hold = squares / (size * self._targets) * _HOLD_RECORDS
        moved = np.linalg.solve(self._a + hold * np.eye(size), self._b)
        return 1 / size + moved.astype(np.float64, copy=False)


def build(learner: OnlineLearner[Any], labels: int) -> OnlineModel:
    """The model that a declaration names.

    Args:
        learner: the declaration.
        labels: that are told apart; 0 to estimate a number.
    """
    if learner.kind not in {"voting", "stacking"}:
        return _single(learner, labels)
    # A seed of its own for each member: forests that draw alike err alike.
    members = [
        _single(replace(learner, kind=kind, seed=learner.seed + i), labels)
        for i, kind in enumerate(learner.members)
    ]
    if learner.kind == "voting":
        return Voting(members)
    return StackedLabels(members) if labels else StackedEstimates(members)


def _single(learner: OnlineLearner[Any], labels: int) -> OnlineModel:
    is_refitted = learner.kind in REFITTED
    return RefittedModel(learner, labels) if is_refitted else RiverModel(learner, labels)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max())
    shares: Floats = powers / powers.sum()
    return shares
