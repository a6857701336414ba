"""What a record says beside its payload, as bytes that stand before the payload.

A worker reads it of the record and writes it; a device process splits it off again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

_LENGTH_BYTES = 4


def write_told(fields: Mapping[str, Any]) -> bytes:
    """Fields, plain JSON, as they stand before a payload."""
    data = orjson.dumps(fields)
    return len(data).to_bytes(_LENGTH_BYTES, "little") + data


def split_told(payload: bytes | memoryview) -> tuple[dict[str, Any], memoryview]:
    """What `write_told` wrote, and the payload behind it."""
    view = memoryview(payload)
    end = _LENGTH_BYTES + int.from_bytes(view[:_LENGTH_BYTES], "little")
    fields: dict[str, Any] = orjson.loads(view[_LENGTH_BYTES:end])
    return fields, view[end:]
