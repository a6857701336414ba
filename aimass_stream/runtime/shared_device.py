"""What the lanes of one device share: the link to it, the gate before it, its use of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aimass_stream import metrics
from aimass_stream.model import ModelSpec
from aimass_stream.runtime.batch import Scored
from aimass_stream.runtime.room import Room
from aimass_stream.runtime.usage import Clock, DeviceUsage

BESIDE_OTHERS = 1
"""What an ordinary batch takes of a device's gate."""
APART = 1 << 30
"""All of the gate: nothing else is in flight while a batch is."""


class Link(Protocol):
    """What answers batches: a device process, or anything that behaves like one."""

    async def load(self, spec: ModelSpec) -> None:
        """Have a model ready; asked again, it tries again where it could not.

        Raises:
            SetupError: it cannot be loaded.
        """
        ...

    async def predict(self, model_id: str, payloads: Sequence[bytes | memoryview], /) -> Scored:
        """Answer a batch, one answer for each payload, in order.

        Raises:
            BatchFailed: there are no answers.
            SetupError: the model cannot be loaded any more.
            AimassError: there will never be any.
        """
        ...


class SharedDevice:
    """What the lanes of one device share.

    Attributes:
        link: answers batches.
        gate: lets batches through beside each other, or one apart from all others. A process
            that dies does not say of which batch, so only what was alone may be blamed.
        usage: what the device does with its time.
        clock: seconds, never going back.
    """

    def __init__(self, link: Link, buffer_bytes: int, clock: Clock) -> None:
        self.link = link
        self.gate = Room(APART)
        self.clock = clock
        self.usage = DeviceUsage(clock)
        self._buffer_bytes = buffer_bytes
        self._rooms: list[Room] = []

    def make_room(self) -> Room:
        """A bound on the payloads that are held for one more model.

        Each model has its own: one that hangs or fails fills it, and the others go on.
        """
        room = Room(self._buffer_bytes)
        self._rooms.append(room)
        return room

    def report(self) -> None:
        """Bring the metric of held bytes up to date."""
        metrics.HELD_BYTES.set(sum(room.held for room in self._rooms))
