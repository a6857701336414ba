"""How far a run has come: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from aimass_stream.cli.producing.sending import Tally
from aimass_stream.cli.terminal import say

REFRESH_S = 0.2
LINE_EVERY_S = 3.0


@asynccontextmanager
async def show_progress(tally: Tally, noun: str, *, terminal: bool) -> AsyncIterator[None]:
    """Show the tally on standard error while the block runs."""
    period_s = REFRESH_S if terminal else LINE_EVERY_S
    with _bar(tally, noun) if terminal else _lines(tally, noun) as show:
        repeating = asyncio.create_task(_repeat(show, period_s))
        try:
            yield
        finally:
            repeating.cancel()
            with suppress(asyncio.CancelledError):
                await repeating
            if terminal:
                show()


async def _repeat(show: Callable[[], None], period_s: float) -> None:
    while True:
        await asyncio.sleep(period_s)
        show()


@contextmanager
def _lines(tally: Tally, noun: str) -> Iterator[Callable[[], None]]:
    yield lambda: say(f"{tally.done:,} of {tally.total:,} {noun}s")


@contextmanager
def _bar(tally: Tally, noun: str) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console) as progress:
        row = progress.add_task(f"{noun}s", total=tally.total, completed=tally.done, rate="")
        start_s = asyncio.get_running_loop().time()

        def show() -> None:
            elapsed_s = asyncio.get_running_loop().time() - start_s
            rate = f"{tally.acknowledged / max(elapsed_s, 0.001):,.0f}/s"
            progress.update(row, completed=tally.done, rate=rate)

        yield show
