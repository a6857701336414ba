"""The warm spare of a device: a process that has its imports done, and waits.

The first spare gives way to the process at work, since nothing has happened yet. Those after a
death do not: one death is often followed by another, as when a record that ends the process is
looked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aimass_stream.runtime.device_child import DeviceChild, DeviceProgram
from aimass_stream.runtime.processes import Backoff

_FIRST_NICENESS = 10


class DeviceSpare:
    """Keeps one process warm. Lives on one event loop.

    Args:
        program: of the device.
        on_event: told one line for people about each death.

    Attributes:
        child: the spare, warm or not; None while there is none.
        is_urgent: the process at work has died before, so that imports give way to nothing.
    """

    def __init__(self, program: DeviceProgram, on_event: Callable[[str], None]) -> None:
        self._program = program
        self._on_event = on_event
        self._keeping: asyncio.Task[None] | None = None
        self.child: DeviceChild | None = None
        self.is_urgent = False

    def start(self) -> None:
        """Begin to keep a spare, unless one is kept."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())

    def take(self) -> DeviceChild | None:
        """The spare, if that is quicker than a new process; it is no spare any more.

        Imports that give way to everything else are not, and only root can take that back. Such
        a spare goes on meanwhile, for the next time.
        """
        spare = self.child
        if spare is None or spare.child.exited.done() or (spare.gives_way and not spare.is_warm):
            return None
        self.child = None
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        return spare

    async def stop(self) -> None:
        """End it."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
            self._keeping = None
        if self.child is not None:
            await self.child.child.stop(0)
            self.child = None

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            niceness = 0 if self.is_urgent else _FIRST_NICENESS
            self.child = spare = self._program.spawn("--spare", "--niceness", str(niceness))
            spare.gives_way = niceness > 0
            death = await asyncio.shield(spare.child.exited)
            self.child = None
            why = f": {spare.failure}" if spare.failure else ""
            self._on_event(f"the spare of device {self._program.device} died ({death.reason}){why}")
            await asyncio.sleep(backoff.delay_s(death.lived_s))
