"""The state of a head: ridge regression on one-hot labels, kept exactly.

With x an embedding (a constant 1 appended) and y its one-hot label, the state holds
`A = Σ w x xᵀ` and `B = Σ w x yᵀ`, older labels weighing less, and the weights are
`(A + ridge·I)⁻¹B`: the regularised least-squares optimum of all labels at once, which needs far
fewer of them than a gradient step per label. A corrected label moves its row of B and nothing
else, so a correction is exact. How sharp the probabilities are is learnt too, from each label's
log loss before it is learnt.

How much of a ridge is right depends on how far apart an encoder puts its classes, which nobody
knows beforehand. Unless the declaration says it, it is learnt: now and then it moves to where
the labels are the most probable (`evidence`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.arrays import row_products
from aimass_stream.learners.heads import Head
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.learners.waiting import Waiting
from aimass_stream.records import Embedding, Prediction

_FIRST_SHARPNESS = 5.0
_SHARPNESS_STEP = 0.1
_LARGEST_NUMBER = 1e6
_FIRST_RIDGE = 1.0
_RIDGES = (1e-4, 10.0)
_RIDGE_STEP = 10**0.5
# Labels before the ridge is first looked at, and by how much their number grows to the next look.
_FIRST_LOOK, _LOOKS_APART = 8, 1.25


class _Message(msgspec.Struct, frozen=True):
    """An embedding or feedback, told apart by the fields that are there."""

    vector: bytes | None = None
    dimensions: int | None = None
    record: str | None = None
    label: str | None = None


class Embedded(NamedTuple):
    """An embedding of a record.

    Attributes:
        root: the record.
        numbers: `(dimensions,)` float32.
        time_ms: event time.
    """

    root: str
    numbers: NDArray[np.float32]
    time_ms: int


class Labelled(NamedTuple):
    """Feedback on a record.

    Attributes:
        root: the record.
        label: index of its label.
        time_ms: event time.
    """

    root: str
    label: int
    time_ms: int


HeadInput = Embedded | Labelled
"""What a head reads from its log."""


class _Taught(NamedTuple):
    """An embedding in memory; `label` is -1 until there is one, `learnt_at` counts labels."""

    numbers: NDArray[np.float32]
    label: int = -1
    learnt_at: int = 0


class HeadState:
    """The `LearnerState` of `Head`.

    A label costs one rank-1 update, and the first answer after new labels one solve of
    `dimensions` equations. Memory: the embeddings that wait, and `(dimensions + 1)²` float64.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        head = Head("head", **settings)
        self._labels = tuple(head.labels)
        self._index = {label: i for i, label in enumerate(self._labels)}
        self._head = head
        width = head.dimensions + 1
        self._decay = 0.5 ** (1 / head.half_life)
        self._a = np.zeros((width, width))
        self._b = np.zeros((width, len(self._labels)))
        self._sharpness = _FIRST_SHARPNESS
        self._squares = 1.0
        self._ridge = _FIRST_RIDGE if head.ridge is None else head.ridge
        self._next_look = _FIRST_LOOK
        self._weight = 0.0
        self._learnt = 0
        self._corrected = 0
        self._unmatched = 0
        self._waiting: Waiting[_Taught] = Waiting(head.keep_records, head.keep_s)
        self._solved: NDArray[np.float64] | None = None
        self._open = OpenBlock(lambda: None, self._answer)

    @property
    def counts(self) -> Mapping[str, int]:
        """Labels `learnt`, labels `corrected`, and feedback that was `unmatched`."""
        return {
            "learnt": self._learnt,
            "corrected": self._corrected,
            "unmatched": self._unmatched,
        }

    def read(self, event: Event) -> HeadInput:
        """An embedding or feedback.

        Raises:
            RecordError: BAD_ENVELOPE: it is neither, has another length, numbers that are not
                finite, or a label that the head does not know.
        """
        try:
            message = msgspec.json.decode(event.value, type=_Message)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            detail = f"neither embedding nor feedback: {error}"
            raise RecordError(Reason.BAD_ENVELOPE, detail) from None
        if message.record is not None and message.label is not None:
            return self._read_feedback(message.record, message.label, event.timestamp_ms)
        if message.vector is not None and message.dimensions is not None:
            return self._read_embedding(Embedding(message.vector, message.dimensions), event)
        raise RecordError(
            Reason.BAD_ENVELOPE,
            "neither an embedding (vector, dimensions) nor feedback (record, label)",
        )

    def score(self, inputs: Sequence[HeadInput]) -> list[Prediction | None]:
        """Label embeddings; None for feedback. Rows do not depend on each other."""
        return self._open.answers(inputs)

    def _answer(self, ahead: None, inputs: Sequence[HeadInput]) -> list[Prediction | None]:
        del ahead
        answers: list[Prediction | None] = [None] * len(inputs)
        rows = [i for i, item in enumerate(inputs) if isinstance(item, Embedded)]
        if not rows:
            return answers
        vectors = np.stack([_row_of(inputs[i]) for i in rows])
        probabilities = _softmax(self._sharpness * row_products(vectors, self._weights()))
        for i, shares in zip(rows, probabilities, strict=True):
            answers[i] = self._prediction(shares)
        return answers

    def learn(self, inputs: Sequence[HeadInput]) -> None:
        """Remember embeddings, and learn what feedback says about those remembered."""
        self._open.close()
        for item in inputs:
            if isinstance(item, Embedded):
                # A repeated root keeps its first embedding, which its label was learnt on.
                self._waiting.add(item.root, _Taught(item.numbers), item.time_ms)
            else:
                self._learn_label(item)

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        waiting = self._waiting.items
        arrays: dict[str, NDArray[np.generic]] = {
            "a": self._a.copy(),
            "b": self._b.copy(),
            "vectors": np.array([w.numbers for w in waiting], np.float32).reshape(
                len(waiting), self._head.dimensions
            ),
            "times": self._waiting.times_ms,
            "labels": np.array([w.label for w in waiting], np.int32),
            "learnt_at": np.array([w.learnt_at for w in waiting], np.int64),
        }
        data = {
            "roots": self._waiting.roots,
            "sharpness": self._sharpness,
            "squares": self._squares,
            "ridge": self._ridge,
            "next_look": self._next_look,
            "weight": self._weight,
            **self.counts,
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of another number of dimensions or labels, or from before the
                ridge was learnt.
        """
        arrays, data = snapshot
        if "ridge" not in data:
            raise ValueError("a head from before the ridge was learnt")
        if arrays["a"].shape != self._a.shape or arrays["b"].shape != self._b.shape:
            raise ValueError(f"a head of {arrays['b'].shape}, not of {self._b.shape}")
        self._a = arrays["a"].astype(np.float64)
        self._b = arrays["b"].astype(np.float64)
        self._sharpness, self._squares = data["sharpness"], data["squares"]
        self._ridge, self._next_look = data["ridge"], data["next_look"]
        self._weight = data["weight"]
        self._learnt, self._corrected = data["learnt"], data["corrected"]
        self._unmatched = data["unmatched"]
        columns = zip(
            arrays["vectors"].astype(np.float32),
            arrays["labels"].tolist(),
            arrays["learnt_at"].tolist(),
            strict=True,
        )
        taught = (_Taught(*column) for column in columns)
        self._waiting.restore(data["roots"], taught, arrays["times"].tolist())
        self._solved = None
        self._open.close()

    def _read_feedback(self, record: str, label: str, time_ms: int) -> Labelled:
        index = self._index.get(label)
        if index is None:
            raise RecordError(
                Reason.BAD_ENVELOPE, f"label {label[:80]!r} is none of {', '.join(self._labels)}"
            )
        return Labelled(record, index, time_ms)

    def _read_embedding(self, embedding: Embedding, event: Event) -> Embedded:
        try:
            numbers = embedding.numbers
        except ValueError as error:
            raise RecordError(Reason.BAD_ENVELOPE, f"embedding: {error}") from None
        if len(numbers) != self._head.dimensions:
            raise RecordError(
                Reason.BAD_ENVELOPE,
                f"an embedding of {len(numbers)} numbers, not {self._head.dimensions}",
            )
        if not (np.abs(numbers) <= _LARGEST_NUMBER).all():
            raise RecordError(Reason.BAD_ENVELOPE, "an embedding with NaN or huge numbers")
        return Embedded(event.root, numbers, event.timestamp_ms)

    def _learn_label(self, feedback: Labelled) -> None:
        waiting = self._waiting.find(feedback.root, feedback.time_ms)
        if waiting is None:
            self._unmatched += 1
            return
        row = _row_of(waiting)
        if waiting.label >= 0:
            self._correct(feedback, waiting, row)
            return
        self._learn_sharpness(row @ self._weights(), feedback.label)
        self._learnt += 1
        decay = self._decay
        self._a *= decay
        self._a += np.outer(row, row)
        self._b *= decay
        self._b[:, feedback.label] += row
        self._weight = self._weight * decay + 1
        self._solved = None
        if self._head.ridge is None and self._learnt >= self._next_look:
            self._next_look = int(self._learnt * _LOOKS_APART) + 1
            self._ridge = self._better_ridge()
        self._waiting.replace(
            feedback.root, waiting._replace(label=feedback.label, learnt_at=self._learnt)
        )

    def _correct(self, feedback: Labelled, waiting: _Taught, row: NDArray[np.float64]) -> None:
        if waiting.label == feedback.label:
            return
        weight = self._decay ** (self._learnt - waiting.learnt_at)
        self._b[:, waiting.label] -= weight * row
        self._b[:, feedback.label] += weight * row
        self._corrected += 1
        self._solved = None
        self._waiting.replace(feedback.root, waiting._replace(label=feedback.label))

    def _learn_sharpness(self, scores: NDArray[np.float64], label: int) -> None:
        shares = _softmax(self._sharpness * scores[None])[0]
        gradient = float(self._sharpness * (shares @ scores - scores[label]))
        self._squares += gradient * gradient
        step = _SHARPNESS_STEP * gradient / self._squares**0.5
        self._sharpness = float(np.clip(self._sharpness * np.exp(-step), 1.0, 50.0))

    def _weights(self) -> NDArray[np.float64]:
        if self._solved is None:
            solved = np.linalg.solve(self._held(self._ridge), self._b)
            self._solved = solved.astype(np.float64, copy=False)
        return self._solved

    def _held(self, ridge: float) -> NDArray[np.float64]:
        """A with a hold on the weights, which does not fade with the labels."""
        held = self._a.copy()
        held.flat[:: len(held) + 1] += ridge
        return held

    def _better_ridge(self) -> float:
        """Where the labels are the most probable, up or down from the present ridge."""
        at, found = self._ridge, self._evidence(self._ridge)
        for step in (1 / _RIDGE_STEP, _RIDGE_STEP):
            first = at
            while _RIDGES[0] <= at * step <= _RIDGES[1] and found < (
                better := self._evidence(at * step)
            ):
                at, found = at * step, better
            if at != first:
                break
        return at

    def _evidence(self, ridge: float) -> float:
        return evidence(self._held(ridge), self._b, ridge, self._weight)

    def _prediction(self, shares: NDArray[np.float64]) -> Prediction:
        order = np.argsort(-shares, kind="stable")[: self._head.top]
        scores = {self._labels[i]: float(shares[i]) for i in order.tolist()}
        label = self._labels[int(order[0])]
        return Prediction(label, scores[label], scores)


def evidence(
    held: NDArray[np.float64], b: NDArray[np.float64], ridge: float, weight: float
) -> float:
    """Log probability of labels under a ridge, up to a constant: Bayesian linear regression.

    Minus infinity where the ridge is lost beside embeddings so long that rounding is larger.

    The noise has the variance that makes them the most probable (MacKay 1992, "Bayesian
    Interpolation").

    Args:
        held: `A + ridge·I`, `(width, width)`.
        b: `(width, labels)`.
        ridge: that is in `held`.
        weight: of all labels; also the sum of squares of their one-hot rows.
    """
    width, labels = b.shape
    try:
        factor = np.linalg.cholesky(held)
    except np.linalg.LinAlgError:
        return -math.inf
    size = 2 * float(np.log(np.diag(factor)).sum())
    # With z = L⁻¹B, the sum of squares of z is the trace of BᵀA⁻¹B.
    unexplained = weight - float((np.linalg.solve(factor, b) ** 2).sum())
    rows = max(weight, 1.0)
    noise = max(unexplained, 1e-9 * rows) / (rows * labels)
    fit: float = rows * math.log(noise) + size - width * math.log(ridge)
    return -0.5 * float(labels) * fit


def _row_of(item: HeadInput | _Taught) -> NDArray[np.float64]:
    if isinstance(item, Labelled):
        raise TypeError("feedback has no embedding")
    return np.append(item.numbers.astype(np.float64), 1.0)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]  # NumPy says Any
