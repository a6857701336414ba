"""Scoring with an inline model: one call a chunk, no queue, and nothing done per record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import repeat
from typing import Any, TypeAlias, TypeVar, cast

from aimass_stream.adapters.inline import Inline
from aimass_stream.error_text import describe, trace_of
from aimass_stream.errors import Reason, RecordError, without_frames
from aimass_stream.records import Chunk
from aimass_stream.runtime.batch import BatchFailed
from aimass_stream.runtime.isolation import isolate

A = TypeVar("A")

CALL_ROWS = 128
"""Rows of one call. What a function makes of more, such as parsed JSON, is given back to the
system and asked for again at every call: at 1,024 rows of 250 bytes a page fault a row."""

log = logging.getLogger("aimass.inline")

_warned: set[str] = set()

Answer: TypeAlias = "A | dict[str, Any] | bytes | RecordError"


async def score_inline(model: Inline[A], chunk: Chunk) -> Sequence[Answer[A]]:
    """Outcomes of the rows of a chunk, in order: what the function answered, or why not.

    The function is called for up to `CALL_ROWS` rows at a time.
    """
    if len(chunk) <= CALL_ROWS:
        return await _score_call(model, chunk)
    answers: list[Answer[A]] = []
    for first in range(0, len(chunk), CALL_ROWS):
        part = await _score_call(model, chunk.rows(first, first + CALL_ROWS))
        answers.extend(part)
    return answers


async def _score_call(model: Inline[A], chunk: Chunk) -> Sequence[Answer[A]]:
    """Outcomes of the rows of one call.

    A function that raises, or answers too few or too many, fails all of them, which are
    then split: only the records that it fails on alone have no answer. Between these calls
    the event loop gets its turn.
    """
    try:
        return _call(model, chunk)
    except BatchFailed as failure:
        whole = without_frames(failure)

    async def call(rows: Sequence[int]) -> Sequence[Answer[A]]:
        await asyncio.sleep(0)
        return _call(model, chunk.take(rows))

    return await isolate(call, range(len(chunk)), whole)


def _call(model: Inline[A], chunk: Chunk) -> Sequence[Answer[A]]:
    try:
        answers = model.predict(chunk)
        count = len(answers)
    except Exception as error:
        raise BatchFailed(Reason.MODEL_ERROR, describe(error), trace_of(error)) from error
    if count != len(chunk):
        given = "1 answer" if count == 1 else f"{count} answers"
        detail = f"{model.name} gave {given} for {len(chunk)} records"
        _warn_once(model, detail)
        raise BatchFailed(Reason.INVALID_OUTPUT, detail)
    return _compacted(answers)


def _warn_once(model: Inline[A], detail: str) -> None:
    """Say what the dead letters would not: called for each record alone, it may even be right."""
    model_id = f"{model.name}@{model.version}"
    if model_id not in _warned:
        _warned.add(model_id)
        log.warning(
            "inline model %s: %s. Its function should return one answer a record, in order; it is "
            "called again for fewer records at a time until the numbers agree, which costs time. "
            "This is said once.",
            model_id,
            detail,
        )


def _compacted(answers: Sequence[Answer[A]]) -> Sequence[Answer[A]]:
    """Answers that are JSON already, each in no more memory than it needs.

    orjson writes into a buffer that is larger and gives back only its end, so that answers which
    wait for the broker lay a page apart.
    """
    if set(map(type, answers)) != {bytes}:
        return answers
    encoded = cast(Sequence[bytes], answers)
    # A join of two makes new bytes, where one alone would be handed back.
    return [b"".join(pair) for pair in zip(encoded, repeat(b""))]
