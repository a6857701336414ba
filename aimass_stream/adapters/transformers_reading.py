"""Answers found in texts with transformers' extractive models, in a device process.

A context longer than a model takes is read in overlapping windows. The span that wins has the
highest sum of start and end logit of all windows, and probabilities are taken over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import orjson
import torch
from numpy.typing import NDArray
from transformers import AutoModelForQuestionAnswering

from aimass_stream.adapters.rows import in_order
from aimass_stream.adapters.transformers_text import Ids, TextModel, pack
from aimass_stream.codecs.text import decode_text
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Span

Places = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a context behind its question.

    Attributes:
        ids: `(tokens, 2)` int32.
        spans: first character of each token in the context and the one after its last,
            `(tokens, 2)`; -1 for tokens that are not of the context.
    """

    ids: Ids
    spans: Places


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as its windows, and the context they lie in."""

    context: str
    windows: list[Window]


class SpanFinder(TextModel):
    """The `Predictor` of `Transformers("question-answering", ...)`.

    Args:
        spec: the resolved declaration; options `max_tokens`, `stride`, `max_answer_tokens` and
            `may_decline`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or windows would not move.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._limits = spec.limits
        self._longest = int(spec.options.get("max_answer_tokens", 30))
        self._may_decline = bool(spec.options.get("may_decline", False))
        super().__init__(spec, device, AutoModelForQuestionAnswering, "question answering model")
        stride = int(spec.options.get("stride", 128))
        if 2 * stride > self._inputs.max_tokens:
            raise SetupError(
                f"stride={stride} is more than half of the {self._inputs.max_tokens} tokens that "
                f"the model in {self._folder} reads at a time; declare a smaller one."
            )
        self._inputs.pair_up("only_second", stride)

    def decode(self, payload: bytes | memoryview) -> Reading:
        """A question and its context, as JSON, in windows; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE, UNDECODABLE or BAD_ENVELOPE.
        """
        question, context = _open(payload)
        question = decode_text(question.encode(), self._limits)
        # Places count the characters of the context, which this keeps one for one.
        plain = decode_text(context.encode(), self._limits)
        encoding = self._inputs.pair(question, plain)
        windows = [encoding, *encoding.overflowing]
        return Reading(context, [Window(pack(one), _spans(one)) for one in windows])

    def predict(self, inputs: Sequence[Reading]) -> list[Span | RecordError]:
        """The answer to each question, in the order of the inputs."""
        ids = [window.ids for reading in inputs for window in reading.windows]
        groups = self._inputs.groups(ids)
        found = [list(self._values([ids[row] for row in rows]).numpy()) for rows in groups]
        rows = in_order(groups, found)
        bounds = pairwise(accumulate((len(one.windows) for one in inputs), initial=0))
        return [
            self._answer(reading, rows[first:last])
            for reading, (first, last) in zip(inputs, bounds, strict=True)
        ]

    def _values(self, inputs: Sequence[Ids]) -> torch.Tensor:
        """Logits of being the first and the last token, `(rows, tokens, 2)`."""
        with torch.inference_mode():
            found = self._model(**self._inputs.batch(inputs, self._transfers))
            return torch.stack([found.start_logits, found.end_logits], dim=2).float().cpu()

    def _answer(self, reading: Reading, logits: list[NDArray[np.float32]]) -> Span | RecordError:
        starts, ends, spans = self._candidates(reading, logits)
        if not (np.isfinite(starts[~np.isneginf(starts)]).all() and np.isfinite(ends).any()):
            return RecordError(Reason.INVALID_OUTPUT, "the model's numbers are not all finite")
        first, last, sum_of_both = self._best(starts, ends)
        start, end = (int(spans.reshape(-1, 2)[first, 0]), int(spans.reshape(-1, 2)[last, 1]))
        none = int(np.argmax(starts[:, 0] + ends[:, 0])) * starts.shape[1]
        flat_starts, flat_ends = starts.ravel(), ends.ravel()
        if self._may_decline and flat_starts[none] + flat_ends[none] > sum_of_both:
            first, last, start, end = none, none, 0, 0
        score = _share(flat_starts, first) * _share(flat_ends, last)
        return Span(reading.context[start:end], start, end, score)

    def _candidates(
        self, reading: Reading, logits: list[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Places]:
        """Start and end logits `(windows, tokens)`, minus infinity where no answer may be."""
        longest = max(len(window.ids) for window in reading.windows)
        starts, ends = np.full((2, len(logits), longest), -np.inf)
        spans = np.full((len(logits), longest, 2), -1, np.int32)
        for row, (window, found) in enumerate(zip(reading.windows, logits, strict=True)):
            allowed = window.spans[:, 0] >= 0
            if self._may_decline:
                allowed[0] = True
            length = len(window.ids)
            spans[row, :length] = window.spans
            starts[row, :length] = np.where(allowed, found[:length, 0], -np.inf)
            ends[row, :length] = np.where(allowed, found[:length, 1], -np.inf)
        return starts, ends, spans

    def _best(
        self, starts: NDArray[np.float64], ends: NDArray[np.float64]
    ) -> tuple[int, int, float]:
        """First and last token of the best answer, in the flattened arrays, and its logits."""
        best, first, last = -np.inf, 0, 0
        tokens = starts.shape[1]
        skipped = 1 if self._may_decline else 0
        for length in range(min(self._longest, tokens)):
            sums = starts[:, skipped : tokens - length] + ends[:, skipped + length :]
            if sums.size and sums.max() > best:
                row, at = np.unravel_index(int(sums.argmax()), sums.shape)
                best, first = float(sums.max()), int(row) * tokens + int(at) + skipped
                last = first + length
        return first, last, best


def _share(logits: NDArray[np.float64], at: int) -> float:
    """The probability of one among all."""
    highest = logits.max()
    return float(np.exp(logits[at] - highest) / np.exp(logits - highest).sum())


def _spans(encoding: Any) -> Places:
    sequences, offsets = encoding.sequence_ids, encoding.offsets
    return np.array(
        [
            span if sequence == 1 and span[0] < span[1] else (-1, -1)
            for sequence, span in zip(sequences, offsets, strict=True)
        ],
        np.int32,
    )


def _open(payload: bytes | memoryview) -> tuple[str, str]:
    try:
        found = orjson.loads(payload)
        question, context = found["question"], found["context"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        question = context = None
    if not isinstance(question, str) or not isinstance(context, str):
        raise RecordError(
            Reason.BAD_ENVELOPE, "the payload is no JSON object with a `question` and a `context`"
        )
    return question, context
