"""Comparing answers and states, and what counts as plain."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from math import isclose
from typing import Any

import msgspec

from aimass_stream.learner import Snapshot


def alike(one: Any, other: Any, tolerance: float) -> bool:
    """Whether answers are the same: orders and texts exactly, floats within a tolerance."""
    one, other = msgspec.to_builtins(one), msgspec.to_builtins(other)
    return _alike(one, other, tolerance)


def _alike(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(
            _alike(one[key], other[key], tolerance) for key in one
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            _alike(a, b, tolerance) for a, b in zip(one, other, strict=True)
        )
    return type(one) is type(other) and bool(one == other)


def fingerprint(snapshot: Snapshot, *, digest: bool = True) -> bytes:
    """A snapshot as bytes that are equal where it is, bit for bit.

    Args:
        snapshot: whose.
        digest: a hash of them, instead of all.
    """
    parts = [msgspec.msgpack.encode(snapshot.data)]
    for name in sorted(snapshot.arrays):
        array = snapshot.arrays[name]
        parts += [f"{name} {array.dtype.str} {array.shape}".encode(), array.tobytes()]
    joined = b"\x00".join(parts)
    return sha256(joined).digest() if digest else joined


def plain(data: Any, path: str = "data") -> str:
    """Where data holds what msgpack does not; empty if nowhere."""
    if data is None or type(data) in {bool, int, float, str, bytes}:
        return ""
    if type(data) is list:
        return _first(plain(item, f"{path}[{i}]") for i, item in enumerate(data))
    if type(data) is dict:
        odd = [key for key in data if type(key) is not str]
        if odd:
            return f"{path}: a key that is no text, {odd[0]!r}"
        return _first(plain(item, f"{path}.{key}") for key, item in data.items())
    return f"{path}: {type(data).__name__}"


def _first(found: Any) -> str:
    return next((path for path in found if path), "")
