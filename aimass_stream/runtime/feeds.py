"""The bodies of feeds: what is written to the log of a learner that several partitions share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from aimass_stream.model import Model
from aimass_stream.records.chunk import Headers
from aimass_stream.records.identity import MODEL, NO_MODEL
from aimass_stream.runtime.scored import ScoredStream
from aimass_stream.runtime.streams import Stream


async def forward(stream: Stream[Any]) -> AsyncIterator[list[bytes | None]]:
    """Every record as it is."""
    async for chunk in stream.batches():
        yield list(chunk.values)


async def forward_with_models(stream: Stream[Any]) -> AsyncIterator[list[bytes | None]]:
    """Every record as it is; one that a model answered as `{"model": who, "answer": it}`."""
    async for chunk in stream.batches():
        yield [
            _with_model(value, headers)
            for value, headers in zip(chunk.values, chunk.headers, strict=True)
        ]


def _with_model(value: bytes | None, headers: Headers) -> bytes | None:
    model = next((said.decode(errors="replace") for name, said in headers if name == MODEL), "")
    if value is None or model in {"", NO_MODEL}:
        return value
    # Copied as it stands: what is no JSON here is none in the log, and refused there.
    return b'{"model":%b,"answer":%b}' % (msgspec.json.encode(model), value)


async def forward_answers(
    score: Callable[[Model[Any], Stream[Any]], ScoredStream[Any, Any]],
    model: Model[Any],
    stream: Stream[Any],
) -> AsyncIterator[list[Any]]:
    """A model's answers in place of the records."""
    async for _chunk, answers in score(model, stream).batches():
        yield answers
