"""Whether two answers are the same, also where they refer to files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import msgspec
import numpy as np
import soundfile
from PIL import Image as Pictures

from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.records import Claim, Embedding, Limits
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
    if isinstance(one, Embedding):
        return bool(np.allclose(one.numbers, other.numbers, rtol=0, atol=tolerance))
    mine, theirs = msgspec.structs.asdict(one), msgspec.structs.asdict(other)
    for name, found in mine.items():
        if isinstance(found, Claim):
            left, right = stored(found), stored(theirs[name])
            if left.shape != right.shape or np.abs(left - right).max(initial=0) > QUANTA:
                return False
            theirs[name] = found
    return alike(mine, theirs, tolerance)
