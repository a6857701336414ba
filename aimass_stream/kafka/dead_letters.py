"""The dead letter topic: every record that could not be answered, with why and its payload.

A dead letter keeps the source's key, value and headers, so that it can be sent again as it
was; what the engine has to say stands in headers of its own, and headers of the engine that the
record came with are renamed. A value too large for a message goes to the payload store and the
dead letter's value is the claim.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from aimass_stream.kafka.messages import Message
from aimass_stream.records import Chunk, Claim, Headers, identity
from aimass_stream.runtime.handover import Failure

INLINE_BYTES = 512 * 1024
DETAIL_BYTES = 1_000
TRACE_BYTES = 8_000

StorePayload = Callable[[bytes, str], Claim]


def dead_letters_topic(app_id: str) -> str:
    """Name of the dead letter topic of an app."""
    return f"{app_id}.dead_letters"


def dead_letter(agent: str, chunk: Chunk, failure: Failure, store: StorePayload) -> Message:
    """The dead letter of one row of a chunk."""
    row, error = failure.row, failure.error
    value = chunk.values[row] or b""
    headers = set_aside(chunk.headers[row])
    source = f"{chunk.topic}/{chunk.partition}/{chunk.offsets[row]}"
    own_root = identity.header_text(chunk.headers[row], identity.ROOT)
    root = own_root or source
    record_id = identity.header_text(chunk.headers[row], identity.ID) if own_root else ""
    inline = len(value) <= INLINE_BYTES
    if not inline:
        value = msgspec.json.encode(store(value, "application/octet-stream"))
    headers += [
        (name, text.encode(errors="replace"))
        for name, text in (
            (identity.SOURCE, source),
            (identity.ROOT, root),
            (identity.MODEL, failure.model),
            (identity.ID, identity.answer_id(root, agent, failure.model, 0, record_id)),
            (identity.AGENT, agent),
            (identity.REASON, error.reason.value),
            (identity.ERROR, error.detail[:DETAIL_BYTES]),
            (identity.TRACE, error.trace[-TRACE_BYTES:]),
            (identity.PAYLOAD, "inline" if inline else "claim"),
            (identity.TIME_MS, str(time.time_ns() // 1_000_000)),
        )
        if text
    ]
    return chunk.timestamps_ms[row], chunk.keys[row], value, headers


def set_aside(headers: Headers) -> list[tuple[str, bytes]]:
    """A record's headers as its dead letter keeps them, those of the engine renamed."""
    return [
        (identity.INPUT_PREFIX + name.removeprefix(identity.OWN_PREFIX), held)
        if name.startswith(identity.OWN_PREFIX)
        else (name, held)
        for name, held in headers
    ]


def take_back(headers: Headers) -> list[tuple[str, bytes]]:
    """A record's headers as they were, from those of its dead letter."""
    return [
        (identity.OWN_PREFIX + name.removeprefix(identity.INPUT_PREFIX), held)
        if name.startswith(identity.INPUT_PREFIX)
        else (name, held)
        for name, held in headers
        if name.startswith(identity.INPUT_PREFIX) or not name.startswith(identity.OWN_PREFIX)
    ]
