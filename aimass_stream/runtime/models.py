"""The models of one worker: resolved and loaded once each, scored through one scorer.

Weights live in the device process, to which a worker connects when the first model that needs
one is prepared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aimass_stream.adapters.inline import Inline
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import Settings
from aimass_stream.errors import RecordError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.records import Chunk, Record
from aimass_stream.registry.folder import resolve
from aimass_stream.runtime.batch import Hear
from aimass_stream.runtime.device_host import HostOptions
from aimass_stream.runtime.inline import score_inline
from aimass_stream.runtime.memory_limit import memory_limit_bytes
from aimass_stream.runtime.process_link import ProcessLink
from aimass_stream.runtime.record_metrics import RecordMetrics
from aimass_stream.runtime.scored import Outcomes
from aimass_stream.runtime.scorer import Scorer
from aimass_stream.runtime.shared_device import stages_of
from aimass_stream.runtime.supervisor import DEVICE_SOCKET
from aimass_stream.runtime.usage import Want, nothing_to_do


class InlineOutcomes:
    """Outcomes that are there from the start."""

    states: Sequence[int] = ()

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
        why: why no record is submitted now; asked when the device has nothing to do.
    """

    def __init__(
        self,
        settings: Settings,
        on_error: Callable[[BaseException], None],
        why: Callable[[], Want] = nothing_to_do,
    ) -> None:
        self._settings = settings
        self._why = why
        self.payloads = PayloadStore(settings.payloads_folder, settings.claim_prefixes)
        self._specs: dict[int, asyncio.Task[ModelSpec]] = {}
        self._inline: dict[int, RecordMetrics] = {}
        self._scorer: asyncio.Task[Scorer] | None = None
        options = HostOptions(rss_limit_bytes=memory_limit_bytes(settings))
        self._process = ProcessLink(DEVICE_SOCKET, "cpu", options, on_error)

    async def prepare(self, model: Model[Any]) -> ModelSpec:
        """Resolve and load a model, once for all who ask.

        Raises:
            ConfigError: the model is not in the registry.
            SetupError: it cannot be loaded.
        """
        task = self._specs.get(id(model))
        if task is None:
            task = self._specs[id(model)] = asyncio.create_task(self._load(model))
            # Who asked may be gone by the time it fails.
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(task)

    async def submit(
        self,
        model: Model[Any],
        chunk: Chunk,
        kind: type[Record],
        lag: int,
        hear: Hear | None = None,
    ) -> Outcomes:
        """Submit the rows of a chunk; an inline model answers at once.

        Waits while too many bytes are held. `hear` is told of answers while they are written.
        """
        if isinstance(model, Inline):
            return InlineOutcomes(await self._score_inline(model, chunk))
        scorer = await self._start_scorer()
        return await scorer.submit(model, chunk.records(kind), lag=lag, hear=hear)

    async def _score_inline(self, model: Inline[Any], chunk: Chunk) -> Sequence[Any]:
        counters = self._inline[id(model)]
        counters.submitted.inc(len(chunk))
        outcomes = await score_inline(model, chunk)
        counters.settled(outcomes)
        return outcomes

    @property
    def troubles(self) -> list[str]:
        """Why records of models wait, in sentences; empty while nothing is wrong."""
        loading = sum(not task.done() for task in self._specs.values())
        troubles = [f"{loading} model(s) are being loaded"] if loading else []
        if self._process.is_away:
            troubles.append("the device process is being started")
        scorer = self._connected()
        return troubles + (scorer.troubles if scorer is not None else [])

    @property
    def is_isolating(self) -> bool:
        """Whether a record that made its batch fail is being looked for, which takes its time."""
        scorer = self._connected()
        return scorer is not None and scorer.is_isolating

    @property
    def longest_timeout_s(self) -> float:
        """Of the models that are loaded; 0 when there is none."""
        specs = [task for task in self._specs.values() if task.done() and not task.cancelled()]
        return max((task.result().timeout_s for task in specs if not task.exception()), default=0.0)

    def look(self) -> None:
        """Count the device's idle time so far; call it every second or so."""
        scorer = self._connected()
        if scorer is not None:
            scorer.look()

    def _connected(self) -> Scorer | None:
        task = self._scorer
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return None
        return task.result()

    async def close(self) -> None:
        """Close the link, and the device process if it is ours."""
        if self._scorer is not None:
            await (await self._scorer).close()
        await self._process.close()
        self.payloads.close()

    def _resolve(self, model: Model[Any]) -> ModelSpec:
        return resolve(model, self._settings.models_folder)

    async def _load(self, model: Model[Any]) -> ModelSpec:
        spec = await asyncio.to_thread(self._resolve, model)
        if isinstance(model, Inline):
            self._inline[id(model)] = RecordMetrics(spec.id)
        else:
            scorer = await self._start_scorer()
            await scorer.add(model, spec)
        return spec

    async def _start_scorer(self) -> Scorer:
        if self._scorer is None:
            self._scorer = asyncio.create_task(self._connect())
        return await asyncio.shield(self._scorer)

    async def _connect(self) -> Scorer:
        link = await self._process.get()
        return Scorer(
            link,
            self.payloads,
            buffer_bytes=self._settings.buffer_bytes,
            stages=stages_of(link.device),
            why=self._why,
        )
