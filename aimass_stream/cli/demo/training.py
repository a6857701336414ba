"""Training of the models that the demo's agents need, the first time, in processes of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from aimass_stream.cli.terminal import say
from aimass_stream.errors import AimassError
from aimass_stream.registry.folder import find
from aimass_stream.runtime.device import usable_cores


class TrainingError(AimassError):
    """A model could not be trained, or nobody waited for it; nothing was streamed."""


async def train_missing(
    models_folder: Path, wanted: dict[str, str], stopped: asyncio.Event
) -> None:
    """Train what the registry lacks, as many at a time as there are cores; it is kept.

    Args:
        models_folder: the registry.
        wanted: names of models, and what `aimass_stream.training` is asked to train for each.
        stopped: set by whoever does not want to wait any more.

    Raises:
        TrainingError: a training failed, or `stopped` was set.
    """
    missing = {name: what for name, what in wanted.items() if find(models_folder, name) is None}
    if not missing:
        return
    say(f"Training {', '.join(missing)}, once (a minute or two) ...")
    cores = asyncio.Semaphore(usable_cores())
    trainings = [
        asyncio.create_task(_train(what, models_folder, cores))
        for what in sorted(set(missing.values()))
    ]
    stopping = asyncio.create_task(stopped.wait())
    try:
        await _wait(trainings, stopping)
    finally:
        for task in (*trainings, stopping):
            task.cancel()
        await asyncio.gather(*trainings, stopping, return_exceptions=True)


async def _wait(trainings: Iterable[asyncio.Task[None]], stopping: asyncio.Task[bool]) -> None:
    pending: set[asyncio.Task[None]] = set(trainings)
    while pending:
        done, _ = await asyncio.wait({*pending, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stopping in done:
            raise TrainingError("Stopped while training; nothing was streamed.")
        for task in pending & done:
            task.result()
        pending -= done


async def _train(what: str, models_folder: Path, cores: asyncio.Semaphore) -> None:
    async with cores:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "aimass_stream.training",
            what,
            str(models_folder),
            stdin=asyncio.subprocess.DEVNULL,
            # Threads gain little on models this small, and others train beside.
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
    if code:
        raise TrainingError(f"Training {what} failed (exit code {code}); see above.")
