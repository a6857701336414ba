"""The state of a gallery: who is enrolled, and what waits to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.gallery.declaration import Gallery
from aimass_stream.learners.gallery.events import (
    Enrolled,
    Erased,
    GalleryInput,
    Named,
    Seen,
    Vector,
    read_event,
)
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.learners.waiting import Waiting
from aimass_stream.records import Match


class GalleryState:
    """The `LearnerState` of `Gallery`. An answer compares with every enrolled embedding."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._gallery = Gallery("gallery", **settings)
        self._enrolled: dict[str, list[Vector]] = {}
        self._waiting: Waiting[Vector] = Waiting(self._gallery.keep_records, self._gallery.keep_s)
        self._unmatched = 0
        self._refused = 0
        self._stacked: tuple[Vector, list[str]] | None = None
        self._open = OpenBlock(lambda: None, self._answer)

    @property
    def counts(self) -> Mapping[str, int]:
        """`identities` enrolled, naming that was `unmatched`, and enrolments `refused`."""
        return {
            "identities": len(self._enrolled),
            "unmatched": self._unmatched,
            "refused": self._refused,
        }

    def read(self, event: Event) -> GalleryInput:
        """An embedding, or what is said of an identity.

        Raises:
            RecordError: it is neither.
        """
        return read_event(event, self._gallery.dimensions)

    def score(self, inputs: Sequence[GalleryInput]) -> list[Match | None]:
        """Whose each embedding is; None for all else."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[GalleryInput]) -> None:
        """Enrol and erase, and remember embeddings that may be enrolled yet."""
        self._open.close()
        for one in inputs:
            if isinstance(one, Seen):
                self._waiting.add(one.root, one.vector, one.time_ms)
            elif isinstance(one, Named):
                self._enrol_waiting(one)
            elif isinstance(one, Enrolled):
                self._enrol(one.identity, one.vector)
            else:
                self._erase(one)

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        size = self._gallery.dimensions
        vectors, owners = self._rows()
        arrays: dict[str, NDArray[np.generic]] = {
            "vectors": vectors.copy(),
            "waiting": np.array(self._waiting.items, np.float32).reshape(-1, size),
            "times": self._waiting.times_ms,
        }
        data = {
            "owners": list(owners),
            "roots": self._waiting.roots,
            "unmatched": self._unmatched,
            "refused": self._refused,
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of embeddings of another length.
        """
        arrays, data = snapshot
        if arrays["vectors"].shape[1:] != (self._gallery.dimensions,):
            raise ValueError(f"a gallery of {arrays['vectors'].shape[1:]} numbers")
        self._enrolled = {}
        for owner, vector in zip(data["owners"], arrays["vectors"].astype("f4"), strict=True):
            self._enrolled.setdefault(owner, []).append(vector)
        self._waiting.restore(
            data["roots"], arrays["waiting"].astype("f4"), arrays["times"].tolist()
        )
        self._unmatched, self._refused = data["unmatched"], data["refused"]
        self._stacked = None
        self._open.close()

    def _answer(self, ahead: None, inputs: Sequence[GalleryInput]) -> list[Match | None]:
        del ahead
        return [self._match(one.vector) if isinstance(one, Seen) else None for one in inputs]

    def _match(self, vector: Vector) -> Match:
        threshold = self._gallery.threshold
        vectors, owners = self._rows()
        if not owners:
            return Match("", -1.0, threshold)
        # One embedding at a time: alone and in a block it meets the same sums.
        cosines = np.clip(vectors @ vector, -1, 1)
        # So many hold the best identities, whatever each of them has: no need to sort them all.
        most = min(self._gallery.top * self._gallery.embeddings, len(owners))
        near = np.flatnonzero(cosines >= np.partition(cosines, -most)[-most])
        best: dict[str, float] = {}
        for at in near[np.argsort(-cosines[near], kind="stable")].tolist():
            best.setdefault(owners[at], float(cosines[at]))
            if len(best) == self._gallery.top:
                break
        name, score = next(iter(best.items()))
        return Match(name if score >= threshold else "", score, threshold, best)

    def _enrol_waiting(self, named: Named) -> None:
        vector = self._waiting.take(named.root, named.time_ms)
        if vector is None:
            self._unmatched += 1
            return
        self._enrol(named.identity, vector)

    def _enrol(self, identity: str, vector: Vector) -> None:
        if identity not in self._enrolled and len(self._enrolled) >= self._gallery.identities:
            self._refused += 1
            return
        held = self._enrolled.setdefault(identity, [])
        held.append(vector)
        del held[: -self._gallery.embeddings]
        self._stacked = None

    def _erase(self, erased: Erased) -> None:
        if self._enrolled.pop(erased.identity, None) is not None:
            self._stacked = None

    def _rows(self) -> tuple[Vector, list[str]]:
        """Every enrolled embedding, `(rows, dimensions)` float32, and whose each is."""
        if self._stacked is None:
            rows = [vector for held in self._enrolled.values() for vector in held]
            owners = [name for name, held in self._enrolled.items() for _ in held]
            stacked = np.array(rows, np.float32).reshape(len(rows), self._gallery.dimensions)
            # Views of one array from here on, or each embedding would be held twice.
            views = iter(stacked)
            for held in self._enrolled.values():
                held[:] = islice(views, len(held))
            self._stacked = (stacked, owners)
        return self._stacked
