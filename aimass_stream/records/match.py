"""The answer of a gallery: who it is."""

from __future__ import annotations

import msgspec


class Match(msgspec.Struct, frozen=True):
    """An embedding beside those that were enrolled.

    Attributes:
        identity: whose enrolled embedding is the nearest; empty where none is near enough.
        score: cosine of the angle to it, -1 to 1; -1 where nobody is enrolled.
        threshold: the score from which on it is the same identity.
        nearest: identities with their scores, best first, near enough or not; as many as the
            declaration's `top`.
    """

    identity: str
    score: float
    threshold: float
    nearest: dict[str, float] = {}
