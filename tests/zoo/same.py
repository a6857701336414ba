"""Whether two answers are the same, also where they refer to files."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import msgspec
import numpy as np
import soundfile
from PIL import Image as Pictures

from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.records import Claim, Limits
from aimass_stream.testing.alike import alike

QUANTA = 2
"""Steps of 8 or 16 bits by which a stored number may differ: a rounded last bit is a step."""


def stored(claim: Claim) -> np.ndarray[Any, np.dtype[Any]]:
    """What lies behind a claim of an answer."""
    folder = Path(unquote(urlparse(claim.uri).path)).parents[1]
    payload = PayloadStore(folder, [folder.as_uri() + "/"]).fetch(claim, Limits())
    if claim.type == "audio/wav":
        samples, _ = soundfile.read(io.BytesIO(payload), dtype="int16")
        return np.asarray(samples).astype(int)
    return np.asarray(Pictures.open(io.BytesIO(payload))).astype(int)


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Texts, orders and counts exactly, numbers within a tolerance, files within two steps."""
    if type(one) is not type(other):
        return False
    mine, theirs = msgspec.structs.asdict(one), msgspec.structs.asdict(other)
    for name, found in mine.items():
        if isinstance(found, Claim):
            left, right = stored(found), stored(theirs[name])
            if left.shape != right.shape or np.abs(left - right).max(initial=0) > QUANTA:
                return False
            theirs[name] = found
    return alike(opened(mine), opened(theirs), tolerance)


def opened(value: Any) -> Any:
    """An answer as plain data in which vectors are lists of numbers."""
    plain = msgspec.to_builtins(value)
    if isinstance(plain, list):
        return [opened(one) for one in plain]
    if not isinstance(plain, dict):
        return plain
    if plain.keys() >= {"vector", "dimensions"}:
        plain["vector"] = np.frombuffer(base64.b64decode(plain["vector"]), "<f4").tolist()
    return {name: opened(one) for name, one in plain.items()}
