"""Models without a model library, which do what a payload's first word tells them."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec, Written


class Answer(msgspec.Struct, frozen=True):
    size: int
    first: bytes
    last: bytes


class Obedient:
    """Answers with the payload's size and ends, unless it is told to misbehave."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        options = spec.options
        if "refuse" in options:
            raise SetupError(options["refuse"])
        if "raise" in options:
            raise RuntimeError(options["raise"])
        if "exit" in options:
            os._exit(options["exit"])
        time.sleep(options.get("load_s", 0.0))
        sys.stdout.write("a model prints where it should not\n")
        self._device = device
        self._decode_s = options.get("decode_s", 0.0)

    def decode(self, payload: bytes | memoryview) -> bytes:
        data = bytes(payload)
        time.sleep(self._decode_s)
        match data.split(b" ")[0]:
            case b"undecodable":
                raise ValueError(f"cannot read '{data.decode()}' at all\nsecond line")
            case b"refused":
                raise RecordError(Reason.TOO_LARGE, "too large for this model")
            case b"decode-hangs":
                time.sleep(1000)
            case b"decode-memory":
                raise MemoryError
            case b"decode-grows":
                self._grow(int(data.split(b" ")[1]))
        return data

    def predict(self, inputs: Sequence[bytes]) -> Any:
        word, _, argument = next((data for data in inputs if b" " in data), b"").partition(b" ")
        match word:
            case b"short":
                return [Answer(0, b"", b"")] * (len(inputs) - 1)
            case b"none":
                return None
            case b"raise":
                raise ArithmeticError("told to raise")
            case b"memory":
                raise MemoryError
        if word:
            self._do_harm(word, argument)
        return [self._answer(data) for data in inputs]

    def _do_harm(self, word: bytes, argument: bytes) -> None:
        match word:
            case b"exit":
                os._exit(int(argument))
            case b"segfault":
                ctypes.string_at(0)
            case b"sleep":
                time.sleep(float(argument))
            case b"hold":
                # Unlike a sleep, this keeps the interpreter's lock: no other thread can run.
                ctypes.PyDLL(None).usleep(int(float(argument) * 1e6))
            case b"grow":
                self._grow(int(argument))

    def _grow(self, megabytes: int) -> None:
        self._hoard = bytearray(os.urandom(1024)) * (megabytes * 1024)
        time.sleep(1000)

    def _answer(self, data: bytes) -> Any:
        if data == b"no-answer":
            return RecordError(Reason.INVALID_OUTPUT, "not a number")
        if data == b"unsendable":
            return object()
        return Answer(len(data), data[:8], data[-8:])

    def close(self) -> None:
        sys.stderr.write("closed\n")


class Launching(Obedient):
    """Its device works by itself, one batch after another, as a GPU does."""

    launches = True

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device)
        self._works = ThreadPoolExecutor(1)
        self._launched = threading.Semaphore(0)

    def launch(self, inputs: Sequence[bytes]) -> Any:
        self._launched.release()
        if b"launch-raise " in inputs:
            raise ArithmeticError("told to raise")
        return self._works.submit(self._compute, inputs)

    def collect(self, launched: Any) -> Any:
        return launched.result()

    def _compute(self, inputs: Sequence[bytes]) -> Any:
        if b"lost " in inputs:
            raise RuntimeError("CUDA error: device-side assert triggered")
        if inputs[0] == b"behind":
            # Its own launch, and that of the batch behind it.
            assert self._launched.acquire(timeout=10)
            assert self._launched.acquire(timeout=10)
        return self.predict(inputs)


class Scribe:
    """Writes as many words as the payload says, one a step; a step takes some milliseconds.

    `5` is answered with its five words, `5 raise` fails in the third step, `5 hang` hangs there.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._step_s = spec.options.get("step_s", 0.002)
        self._next = 0
        self._open: dict[int, tuple[int, str, list[str]]] = {}

    def decode(self, payload: bytes | memoryview) -> tuple[int, str]:
        number, _, word = bytes(payload).decode().partition(" ")
        if not number.isdigit():
            raise RecordError(Reason.BAD_ENVELOPE, "no number of words")
        return int(number), word

    def predict(self, inputs: Sequence[tuple[int, str]]) -> list[str]:
        raise AssertionError("a model that writes is not asked to predict")

    def begin(self, inputs: Sequence[tuple[int, str]]) -> list[int]:
        tickets = []
        for count, word in inputs:
            self._open[self._next] = (count, word, [])
            tickets.append(self._next)
            self._next += 1
        return tickets

    def step(self) -> list[Written]:
        time.sleep(self._step_s)
        told = []
        for ticket, (count, word, written) in list(self._open.items()):
            if len(written) == 2 and word == "raise":
                raise ArithmeticError("told to raise")
            if len(written) == 2 and word == "hang":
                time.sleep(1000)
            written.append(f"{len(written)};")
            text = "".join(written)
            is_done = len(written) >= count
            told.append(Written(ticket, written[-1], text if is_done else None))
            if is_done:
                del self._open[ticket]
        return told

    def drop(self, tickets: Iterable[int]) -> None:
        for ticket in tickets:
            self._open.pop(ticket, None)

    def close(self) -> None:
        self._open.clear()
