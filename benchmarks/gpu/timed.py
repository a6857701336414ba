"""Classifiers that note when the GPU computed, and when it was sent something."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any

import torch

from aimass_stream.adapters.transfers import Transfers
from aimass_stream.adapters.transformers_images import ImageClassifier
from aimass_stream.adapters.transformers_text import TextClassifier

NOTES = "BENCH_NOTES"
"""Environment variable: the file where each span is a line `what begin end`, in milliseconds."""

Span = tuple[str, Any, Any]


class _Notes:
    """Spans of GPU time, written when they are over."""

    def __init__(self) -> None:
        self._file = Path(os.environ[NOTES]).open("a", buffering=1)  # noqa: SIM115 - open for as long as the model is
        self._spans: deque[Span] = deque()
        self._origin = self.mark(torch.cuda.current_stream())
        self._origin.synchronize()

    def mark(self, stream: Any) -> Any:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # the library has no types
        event.record(stream)
        return event

    def add(self, span: Span) -> None:
        self._spans.append(span)

    def write(self) -> None:
        while self._spans and self._spans[0][2].query():
            what, begin, end = self._spans.popleft()
            times = (self._origin.elapsed_time(begin), self._origin.elapsed_time(end))
            self._file.write(f"{what} {times[0]:.4f} {times[1]:.4f}\n")


class _TimedTransfers(Transfers):
    def __init__(self, device: torch.device, notes: _Notes) -> None:
        super().__init__(device)
        self._notes = notes

    def _copy(self, held: torch.Tensor) -> torch.Tensor:
        begin = self._notes.mark(self._sending)
        sent = super()._copy(held)
        self._notes.add(("send", begin, self._notes.mark(self._sending)))
        return sent


class _Timed:
    """Mixed into a classifier, before it."""

    _transfers: Transfers

    def hold(self, folder: Path, kind: str, device: str, model: Any) -> None:
        super().hold(folder, kind, device, model)  # type: ignore[misc]  # of the class it is mixed into
        self._notes = _Notes()
        self._transfers = _TimedTransfers(torch.device(device), self._notes)
        begun: list[Any] = []
        stream = torch.cuda.current_stream

        def begin(*_: Any) -> None:
            begun.append(self._notes.mark(stream()))

        def end(*_: Any) -> None:
            self._notes.add(("compute", begun.pop(), self._notes.mark(stream())))

        model.register_forward_pre_hook(begin)
        model.register_forward_hook(end)

    def collect(self, launched: Any) -> Any:
        answers = super().collect(launched)  # type: ignore[misc]  # of the class it is mixed into
        self._notes.write()
        return answers


class TimedText(_Timed, TextClassifier):
    """The engine's classifier of texts, timed."""


class TimedImages(_Timed, ImageClassifier):
    """The engine's classifier of images, timed."""
