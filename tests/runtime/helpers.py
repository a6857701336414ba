"""Waiting for what real processes do, and the specs and payloads they are given."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil

from aimass_stream.errors import RecordError
from aimass_stream.model import ModelSpec
from aimass_stream.runtime.link import Scored
from tests.runtime.adapters import Answer

ROOT = Path(__file__).parents[2]
POLL_S = 0.01


def spec(name: str = "obedient", timeout_s: float = 30.0, **options: Any) -> ModelSpec:
    return ModelSpec(
        name, "1", "tests.runtime.adapters:Obedient", "", options=options, timeout_s=timeout_s
    )


def decode(scored: Scored) -> list[Answer | RecordError]:
    return [
        answer if isinstance(answer, RecordError) else msgspec.msgpack.decode(answer, type=Answer)
        for answer in scored.answers
    ]


async def until(condition: Callable[[], Any], what: str, timeout_s: float = 10.0) -> float:
    """Wait until `condition` holds; the seconds it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > timeout_s:
            raise AssertionError(f"after {timeout_s} s still not: {what}")
        await asyncio.sleep(POLL_S)
    return time.monotonic() - started


def is_alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


@contextmanager
def loop_lag() -> Iterator[list[float]]:
    """Seconds by which the event loop came late, each 5 ms, while the block runs."""
    lags: list[float] = []

    async def measure() -> None:
        while True:
            started = time.monotonic()
            await asyncio.sleep(0.005)
            lags.append(time.monotonic() - started - 0.005)

    task = asyncio.create_task(measure())
    try:
        yield lags
    finally:
        task.cancel()
