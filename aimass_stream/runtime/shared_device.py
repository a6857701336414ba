"""What the lanes of one device share: the link to it, the gate before it, its use of time."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Sequence
from typing import Protocol

from aimass_stream import metrics
from aimass_stream.model import ModelSpec
from aimass_stream.runtime.batch import Hear, Scored
from aimass_stream.runtime.room import Room
from aimass_stream.runtime.submission import Row
from aimass_stream.runtime.turns import Share, Turns
from aimass_stream.runtime.usage import Clock, DeviceUsage, Flight, Want, nothing_to_do

BESIDE_OTHERS = 1
"""What an ordinary batch takes of a device's gate."""
APART = 1 << 30
"""All of the gate: nothing else is in flight while a batch is."""


def stages_of(device: str) -> int:
    """Batches of a model to keep in flight to a device.

    One is decoded and one predicted; a GPU works by itself, and has one more behind that one.
    """
    return 3 if device.startswith("cuda") else 2


class Link(Protocol):
    """What answers batches: a device process, or anything that behaves like one."""

    async def load(self, spec: ModelSpec) -> bool:
        """Have a model ready; asked again, it tries again where it could not.

        Returns:
            Whether its records cost the same, since it brings its inputs to one shape.

        Raises:
            SetupError: it cannot be loaded.
        """
        ...

    @property
    def is_loaded(self) -> bool:
        """Whether there is a device process, and no model is being loaded there."""
        ...

    async def wait_loaded(self) -> None:
        """Wait until each model that was asked for is loaded, or was refused.

        Raises:
            AimassError: that will never be.
        """
        ...

    async def predict(
        self, model_id: str, payloads: Sequence[bytes | memoryview], hear: Hear | None = None, /
    ) -> Scored:
        """Answer a batch, one answer for each payload, in order.

        `hear` is told of answers while a model that writes is writing them.

        Raises:
            BatchFailed: there are no answers.
            SetupError: the model cannot be loaded any more.
            AimassError: there will never be any.
        """
        ...


class Sharer(Protocol):
    """One of those that share a device: a lane."""

    share: Share
    """What it was given of the device."""
    writes: bool
    """Whether its answers are written step by step, between the batches of others."""

    @property
    def next_row(self) -> Row | None:
        """The row that has waited longest; None where none does, or none would be served now."""
        ...


class SharedDevice:
    """What the lanes of one device share.

    Attributes:
        link: answers batches.
        gate: lets batches through beside each other, or one apart from all others. A process
            that dies does not say of which batch, so only what was alone may be blamed.
        usage: what the device does with its time.
        clock: seconds, never going back.
        stages: batches of a model in flight.

    `why` says why no record has come, whenever there is nothing to do.
    """

    def __init__(
        self,
        link: Link,
        buffer_bytes: int,
        clock: Clock,
        stages: int,
        why: Callable[[], Want] = nothing_to_do,
    ) -> None:
        self.link = link
        self.stages = stages
        self.gate = Room(APART)
        self.clock = clock
        self.usage = DeviceUsage(clock, why)
        self._buffer_bytes = buffer_bytes
        self._rooms: list[Room] = []
        self._sharers: weakref.WeakSet[Sharer] = weakref.WeakSet()
        self._turns = Turns()
        self._changed = asyncio.Event()

    def join(self, sharer: Sharer) -> Share:
        """Have one more lane counted among those that share the device."""
        self._sharers.add(sharer)
        return self._turns.join()

    async def take_turn(self, sharer: Sharer) -> None:
        """Wait until no lane that waits had less of the device.

        A lane that writes takes no turns: the device goes a step on with it between two batches.
        """
        while not sharer.writes and not self._turns.is_due(
            sharer.share,
            (
                other.share
                for other in self._sharers
                if other is not sharer and not other.writes and other.next_row is not None
            ),
        ):
            self._changed.clear()
            await self._changed.wait()

    def send(self, sharer: Sharer, arrival_s: float, expected_ms: float) -> Flight:
        """Note a batch that is sent now."""
        if not sharer.writes:
            self._turns.send(sharer.share, expected_ms)
        return self.usage.send(arrival_s, expected_ms)

    def land(self, sharer: Sharer, flight: Flight, scored: Scored | None) -> None:
        """Note that a batch is done with: answered, or None when it failed."""
        self.usage.land(flight, scored)
        if sharer.writes:
            return
        took_ms = 0.0 if scored is None else scored.predict_ms
        has_more = sharer.next_row is not None
        self._turns.land(sharer.share, flight.expected_ms, took_ms, has_more=has_more)

    async def take_apart(self, sharer: Sharer) -> None:
        """Take all of the gate, for what may end the device process or have it stand still.

        Whoever else waits is served first, since each would wait for another process; and nothing
        is being loaded then: that would be lost, and who loads may be silent for long.
        """
        while True:
            await self.link.wait_loaded()
            await self._let_others_go_first(sharer)
            await self.gate.take(APART)
            if self.link.is_loaded:
                return
            self.gate.give(APART)

    async def _let_others_go_first(self, sharer: Sharer) -> None:
        """Wait until each other lane was served what has waited there longest."""
        # One turn of the loop, in which whoever lost a batch without blame goes to the gate.
        await asyncio.sleep(0)
        others = [other for other in self._sharers if other is not sharer]
        due = [(other, row) for other in others if (row := other.next_row) is not None]
        while any(other.next_row is not None and not row.is_over for other, row in due):
            self._changed.clear()
            await self._changed.wait()

    def make_room(self) -> Room:
        """A bound on the payloads that are held for one more model.

        Each model has its own: one that hangs or fails fills it, and the others go on.
        """
        room = Room(self._buffer_bytes)
        self._rooms.append(room)
        return room

    def look(self) -> None:
        """Count idle time so far, where no record is here; call it every second or so."""
        if not any(room.held for room in self._rooms):
            self.usage.look()

    def report(self) -> None:
        """Note that rows were settled, or wait no longer, or must wait for something else."""
        self._changed.set()
        metrics.HELD_BYTES.set(sum(room.held for room in self._rooms))
