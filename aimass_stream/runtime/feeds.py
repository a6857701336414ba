"""The bodies of feeds: what is written to the log of a learner that several partitions share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from aimass_stream.model import Model
from aimass_stream.runtime.scored import ScoredStream
from aimass_stream.runtime.streams import Stream


async def forward(stream: Stream[Any]) -> AsyncIterator[list[bytes | None]]:
    """Every record as it is."""
    async for chunk in stream.batches():
        yield list(chunk.values)


async def forward_answers(
    score: Callable[[Model[Any], Stream[Any]], ScoredStream[Any, Any]],
    model: Model[Any],
    stream: Stream[Any],
) -> AsyncIterator[list[Any]]:
    """A model's answers in place of the records."""
    async for _chunk, answers in score(model, stream).batches():
        yield answers
