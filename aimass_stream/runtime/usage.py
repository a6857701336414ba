"""What a device did with its time, as seen from the worker: busy, or idle and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from aimass_stream import metrics
from aimass_stream.runtime.batch import Scored

Clock = Callable[[], float]
"""Seconds since some moment, never going back."""


class Want(StrEnum):
    """Why no record has come to a device."""

    NOTHING_TO_DO = "nothing_to_do"
    """There is none, as far as anybody knows."""
    FETCH = "fetch"
    """Some lie on the broker and were not fetched yet."""
    BROKER = "broker"
    """The broker does not answer, or is slow to take answers."""
    REBALANCE = "rebalance"
    """The worker has no partitions, or tables are being filled."""
    AGENT = "agent"
    """Some wait for their agent, which is busy with those before."""


def nothing_to_do() -> Want:
    """What is said where nobody knows of records."""
    return Want.NOTHING_TO_DO


_WANT = {want: metrics.DEVICE_IDLE_S.labels(want) for want in Want}
_SKEW = metrics.DEVICE_IDLE_S.labels("skew")
_DECODE = metrics.DEVICE_IDLE_S.labels("decode")
_LINK = metrics.DEVICE_IDLE_S.labels("link")


@dataclass(slots=True, eq=False)
class Flight:
    """A batch on the device or on its way there.

    Attributes:
        arrival_s: when its oldest record was submitted.
        sent_s: when it was sent.
        expected_ms: what it should take.
    """

    arrival_s: float
    sent_s: float
    expected_ms: float


@dataclass(slots=True)
class DeviceUsage:
    """The batches in flight to one device, of all its models, and its idle time by cause.

    Attributes:
        clock: seconds, never going back.
        why: why no record has come now; asked when the device has nothing to do.
    """

    clock: Clock
    why: Callable[[], Want] = nothing_to_do
    _flights: dict[Flight, None] = field(default_factory=dict)
    _begun_s: float = 0.0
    _free_since_s: float | None = None
    _want: Want = Want.NOTHING_TO_DO

    def send(self, arrival_s: float, expected_ms: float) -> Flight:
        """Note a batch that is sent now."""
        now_s = self.clock()
        if not self._flights:
            self._begun_s = now_s
        flight = Flight(arrival_s, now_s, expected_ms)
        self._flights[flight] = None
        return flight

    def land(self, flight: Flight, scored: Scored | None) -> None:
        """Note that a batch is done with: answered, or None when it failed."""
        self._begun_s = self.clock()
        self._flights.pop(flight, None)
        if scored is not None:
            self._account(flight, scored)
        self._free_since_s = self._begun_s
        if not self._flights:
            self._want = self.why()

    def look(self) -> None:
        """Count idle time so far, which may go on for long; only while no record is here."""
        if self._flights:
            return
        now_s = self.clock()
        if self._free_since_s is not None:
            _WANT[self._want].inc(now_s - self._free_since_s)
        self._free_since_s, self._want = now_s, self.why()

    def busy_ms(self) -> float:
        """How long the device will be busy with what it was sent."""
        if not self._flights:
            return 0.0
        expected_ms = sum(flight.expected_ms for flight in self._flights)
        return max(0.0, expected_ms - (self.clock() - self._begun_s) * 1000)

    def _account(self, flight: Flight, scored: Scored) -> None:
        free_s = self._free_since_s
        predicting_s = self._begun_s - scored.predict_ms / 1000
        if free_s is None or predicting_s <= free_s:
            return
        # The gap from the end of the last batch to the beginning of this one, cut where this
        # one's oldest record arrived and where it was sent.
        arrived_s = min(max(flight.arrival_s, free_s), predicting_s)
        sent_s = min(max(flight.sent_s, arrived_s), predicting_s)
        decode_s = min(scored.decode_ms / 1000, predicting_s - sent_s)
        _WANT[self._want].inc(arrived_s - free_s)
        _SKEW.inc(sent_s - arrived_s)
        _DECODE.inc(decode_s)
        _LINK.inc(predicting_s - sent_s - decode_s)
