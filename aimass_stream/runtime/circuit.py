"""The circuit of one model: open while the model fails, whatever it is given.

A record that fails costs itself. A model that fails on everything would cost the whole topic,
so after many failures in a row the circuit opens: nobody is blamed any more, records are held,
and one of them at a time is tried as a probe. The first answer closes the circuit. Pure
bookkeeping: the lane asks, sends and waits.
"""

from __future__ import annotations

from aimass_stream.errors import Reason
from aimass_stream.runtime.usage import Clock

LOSSES = frozenset({Reason.MODEL_CRASH, Reason.MODEL_TIMEOUT})
"""Failures that cost the device process, and with it the time of every model on it."""

LOSS_WEIGHT = 10
"""A record that costs the process counts for this many: fifty hangs would take half an hour."""

FIRST_PROBE_S = 0.5
MAX_PROBE_S = 10.0
REST_SHARE = 4
"""The pause after a probe is at least this many times as long as the probe took."""

_GOLDEN = 0.6180339887498949


class Circuit:
    """Counts failures in a row, and says when to probe.

    Args:
        limit: failed records in a row that open it.
        clock: seconds, never going back.

    Attributes:
        since_s: when it opened, on the clock; None while it is closed.
        last_failure: what was wrong last, for people; no payload.
        costs_process: the last failure took the device process with it.
    """

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._in_a_row = 0
        self._answered = 0
        self._pause_s = FIRST_PROBE_S
        self._probes = 0
        self.since_s: float | None = None
        self.last_failure = ""
        self.costs_process = False

    @property
    def is_open(self) -> bool:
        """Whether nobody may be blamed, and nothing but probes is sent."""
        return self.since_s is not None

    def note_answers(self, rows: int) -> None:
        """Records were answered: failures begin to count anew, and an open circuit closes."""
        self._in_a_row = 0
        self._answered += rows
        if self._answered >= self._limit:
            # It works in earnest; after a single answer it may only seem to.
            self._pause_s = FIRST_PROBE_S
        self.since_s = None

    def blame(self, reason: Reason, detail: str) -> bool:
        """Whether a record that failed may be blamed for it; opens at the last that may.

        Call it once a record, when its failure is its own.
        """
        self._note(reason, detail)
        if self.is_open:
            return False
        self._in_a_row += LOSS_WEIGHT if reason in LOSSES else 1
        if self._in_a_row >= self._limit:
            self.open(self.last_failure)
        return True

    def open(self, failure: str) -> None:
        """Open it, or say what is wrong now."""
        self.last_failure = failure
        if not self.is_open:
            self.since_s = self._clock()
            self._answered = 0

    def note_probe(self, reason: Reason, detail: str) -> None:
        """A probe failed, which decides nothing about its record."""
        self._note(reason, detail)

    def _note(self, reason: Reason, detail: str) -> None:
        self.last_failure = f"{reason}: {detail}"
        self.costs_process = reason in LOSSES

    def next_pause_s(self, probe_s: float) -> float:
        """How long to wait before the next probe, given how long the last one took."""
        pause_s = max(self._pause_s, REST_SHARE * probe_s)
        self._pause_s = min(self._pause_s * 2, MAX_PROBE_S)
        return pause_s

    def next_place(self) -> float:
        """Which of the held records to probe, from 0 (the oldest) to below 1.

        Places are spread: neighbours in a log tend to share a fault, and one bad record must
        not keep the circuit open.
        """
        place = self._probes * _GOLDEN % 1.0
        self._probes += 1
        return place
