"""A model that writes, without a model library: so many words, each with a word of the prompt."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aimass_stream.model import Model, ModelSpec, Written
from aimass_stream.records import Generated

WORDS = 300
HOLD_FILE = "TEST_HOLD_FILE"
_STEP_S = 0.004


@dataclass(frozen=True)
class Scribe(Model[Generated]):
    """Writes `WORDS` words, one a step; stands in the middle while the file of a test is there."""

    adapter: ClassVar[str] = "tests.writing.scribe:ScribePredictor"

    name: str = "scribe"
    version: str = "1"

    @property
    def answer_type(self) -> type[Generated]:
        return Generated

    @property
    def location(self) -> str:
        return ""

    @property
    def written_together(self) -> int:
        return 4


class ScribePredictor:
    """The `WritingPredictor` of `Scribe`."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._next = 0
        self._open: dict[int, tuple[list[str], list[str]]] = {}
        self._hold = Path(os.environ.get(HOLD_FILE, os.devnull))

    def decode(self, payload: bytes | memoryview) -> list[str]:
        return bytes(payload).decode().split()

    def predict(self, inputs: Sequence[list[str]]) -> list[Any]:
        raise AssertionError("a model that writes is not asked to predict")

    def begin(self, inputs: Sequence[list[str]]) -> list[int]:
        first = self._next
        for words in inputs:
            self._open[self._next] = (words, [])
            self._next += 1
        return list(range(first, self._next))

    def step(self) -> list[Written]:
        time.sleep(_STEP_S)
        is_held = self._hold.is_file()
        return [
            self._write(ticket)
            for ticket, (_, written) in list(self._open.items())
            if not (is_held and len(written) == WORDS // 2)
        ]

    def drop(self, tickets: Iterable[int]) -> None:
        for ticket in tickets:
            self._open.pop(ticket, None)

    def close(self) -> None:
        self._open.clear()

    def _write(self, ticket: int) -> Written:
        words, written = self._open[ticket]
        at = len(written)
        written.append(f"{words[at % len(words)]}-{at} ")
        if len(written) < WORDS:
            return Written(ticket, written[-1])
        del self._open[ticket]
        return Written(
            ticket, written[-1], Generated("".join(written), "length", len(words), WORDS)
        )
