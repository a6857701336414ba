"""Texts that are written together, a token a step, and others that join between two steps.

What each text has read and written is remembered as `memory.py` keeps it, padded on the left to the
longest. Texts that join are read on their own, and then stand beside those under way; one that is
done leaves its place at once, and what only it needed of the padding. So a step costs what the
texts cost that are being written, and nobody waits for the longest (continuous batching, as in
Orca, Yu et al. 2022).

The library's own continuous batching is not used: it samples for a whole batch at once, and on a
CPU it did not come to an end. In device processes only.
"""

from __future__ import annotations

import inspect
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import LogitsProcessorList

from aimass_stream.adapters.memory import Memory, can_remember, joined, memory_of
from aimass_stream.adapters.pieces import in_pieces
from aimass_stream.adapters.sampling import NO_NUMBERS
from aimass_stream.error_text import describe, is_device_lost, is_out_of_memory, trace_of
from aimass_stream.errors import Reason, RecordError

log = logging.getLogger("aimass.device")

_STATES = "cache_params"
_MEMORIES = ("past_key_values", _STATES)
_TRIED = (3, 9, 5)
"""Lengths of the texts that are tried; the second is the longest, and goes."""


@dataclass(slots=True, eq=False)
class Row:
    """A text that is being written.

    Attributes:
        ticket: names it.
        ids: its tokens, read and written.
        most: tokens that are written at the most.
        processors: a `LogitsProcessorList`, which changes its scores before the best is taken; it
            sees no other text.
    """

    ticket: int
    ids: list[int]
    most: int
    processors: Any = field(default_factory=LogitsProcessorList)


@dataclass(slots=True)
class _Batch:
    """Rows that go through the model together.

    Attributes:
        fresh: `(rows, new)` int64, the tokens that the model has not read yet.
        mask: `(rows, tokens + new)` int64, 0 where a row is padded.
        memory: of what the model has read.
    """

    rows: list[Row]
    fresh: Tensor
    mask: Tensor
    memory: Memory

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, chosen: Sequence[int]) -> _Batch:
        """Some of the rows, without padding that none of them needs."""
        if len(chosen) == len(self):
            return self
        index = torch.tensor(chosen, dtype=torch.long, device=self.mask.device)
        mask = self.mask[index]
        first = int(mask.any(dim=0).int().argmax())
        memory = self.memory.select(index, first)
        # Of a prompt nothing is remembered, so it loses its padding itself.
        fresh = self.fresh[index] if self.memory.layers else self.fresh[index, first:]
        return _Batch([self.rows[at] for at in chosen], fresh, mask[:, first:], memory)


class Decoder:
    """Writes on from prompts, a token of each a step. Used from one thread.

    Args:
        model: a causal model that `can_join` accepts, in eval mode.
        padding_id: a token of the vocabulary that fills rows up.
        most: texts that are written at a time; others wait.
    """

    def __init__(self, model: Any, padding_id: int, most: int) -> None:
        self._model = model
        self._padding_id = padding_id
        self._most = most
        self._taken = inspect.signature(model.forward).parameters
        self._waiting: deque[Row] = deque()
        self._batch: _Batch | None = None

    def enter(self, row: Row) -> None:
        """Take a text in; it is read in the next step in which there is a place."""
        self._waiting.append(row)

    def step(self) -> list[tuple[Row, int | RecordError]]:
        """Write one token of each text that has a place.

        Returns:
            Each of these texts with its token, or why it ends; the latter are gone.
        """
        under_way = 0 if self._batch is None else len(self._batch)
        joining = [
            self._waiting.popleft()
            for _ in range(min(len(self._waiting), max(0, self._most - under_way)))
        ]
        batches = [self._batch] if self._batch is not None else []
        batches += [self._opened(joining)] if joining else []
        told: list[tuple[Row, int | RecordError]] = []
        read: list[_Batch] = []
        for batch in batches:
            self._advance(batch, read, told)
        self._batch = _joined(read)
        return told

    def drop(self, tickets: Iterable[int]) -> None:
        """Forget texts, done or not."""
        gone = set(tickets)
        self._waiting = deque(row for row in self._waiting if row.ticket not in gone)
        if self._batch is not None:
            kept = [at for at, row in enumerate(self._batch.rows) if row.ticket not in gone]
            self._batch = self._batch.select(kept) if kept else None

    def is_as_alone(self, tolerance: float) -> bool:
        """Whether texts are under way, each with the scores that it has by itself.

        Args:
            tolerance: how far a score may be off, of one that is 1 or less; larger ones by as
                many times as they are larger.
        """
        if self._batch is None:
            return False
        _, scores = self._read(self._batch)
        alone = [self._read(self._opened([row]))[1][0] for row in self._batch.rows]
        bound = tolerance * max(1.0, float(scores.abs().max()))
        return bool(torch.allclose(scores, torch.stack(alone), rtol=0, atol=bound))

    def _opened(self, rows: list[Row]) -> _Batch:
        """Prompts that nothing was read of."""
        longest = max(len(row.ids) for row in rows)
        fresh = torch.full((len(rows), longest), self._padding_id, dtype=torch.long)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for at, row in enumerate(rows):
            fresh[at, longest - len(row.ids) :] = torch.tensor(row.ids)
            mask[at, longest - len(row.ids) :] = 1
        device = self._model.device
        return _Batch(rows, fresh.to(device), mask.to(device), Memory())

    def _advance(
        self, batch: _Batch, read: list[_Batch], told: list[tuple[Row, int | RecordError]]
    ) -> None:
        """Have a batch read, and a token picked for each of its rows."""

        def call(chosen: Sequence[int]) -> tuple[_Batch, Tensor]:
            return self._read(batch.select(chosen))

        pieces, failed = in_pieces(range(len(batch)), call)
        for at, error in failed.items():
            if is_out_of_memory(error):
                self._most = max(1, min(self._most, len(batch)) // 2)
            why = RecordError(Reason.MODEL_ERROR, describe(error), trace_of(error))
            told.append((batch.rows[at], why))
        for piece, scores in pieces:
            picked = _pick(piece.rows, scores)
            told += zip(piece.rows, picked, strict=True)
            good = [at for at, token in enumerate(picked) if not isinstance(token, RecordError)]
            if good:
                read.append(_continued(piece, picked, good))

    @torch.inference_mode()
    def _read(self, batch: _Batch) -> tuple[_Batch, Tensor]:
        """The batch when the model has read what is fresh, and scores `(rows, vocabulary)`."""
        cache = batch.memory.cache(self._model.config)
        new = batch.fresh.shape[1]
        arguments = {
            "input_ids": batch.fresh,
            # A model of states alone knows no mask of what it has read before.
            "attention_mask": batch.mask[:, -new:] if _STATES in self._taken else batch.mask,
            "past_key_values": cache,
            _STATES: cache,
            "use_cache": True,
            "position_ids": (batch.mask.cumsum(1) - 1).clamp(min=0)[:, -new:],
            "logits_to_keep": 1,
        }
        found = self._model(**{name: arguments[name] for name in arguments if name in self._taken})
        memory = memory_of(cache, batch.mask.shape[1])
        return _Batch(batch.rows, batch.fresh, batch.mask, memory), found.logits[:, -1].float()


def can_join(model: Any, padding_id: int, tolerance: float) -> bool:
    """Whether texts may join others under way, which is tried out with three short ones.

    Args:
        model: a causal model, in eval mode.
        padding_id: as of `Decoder`.
        tolerance: how far a score may be from that of the text alone, as `Decoder.is_as_alone`
            takes it.
    """
    taken = inspect.signature(model.forward).parameters
    if not {"input_ids", "attention_mask", "use_cache"} <= taken.keys():
        return False
    if taken.keys().isdisjoint(_MEMORIES) or not can_remember(model.config):
        return False
    try:
        return _keeps_apart(model, padding_id, tolerance)
    except Exception as error:
        if is_device_lost(error):
            raise
        log.info("Texts are written in turn, since joining failed: %s", describe(error))
        return False


def _keeps_apart(model: Any, padding_id: int, tolerance: float) -> bool:
    """Whether texts of several lengths that join one by one have the scores they have alone."""
    decoder = Decoder(model, padding_id, len(_TRIED))
    tokens = int(model.config.get_text_config().vocab_size)
    for at, length in enumerate(_TRIED):
        decoder.enter(Row(at, [(7 * at + 3 * place + 1) % tokens for place in range(length)], 9))
        told = decoder.step()
        if any(isinstance(token, RecordError) for _, token in told):
            return False
    # One goes, with the padding that the others needed for it alone.
    decoder.drop([_TRIED.index(max(_TRIED))])
    return len(decoder.step()) == len(_TRIED) - 1 and decoder.is_as_alone(tolerance)


def _pick(rows: Sequence[Row], scores: Tensor) -> list[int | RecordError]:
    """The next token of each row; minus infinity is how tokens are forbidden."""
    broken = (torch.isnan(scores) | torch.isposinf(scores)).any(dim=1).tolist()
    best = scores.argmax(dim=1).tolist()
    picked: list[int | RecordError] = []
    for at, row in enumerate(rows):
        if broken[at]:
            picked.append(NO_NUMBERS)
        elif row.processors:
            ids = torch.tensor([row.ids], device=scores.device)
            picked.append(int(row.processors(ids, scores[at : at + 1].clone()).argmax()))
        else:
            picked.append(best[at])
    return picked


def _continued(batch: _Batch, picked: Sequence[int | RecordError], good: Sequence[int]) -> _Batch:
    """The good rows, about to read what was picked for them."""
    kept = batch.select(good)
    tokens = [token for token in picked if not isinstance(token, RecordError)]
    for row, token in zip(kept.rows, tokens, strict=True):
        row.ids.append(token)
    fresh = torch.tensor(tokens, dtype=torch.long, device=kept.mask.device)[:, None]
    mask = torch.cat([kept.mask, torch.ones_like(fresh)], dim=1)
    return _Batch(kept.rows, fresh, mask, kept.memory)


def _joined(batches: Sequence[_Batch]) -> _Batch | None:
    """Rows of several batches side by side, padded on the left to the longest."""
    if len(batches) < 2:
        return batches[0] if batches else None
    longest = max(batch.mask.shape[1] for batch in batches)
    gaps = [longest - batch.mask.shape[1] for batch in batches]
    return _Batch(
        [row for batch in batches for row in batch.rows],
        torch.cat([batch.fresh for batch in batches]),
        torch.cat([pad(batch.mask, (gap, 0)) for batch, gap in zip(batches, gaps, strict=True)]),
        joined([batch.memory for batch in batches]),
    )
