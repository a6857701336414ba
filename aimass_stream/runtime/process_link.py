"""A worker's way to a model process: its supervisor's, or one of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from aimass_stream.errors import AimassError
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import DeviceLink
from aimass_stream.runtime.project import project_folder

LEARNER_OPTIONS = HostOptions(spare=False, threads=1, decode_threads=1)
"""One thread: sums in another order would differ in their last bits after a restart."""


class ProcessLink:
    """Connects when first asked, or told to begin. Lives on one event loop.

    Under `aimass worker` the supervisor owns the process and names its socket in the
    environment; a bare `faust worker` starts one of its own.

    Args:
        variable: the environment variable that names the socket.
        device: what a process of its own is started for.
        options: how a process of its own is run.
        on_error: told when a process of its own cannot be kept alive.
    """

    def __init__(
        self,
        variable: str,
        device: str,
        options: HostOptions,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._variable = variable
        self._device = device
        self._options = options
        self._on_error = on_error
        self._host: DeviceHost | None = None
        self._link: DeviceLink | None = None
        self._connecting: asyncio.Task[DeviceLink] | None = None
        self._watching: asyncio.Task[None] | None = None

    def begin(self) -> asyncio.Task[DeviceLink]:
        """Begin to connect, which starts a process that waits to be asked for."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
        return self._connecting

    async def get(self) -> DeviceLink:
        """The link, connected.

        Raises:
            DeviceError: a process of its own does not start.
        """
        return await asyncio.shield(self.begin())

    @property
    def is_away(self) -> bool:
        """Whether there should be a process, and none is connected."""
        return self._connecting is not None and (self._link is None or self._link.pid is None)

    async def close(self) -> None:
        """Hang up, and end the process if it is ours."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._link is not None:
            await self._link.close()
        if self._host is not None:
            await self._host.stop()

    async def _connect(self) -> DeviceLink:
        socket = os.environ.get(self._variable)
        if socket is None:
            options = replace(self._options, project=project_folder())
            self._host = DeviceHost(Path.cwd(), self._device, options=options)
            await self._host.start()
            self._watching = asyncio.create_task(self._watch(self._host))
            socket = str(self._host.socket_path)
        self._link = DeviceLink(socket)
        await self._link.connect()
        return self._link

    async def _watch(self, host: DeviceHost) -> None:
        try:
            await host.watch()
        except AimassError as error:
            self._on_error(error)
