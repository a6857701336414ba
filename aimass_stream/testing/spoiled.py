"""Values that no learner should fall over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

_ANYWHERE = (
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"{",
    b"\xff\xfe\x00",
    b"\x80\x04K\x01.",
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b"[" * 5_000 + b"]" * 5_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
)
_INSTEAD: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**63,
    1e308,
    -1e308,
    "",
    "x" * 70_000,
    "\x00",
    [],
    [None],
    {},
    [[]],
)


def spoiled_values(good: bytes) -> Iterator[bytes]:
    """Values that are wrong for anyone, and a good one with a part cut, lost or replaced.

    Some of the latter are still good, which is for the learner to say.
    """
    yield from _ANYWHERE
    yield good[: len(good) // 2]
    yield good + b"}"
    try:
        fields = orjson.loads(good)
    except orjson.JSONDecodeError:
        return
    if isinstance(fields, dict):
        yield from _spoiled_fields(fields)


def _spoiled_fields(fields: dict[str, Any]) -> Iterator[bytes]:
    for name, value in fields.items():
        yield orjson.dumps({key: other for key, other in fields.items() if key != name})
        for instead in _INSTEAD:
            yield orjson.dumps(fields | {name: instead})
        if isinstance(value, list) and value:
            yield orjson.dumps(fields | {name: value[:-1]})
            yield orjson.dumps(fields | {name: [*value, *value]})
            for instead in _INSTEAD:
                yield orjson.dumps(fields | {name: [instead, *value[1:]]})
