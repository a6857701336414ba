"""Small learners whose state shows every record they learnt, in which order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Learner, Snapshot
from aimass_stream.learners.bandit import Bandit
from aimass_stream.learners.quality import QualityWatch


class Folded(msgspec.Struct, frozen=True):
    """What a `Fold` answers: how many it had learnt, and a digest of them all."""

    learnt: int
    digest: str


@dataclass(frozen=True)
class Fold(Learner[Folded]):
    """Folds every value into a digest, so that a state tells its whole history."""

    adapter = "tests.learning.learners:FoldState"

    @property
    def answer_type(self) -> type[Folded]:
        return Folded


class FoldState:
    """Some values do harm: `bad` cannot be read, `odd` not scored, `label` gets no answer."""

    def __init__(self, settings: dict[str, Any]) -> None:
        del settings
        self.learnt = 0
        self.digest = b"\0" * 16

    def read(self, event: Event) -> bytes:
        if event.value == b"bad":
            raise RecordError(Reason.BAD_ENVELOPE, "bad")
        return event.value

    def score(self, inputs: Sequence[bytes]) -> list[Folded | None]:
        if b"odd" in inputs:
            raise ValueError("odd")
        if b"crash" in inputs:
            os.kill(os.getpid(), 9)
        own = Folded(self.learnt, self.digest.hex())
        return [None if value == b"label" else own for value in inputs]

    def learn(self, inputs: Sequence[bytes]) -> None:
        for value in inputs:
            if value == b"unlearnable":
                raise ValueError("cannot learn this")
            self.digest = blake2b(self.digest + value, digest_size=16).digest()
        self.learnt += len(inputs)

    def snapshot(self) -> Snapshot:
        return Snapshot({"learnt": np.array(self.learnt)}, {"digest": self.digest})

    def restore(self, snapshot: Snapshot) -> None:
        self.learnt = int(snapshot.arrays["learnt"])
        self.digest = snapshot.data["digest"]


LABELS = ("even", "odd")
quality = QualityWatch("quality", LABELS, snapshot_rows=500)
slots = Bandit("slots", arms=("a", "b"), fields=("x",), snapshot_rows=50)
