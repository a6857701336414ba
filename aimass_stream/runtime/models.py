"""The models of one worker: resolved and loaded once each, scored through one scorer.

Weights live in the device process. Under `aimass worker` the supervisor owns that process and
names its socket in `AIMASS_DEVICE_SOCKET`; a bare `faust worker` starts one of its own, when
the first model that needs one is prepared.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aimass_stream.adapters.inline import Inline
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import Settings
from aimass_stream.errors import AimassError, RecordError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.records import Chunk, Record
from aimass_stream.registry.folder import resolve
from aimass_stream.runtime.device_host import DeviceHost
from aimass_stream.runtime.inline import score_inline
from aimass_stream.runtime.link import DeviceLink
from aimass_stream.runtime.scored import Outcomes
from aimass_stream.runtime.scorer import Scorer
from aimass_stream.runtime.supervisor import DEVICE_SOCKET


class InlineOutcomes:
    """Outcomes that are there from the start."""

    def __init__(self, outcomes: Sequence[Any | RecordError]) -> None:
        self.outcomes = outcomes

    async def wait(self, row: int) -> int:
        """Every row is known."""
        del row
        return len(self.outcomes)

    def cancel(self) -> None:
        """Nothing is under way."""


class Models:
    """Prepares models and submits chunks to them; one per worker, on its event loop.

    Args:
        settings: where models and payloads lie.
        on_error: told when a device process of its own cannot be kept alive.
    """

    def __init__(self, settings: Settings, on_error: Callable[[BaseException], None]) -> None:
        self._settings = settings
        self._on_error = on_error
        self.payloads = PayloadStore(settings.payloads_folder, settings.claim_prefixes)
        self._specs: dict[int, asyncio.Task[ModelSpec]] = {}
        self._host: DeviceHost | None = None
        self._scorer: asyncio.Task[Scorer] | None = None
        self._link: DeviceLink | None = None
        self._watching: asyncio.Task[None] | None = None

    async def prepare(self, model: Model[Any]) -> ModelSpec:
        """Resolve and load a model, once for all who ask.

        Raises:
            ConfigError: the model is not in the registry.
            SetupError: it cannot be loaded.
        """
        task = self._specs.get(id(model))
        if task is None:
            task = self._specs[id(model)] = asyncio.create_task(self._load(model))
        return await asyncio.shield(task)

    async def submit(
        self, model: Model[Any], chunk: Chunk, kind: type[Record], lag: int
    ) -> Outcomes:
        """Submit the rows of a chunk; an inline model answers at once.

        Waits while too many bytes are held.
        """
        if isinstance(model, Inline):
            return InlineOutcomes(await score_inline(model, chunk))
        scorer = await self._start_scorer()
        return await scorer.submit(model, chunk.records(kind), lag=lag)

    async def close(self) -> None:
        """Close the link, and the device process if it is ours."""
        if self._scorer is not None:
            await (await self._scorer).close()
        if self._link is not None:
            await self._link.close()
        if self._host is not None:
            await self._host.stop()
        self.payloads.close()

    async def _load(self, model: Model[Any]) -> ModelSpec:
        spec = await asyncio.to_thread(resolve, model, self._settings.models_folder)
        if not isinstance(model, Inline):
            scorer = await self._start_scorer()
            await scorer.add(model, spec)
        return spec

    async def _start_scorer(self) -> Scorer:
        if self._scorer is None:
            self._scorer = asyncio.create_task(self._connect())
        return await asyncio.shield(self._scorer)

    async def _watch(self, host: DeviceHost) -> None:
        try:
            await host.watch()
        except AimassError as error:
            self._on_error(error)

    async def _connect(self) -> Scorer:
        socket = os.environ.get(DEVICE_SOCKET)
        if socket is None:
            self._host = DeviceHost(Path.cwd())
            await self._host.start()
            self._watching = asyncio.create_task(self._watch(self._host))
            socket = str(self._host.socket_path)
        self._link = DeviceLink(socket)
        await self._link.connect()
        return Scorer(self._link, self.payloads, buffer_bytes=self._settings.buffer_bytes)
