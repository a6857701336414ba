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
from pathlib import Path
from typing import Any

from aimass_stream.error_text import CODE_MISTAKES, near, place_of
from aimass_stream.errors import (
    AimassError,
    ConfigError,
    LostOutcomeError,
    Reason,
    RecordError,
)
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
    """An agent's function raised before it took a record; another start may find it well."""


class WrongAgentError(AgentError):
    """An agent's code is wrong: it returned, or raised what only a mistake in it can raise."""

    exit_code = ConfigError.exit_code


async def run_body(name: str, body: Body, stream: Stream[Any]) -> None:
    """Call `body` over `stream`, again after each exception, until cancelled.

    Raises:
        WrongAgentError: the function returned, or has a mistake in it that shows before its
            first record.
        AgentError: it raised something else before it took a record.
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
                raise _broke_early(name, body, error, is_first=not handed_out) from error
            _blame_held(name, stream, error)
            stream.rewind()
            # A body that raises on everything would keep the loop to itself.
            await asyncio.sleep(0)
        else:
            raise WrongAgentError(
                f"agent {name} returned, so its records would be left unanswered; let it loop "
                f"over its stream for as long as there is one{_in_brackets(_place_of_body(body))}"
            )


async def _call(body: Body, stream: Stream[Any]) -> None:
    running = body(stream)
    if inspect.isawaitable(running):
        await running
        return
    if not hasattr(running, "__aiter__"):
        raise TypeError(
            f"it gives a {type(running).__name__}; write it with `async def`, and loop with "
            "`async for`"
        )
    try:
        async for output in running:
            stream.handover.collect(output)
    finally:
        if inspect.isasyncgen(running):
            await running.aclose()


def _broke_early(name: str, body: Body, error: Exception, *, is_first: bool) -> AgentError:
    """The end of a body that raised before it took a record.

    After its first record a mistake may come of what it met meanwhile, which a restart forgets.
    """
    place = place_of(error)
    kind = AgentError
    if is_first and isinstance(error, CODE_MISTAKES):
        kind, place = WrongAgentError, place or _place_of_body(body)
    where = _in_brackets(place)
    return kind(f"agent {name} raised before it took a record: {_first_line(error)}{where}")


def _place_of_body(body: Body) -> str:
    """Where a body is written; empty for one that is no function of Python."""
    code = getattr(inspect.unwrap(body), "__code__", None)
    return "" if code is None else near(Path(code.co_filename), code.co_firstlineno)


def _in_brackets(place: str) -> str:
    return f" ({place})" if place else ""


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
