"""The scorer: records in, one outcome each out, by batches on a device. Knows no Kafka.

submit -> (check, estimate cost, take room) -> queue -> batch -> decode -> predict -> outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Protocol, TypeVar

from aimass_stream.error_text import describe, trace_of
from aimass_stream.errors import Reason, RecordError, SetupError, without_frames
from aimass_stream.model import Model, ModelSpec
from aimass_stream.records import Claim, Limits, Record
from aimass_stream.runtime.batch import Hear
from aimass_stream.runtime.lane import Lane
from aimass_stream.runtime.shared_device import Link, SharedDevice
from aimass_stream.runtime.submission import Row, Submission
from aimass_stream.runtime.usage import Clock, Want, nothing_to_do

__all__ = ["Link", "PayloadFetcher", "Scorer", "Submission"]

A = TypeVar("A")

FETCHES = 32
"""Payloads of claim checks fetched at a time."""

# Within these, sums and squares of costs are ordinary numbers.
_LEAST_COST = 1e-6
_MOST_COST = 1e15


class PayloadFetcher(Protocol):
    """Fetches the payload of a claim check, off the event loop."""

    async def __call__(self, claim: Claim, limits: Limits) -> bytes:
        """The payload, verified against the claim.

        Raises:
            RecordError: it is refused, missing, or not what the claim says.
        """
        ...


class Scorer:
    """Scores records with the models of one device; one per worker, on one event loop.

    Args:
        link: answers batches; it stays its owner's to close.
        fetch: fetches claim checks; without it they are refused.
        buffer_bytes: payloads held at a time for each model; `submit` waits beyond it.
        clock: seconds, never going back.
        stages: batches of a model in flight; see `stages_of`.
        why: why no record is submitted now; asked when the device has nothing to do.
    """

    def __init__(
        self,
        link: Link,
        fetch: PayloadFetcher | None = None,
        *,
        buffer_bytes: int,
        clock: Clock = time.monotonic,
        stages: int = 2,
        why: Callable[[], Want] = nothing_to_do,
    ) -> None:
        self._fetch = fetch or _refuse
        self._fetches = asyncio.Semaphore(FETCHES)
        self._device = SharedDevice(link, buffer_bytes, clock, stages, why)
        self._lanes: dict[int, Lane[Any]] = {}

    async def add(self, model: Model[Any], spec: ModelSpec) -> None:
        """Load a model on the device; a second call for the same declaration does nothing.

        Raises:
            SetupError: the model cannot be loaded.
        """
        if id(model) in self._lanes:
            return
        costs_alike = await self._device.link.load(spec)
        if id(model) not in self._lanes:
            lane = Lane(model, spec, self._device, costs_alike=costs_alike)
            self._lanes[id(model)] = lane
            lane.start()

    async def submit(
        self,
        model: Model[A],
        records: Sequence[Record],
        *,
        lag: int = 0,
        hear: Hear | None = None,
    ) -> Submission[A]:
        """Take records in for a model that was added, in any number.

        Returns when all are taken in, which waits while too many bytes are held. A record
        larger than the bound passes alone. A call that is cancelled leaves nothing behind.

        Args:
            model: who answers.
            records: their outcomes keep this order.
            lag: records behind these on the broker; the higher, the larger the batches.
            hear: told of answers while they are written, by a model that writes. After a retry
                it hears them again from the first piece on.

        Returns:
            The outcomes, as they become known.

        Raises:
            SetupError: the model was not added.
            AimassError: no outcome of this model can be established any more.
        """
        lane: Lane[A] | None = self._lanes.get(id(model))
        if lane is None:
            raise SetupError(f"{type(model).__name__} was not added to this scorer")
        submission = lane.open(len(records), lag, hear)
        try:
            await self._admit(lane, submission, records)
        except BaseException:
            submission.cancel()
            raise
        lane.metrics.submitted.inc(len(records))
        self._device.report()
        return submission

    @property
    def troubles(self) -> list[str]:
        """What is wrong with models now, in sentences."""
        return [lane.trouble for lane in self._lanes.values() if lane.trouble]

    @property
    def is_isolating(self) -> bool:
        """Whether a record that made its batch fail is being looked for."""
        return any(lane.is_isolating for lane in self._lanes.values())

    def look(self) -> None:
        """Count the device's idle time so far; call it every second or so."""
        self._device.look()

    async def close(self) -> None:
        """Stop; what has no outcome yet is cancelled, in flight or not."""
        lanes, self._lanes = list(self._lanes.values()), {}
        for lane in lanes:
            await lane.close()

    # -- admission -----------------------------------------------------------------------

    async def _admit(
        self, lane: Lane[A], submission: Submission[A], records: Sequence[Record]
    ) -> None:
        room, arrival_s = lane.room, self._device.clock()
        ready: list[Row] = []
        for index, record in enumerate(records):
            row = _make_row(lane, submission, index, record, arrival_s)
            if isinstance(row, RecordError):
                submission.outcomes[index] = row
                lane.metrics.failed(row)
                continue
            if not room.try_take(row.size):
                lane.put(ready)
                ready = []
                await room.take(row.size)
            submission.hold(row.size)
            if record.claim is None:
                ready.append(row)
            else:
                fetch = self._attach(lane, row, record, record.claim)
                submission.add_fetch(asyncio.create_task(fetch))
        lane.put(ready)

    async def _attach(self, lane: Lane[Any], row: Row, record: Record, claim: Claim) -> None:
        """Fetch what a claim check points to, then queue the row or settle it."""
        outcome: RecordError
        try:
            async with self._fetches:
                payload = await self._fetch(claim, lane.model.limits)
            record.attach(payload)
            row.payload, row.cost = lane.model.payload(record), _cost(lane, record)
        except RecordError as error:
            outcome = without_frames(error)
        except Exception as error:
            # Whatever a store or a record type raises here costs this record only.
            outcome = RecordError(Reason.CLAIM_BROKEN, describe(error), trace_of(error))
        else:
            lane.put([row])
            return
        row.submission.outcomes[row.index] = outcome
        row.submission.settle(row.size)
        lane.metrics.failed(outcome)


async def _refuse(claim: Claim, limits: Limits) -> bytes:
    del claim, limits
    raise RecordError(Reason.CLAIM_REFUSED, "no payload store is set up")


def _make_row(
    lane: Lane[A], submission: Submission[A], index: int, record: Record, arrival_s: float
) -> Row | RecordError:
    """Look at the envelope; a claim's payload and cost are filled in when it was fetched."""
    model = lane.model
    try:
        record.check(model.limits)
        claim = record.claim
        if claim is not None:
            return Row(1.0, arrival_s, submission, index, b"", max(0, claim.size))
        payload = model.payload(record)
        return Row(_cost(lane, record), arrival_s, submission, index, payload, len(payload))
    except RecordError as error:
        return without_frames(error)
    except Exception as error:
        detail = describe(error, record.value or b"")
        return RecordError(Reason.BAD_ENVELOPE, detail, trace_of(error))


def _cost(lane: Lane[Any], record: Record) -> float:
    """The cost of a record; one that is no positive number counts as 1."""
    cost = 1.0 if lane.costs_alike else lane.model.cost(record)
    return min(max(cost, _LEAST_COST), _MOST_COST) if 0 < cost < inf else 1.0
