"""Running an agent's function over its stream, and what an exception in it costs.

The function is an async generator (or a coroutine that yields nothing). What it yields belongs
to the record it was last handed. An exception costs that record only: its buffered yields are
dropped, it is dead-lettered with the traceback, and the function is called again from the next
record. Its local variables are lost; state lives in learners or tables.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aimass_stream.errors import AimassError, LostOutcomeError, Reason, RecordError
from aimass_stream.records import Topic
from aimass_stream.runtime.streams import Stream

Body = Callable[[Stream[Any]], AsyncIterator[Any] | Awaitable[None]]

TRACE_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class Agent:
    """A declared agent: a body over the records of a topic.

    Attributes:
        name: names the agent in outcomes, dead letters and metrics; unique in an app.
        topic: where its records come from.
        to: where its outputs go; None for a body that yields nothing.
        body: an async generator function over a stream, or a coroutine function.
        parts: where pieces of answers go while a model writes them; None where nobody wants them.
    """

    name: str
    topic: Topic[Any]
    to: Topic[Any] | None
    body: Body
    parts: Topic[Any] | None = None

    @property
    def written_topics(self) -> list[Topic[Any]]:
        """The topics that it writes to."""
        return [topic for topic in (self.to, self.parts) if topic is not None]


class AgentError(AimassError):
    """An agent's function cannot go on: it returned, or raised before its first record."""


async def run_body(name: str, body: Body, stream: Stream[Any]) -> None:
    """Call `body` over `stream`, again after each exception, until cancelled.

    Raises:
        AgentError: the function returned, or raised before it took a record.
        AimassError: the engine's own errors pass through the function and end the worker.
    """
    while True:
        handed_out = stream.handover.handed_out
        try:
            await _call(body, stream)
        except AimassError:
            raise
        except Exception as error:
            if stream.handover.handed_out == handed_out:
                raise AgentError(
                    f"agent {name} raised before it took a record: {_first_line(error)}"
                ) from error
            _blame_held(name, stream, error)
            stream.rewind()
            # A body that raises on everything would keep the loop to itself.
            await asyncio.sleep(0)
        else:
            raise AgentError(
                f"agent {name} returned, so its records would be left unanswered; "
                "let it loop over its stream for as long as there is one"
            )


async def _call(body: Body, stream: Stream[Any]) -> None:
    running = body(stream)
    if inspect.isawaitable(running):
        await running
        return
    try:
        async for output in running:
            stream.handover.collect(output)
    finally:
        if inspect.isasyncgen(running):
            await running.aclose()


def _blame_held(name: str, stream: Stream[Any], error: Exception) -> None:
    handover = stream.handover
    held = handover.held
    if held is None:
        raise LostOutcomeError(
            f"agent {name} raised while it held no record: {_first_line(error)}"
        ) from error
    if len(held.rows) > 1:
        handover.drop_held()
        held.work.halve(held.rows, held.end_row)
        return
    trace = "".join(traceback.format_exception(error))[-TRACE_CHARS:]
    handover.fail_held(RecordError(Reason.AGENT_ERROR, _first_line(error), trace))


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
