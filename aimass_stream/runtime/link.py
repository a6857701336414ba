"""A worker's link to its device process: loads models, has batches answered, survives deaths."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from aimass_stream.error_text import describe
from aimass_stream.errors import DeviceError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.runtime.batch import BatchFailed, Hear, Scored
from aimass_stream.runtime.death_notes import said_last, tell_death
from aimass_stream.runtime.frames import FrameError, Payload
from aimass_stream.runtime.session import LinkOptions, Session, SessionLostError

__all__ = ["BatchFailed", "DeviceLink", "LinkOptions", "Scored"]

T = TypeVar("T")

log = logging.getLogger("aimass.link")

MAX_LOAD_DEATHS = 5

_FIRST_DELAY_S = 0.02
_MAX_DELAY_S = 0.25

_DEFAULT_OPTIONS = LinkOptions()


@dataclass(slots=True)
class _Model:
    spec: ModelSpec
    deaths: int = 0
    died: list[int] = field(default_factory=list)
    error: SetupError | None = None


class DeviceLink:
    """Calls the models of a device process, whichever process that is at the moment.

    Lives on one event loop; any number of tasks may call it. When the process dies, calls in
    flight fail, the link connects to its successor, loads every model there again, and later
    calls wait for that. It goes on for as long as it is not closed: whether there will be a
    successor is the owner's business.

    Args:
        socket_path: where the device process listens.
        options: sizes and times.
    """

    def __init__(self, socket_path: str | Path, options: LinkOptions = _DEFAULT_OPTIONS) -> None:
        self._path = str(socket_path)
        self._options = options
        self._models: dict[str, _Model] = {}
        self._session: asyncio.Future[Session] | None = None
        self._task: asyncio.Task[None] | None = None
        self.reconnects = 0

    @property
    def pid(self) -> int | None:
        """The device process that is connected now."""
        session = self._connected()
        return None if session is None else session.hello.pid

    @property
    def device(self) -> str:
        """What the process that is connected now computes on; empty while there is none."""
        session = self._connected()
        return "" if session is None else session.hello.device

    async def connect(self) -> None:
        """Connect, waiting for the device process as long as it takes to start."""
        if self._task is None:
            self._session = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._keep_connected())
        await self._wait_session()

    async def load(self, spec: ModelSpec) -> bool:
        """Have a model ready, in this device process and in every one that follows.

        Returns:
            Whether its records cost the same.

        Raises:
            SetupError: the adapter refuses, or the process dies each time it loads the model.
            DeviceError: the link is closed.
        """
        model = self._models.get(spec.id)
        if model is None:
            model = self._models[spec.id] = _Model(spec)
        elif model.error is not None:
            # Tried again; a process is spent on it once more, not as often as at first.
            model = self._models[spec.id] = _Model(spec, deaths=MAX_LOAD_DEATHS - 1)
        if model.spec != spec:
            raise SetupError(f"{spec.id} is loaded with other settings; give it a new version")
        while model.error is None:
            session = await self._wait_session()
            try:
                loaded = await asyncio.shield(session.load(spec))
            except SessionLostError:
                continue
            except SetupError as error:
                model.error = error
                raise
            return loaded.costs_alike
        raise model.error

    @property
    def is_loaded(self) -> bool:
        """Whether a device process is connected, and no model is being loaded there."""
        session = self._connected()
        return session is not None and all(loaded.done() for loaded in session.loads.values())

    async def wait_loaded(self) -> None:
        """Wait until each model that was asked for is loaded, or was refused.

        Raises:
            DeviceError: the link is closed.
        """
        await self._wait_session()
        while not self.is_loaded:
            session = await self._wait_session()
            if pending := [loaded for loaded in session.loads.values() if not loaded.done()]:
                await asyncio.wait(pending)

    async def predict(
        self, model_id: str, payloads: Sequence[Payload], hear: Hear | None = None
    ) -> Scored:
        """Have a loaded model answer a batch; waits while there is no device process.

        The payloads must not change until this returns. It may be cancelled at any time.

        Args:
            model_id: `name@version` of a model that was loaded.
            payloads: what is to be answered.
            hear: told of answers while they are written, by a model that writes.

        Raises:
            BatchFailed: there are no answers; split the batch and try again.
            SetupError: the model was not loaded, or the process's successor cannot load it.
            DeviceError: the link is closed.
        """
        model = self._models.get(model_id)
        if model is None:
            raise SetupError(f"model {model_id} was not loaded by this worker")
        while model.error is None:
            session = await self._wait_session()
            loaded = session.loads.get(model_id) or session.load(model.spec)
            try:
                await _result_of(loaded)
            except SessionLostError:
                continue
            if not session.closed.is_set():
                return await session.predict(model.spec, payloads, hear)
        raise model.error

    async def close(self) -> None:
        """Hang up; calls in flight and later ones raise `DeviceError`."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        session, waited = self._connected(), self._session
        self._session = asyncio.get_running_loop().create_future()
        for future in filter(None, (self._session, waited)):
            if not future.done():
                future.set_exception(DeviceError("the link to the device process is closed"))
                future.exception()
        if session is not None:
            session.close()
            await session.closed.wait()

    # -- the connection ------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        while True:
            session = await self._open_session()
            if self._session is not None and not session.closed.is_set():
                for model in self._models.values():
                    if model.error is None:
                        session.load(model.spec)
                self._session.set_result(session)
                await session.closed.wait()
            self.reconnects += 1

    async def _open_session(self) -> Session:
        delay_s = _FIRST_DELAY_S
        while True:
            try:
                return await Session.open(self._path, self._options, self._on_session_close)
            except (OSError, FrameError) as error:
                if not isinstance(error, (FileNotFoundError, ConnectionError)):
                    log.warning(
                        "no connection to the device process (%s); trying again", describe(error)
                    )
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _MAX_DELAY_S)

    def _on_session_close(self, session: Session) -> None:
        if self._connected() is not session:
            return
        self._session = asyncio.get_running_loop().create_future()
        for model_id, loaded in session.loads.items():
            model = self._models[model_id]
            if not isinstance(loaded.exception(), SessionLostError):
                model.deaths = 0
            elif session.lost_batches == 0:
                # With batches in flight, one of them may have been the cause.
                model.deaths += 1
                model.died.append(session.hello.pid)
            if model.deaths >= MAX_LOAD_DEATHS:
                model.error = self._gave_up(model)

    def _gave_up(self, model: _Model) -> SetupError:
        reason, words = tell_death(Path(self._path), model.died)
        how = f", with {reason}" if reason else ""
        return SetupError(
            f"the device process died {MAX_LOAD_DEATHS} times while loading {model.spec.id}{how}. "
            "If it was killed, give it more memory, or fewer models beside this one; if it ended "
            "by itself, see whether `aimass models verify` finds the files whole, and whether the "
            f"model's library loads them in a plain `python`{said_last(words)}"
        )

    def _connected(self) -> Session | None:
        future = self._session
        if future is None or not future.done() or future.exception() is not None:
            return None
        return future.result()

    async def _wait_session(self) -> Session:
        if self._session is None:
            raise DeviceError("the link was not connected")
        return await _result_of(self._session)


async def _result_of(future: asyncio.Future[T]) -> T:
    # Others wait for it too, so that a caller who is cancelled must not cancel it.
    return future.result() if future.done() else await asyncio.shield(future)
