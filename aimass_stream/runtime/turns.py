"""Whose turn it is on a device that several models share.

Fair queueing (Demers, Keshav and Shenker, Analysis and Simulation of a Fair Queueing Algorithm,
SIGCOMM 1989), with the device's time in place of bytes: each model has a mark of how much it was
given, and one whose mark is ahead of that of another which waits lets it go first. So models that
all have more to do than they get divide the device alike, however long their batches are. One that
had nothing to do begins where the others are: it is served at once, and saves nothing up.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True, eq=False, weakref_slot=True)
class Share:
    """What one model was given of a device.

    Attributes:
        mark_ms: how far it has come.
        batch_ms: what its last batch was expected to take.
        batches: of it in flight.
        is_idle: it had nothing to do.
    """

    mark_ms: float = 0.0
    batch_ms: float = 0.0
    batches: int = 0
    is_idle: bool = True


class Turns:
    """Counts what the models of one device were given of it."""

    def __init__(self) -> None:
        self._shares: weakref.WeakSet[Share] = weakref.WeakSet()
        self._now_ms = 0.0

    def join(self) -> Share:
        """Count one more model; it is forgotten when nobody holds its share any more."""
        share = Share()
        self._shares.add(share)
        return share

    def is_due(self, share: Share, waiting: Iterable[Share]) -> bool:
        """Whether a model may send its next batch while those others wait with theirs.

        It may be one batch ahead, so that one is decoded while another is predicted.
        """
        first_ms = min((other.mark_ms for other in waiting if not other.is_idle), default=None)
        return first_ms is None or share.is_idle or share.mark_ms <= first_ms + share.batch_ms

    def send(self, share: Share, expected_ms: float) -> None:
        """Note a batch that is sent now."""
        if share.is_idle:
            share.mark_ms, share.is_idle = max(share.mark_ms, self._now_ms), False
        share.mark_ms += expected_ms
        share.batch_ms = expected_ms
        share.batches += 1

    def land(self, share: Share, expected_ms: float, took_ms: float, *, has_more: bool) -> None:
        """Note that a batch is done with, and whether its model has more to do."""
        share.mark_ms += took_ms - expected_ms
        at_work = (other.mark_ms for other in self._shares if not other.is_idle)
        self._now_ms = max(self._now_ms, min(at_work))
        share.batches -= 1
        share.is_idle = not has_more and not share.batches
