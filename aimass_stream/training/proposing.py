"""The state of a `Proposer`: a window of records, and what was fitted on it last.

It lies where fitting does: what it fits is what `fitting.fit` would on the same records.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimass_stream.adapters.estimator_files import task_of, write_estimator
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import settings
from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.proposer.declaration import Proposer
from aimass_stream.records import Limits, Proposal
from aimass_stream.records.json_object import read_object
from aimass_stream.training.captured import Captured
from aimass_stream.training.fitting import fit_captured, fit_estimator, head_of
from aimass_stream.transforms.chain import Chain
from aimass_stream.transforms.estimators import class_of
from aimass_stream.transforms.frozen import library_versions
from aimass_stream.transforms.reading import LARGEST
from aimass_stream.transforms.values import Vector

_LIMITS = Limits()
_TARGETS = (str, int, float)


class Observed(NamedTuple):
    """A record as it is fitted on.

    Attributes:
        place: `topic/partition` of its root.
        offset: of its root.
        value: `(columns,)`, what the chain makes of it before the first step that is fitted.
        target: what is to be learnt of it; None for clusters.
    """

    place: str
    offset: int
    value: Vector
    target: str | int | float | None


class ProposerState:
    """The `LearnerState` of a `Proposer`.

    Args:
        told: the declaration's settings.

    Raises:
        SetupError: the estimator is not offered, or a step's library is not installed.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._learner = Proposer("proposer", **{**told, "chain": Chain.of(told["chain"])})
        self._estimator = _made(self._learner)
        self._head = head_of(self._learner.chain, _LIMITS)
        self._window: deque[Observed] = deque(maxlen=self._learner.window_records)
        self._learnt = 0
        self._due: Proposal | None = None

    def read(self, event: Event) -> Observed:
        """A record up to the first step that is fitted.

        Raises:
            RecordError: BAD_ENVELOPE (no JSON object, or it does not say its target), TOO_LARGE,
                or TRANSFORM_ERROR.
        """
        found = read_object(event.value, _LIMITS.event_bytes)
        target = found.pop(self._learner.target, None) if self._learner.target else None
        if self._learner.target and not isinstance(target, _TARGETS):
            detail = f"{self._learner.target!r} is neither a text nor a number"
            raise RecordError(Reason.BAD_ENVELOPE, detail)
        value: Vector = self._head(found)
        if (np.abs(value) > LARGEST).any():
            raise RecordError(Reason.TRANSFORM_ERROR, f"a column is beyond {LARGEST:g}")
        place, _, offset = event.root.rpartition("/")
        return Observed(place, int(offset), value, target)

    def score(self, inputs: Sequence[Observed]) -> list[Proposal | None]:
        """What was fitted last, to the first record behind it; None to all others."""
        return [None if at else self._due for at in range(len(inputs))]

    def learn(self, inputs: Sequence[Observed]) -> None:
        """Take records in, and fit where it is time to."""
        self._due = None
        before = self._learnt // self._learner.refit_records
        self._window.extend(inputs)
        self._learnt += len(inputs)
        if self._learnt // self._learner.refit_records > before:
            self._due = self._fitted()

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        rows = [one.value for one in self._window]
        data = {
            "learnt": self._learnt,
            "places": [one.place for one in self._window],
            "targets": [one.target for one in self._window],
            "due": None if self._due is None else msgspec.json.encode(self._due),
        }
        arrays: dict[str, NDArray[np.generic]] = {
            "values": np.stack(rows) if rows else np.zeros((0, 0)),
            "offsets": np.array([one.offset for one in self._window], np.int64),
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of other records.
        """
        arrays, data = snapshot
        rows = zip(
            data["places"],
            arrays["offsets"].tolist(),
            np.array(arrays["values"], np.float64),
            data["targets"],
            strict=True,
        )
        self._window = deque((Observed(*row) for row in rows), self._learner.window_records)
        self._learnt = data["learnt"]
        due = data["due"]
        self._due = None if due is None else msgspec.json.decode(due, type=Proposal)

    def _fitted(self) -> Proposal | None:
        """What comes of the window; None where it cannot be fitted on."""
        captured = Captured(
            [one.value for one in self._window], [one.target for one in self._window]
        )
        for one in self._window:
            captured.widen(one.place, one.offset)
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            try:
                chain = fit_captured(captured, self._learner.chain, limits=_LIMITS)
                rows, known = chain.table()
                estimator = fit_estimator(self._estimator, rows, known)
                outputs = [self._learner.target]
                write_estimator(folder, estimator, rows, outputs, library_versions())
            except ConfigError:
                return None
            chain.write(folder)
            # Under their checksums: to put them there again after a restart changes nothing.
            store = PayloadStore(settings().payloads_folder)
            files = {
                path.name: store.put(path.read_bytes(), "application/octet-stream")
                for path in sorted(folder.iterdir())
            }
        return Proposal(
            self._learner.model,
            task_of(estimator),
            len(rows),
            rows.shape[1],
            captured.ranges,
            files,
        )


def _made(learner: Proposer) -> Any:
    """The estimator that is declared, not fitted; what it draws, it always draws alike."""
    made = class_of(learner.estimator)()
    arguments = dict(learner.arguments)
    if "random_state" in made.get_params(deep=False):
        arguments.setdefault("random_state", 0)
    return made.set_params(**arguments)
