"""Texts that a causal model of transformers writes on from, in a device process.

Texts are written side by side, a token a step; `decoding.py` says how others join. Models of whose
memory of a text the library says no more are written by its own loop, some texts at a time and each
to its end.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Protocol

import msgspec
import numpy as np
import torch
from transformers import AutoModelForCausalLM, LogitsProcessor, LogitsProcessorList

from aimass_stream.adapters.classification import TOLERANCES
from aimass_stream.adapters.decoding import Decoder, Row, can_join
from aimass_stream.adapters.draft import Draft
from aimass_stream.adapters.pieces import in_pieces
from aimass_stream.adapters.sampling import NO_NUMBERS, EachRow, RowSampler, Watch
from aimass_stream.adapters.transformers_generation import Writer
from aimass_stream.adapters.transformers_text import Ids, pack, positions
from aimass_stream.error_text import describe, trace_of
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import SEED_BYTES, ModelSpec, Written
from aimass_stream.records import Generated, PromptControls
from aimass_stream.records.told import split_told

Token = int | RecordError
"""What a step gives for a text: the next token, or why there is none."""

_GAP = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Continued:
    """A prompt, ready to be written on from.

    Attributes:
        ids: `(tokens, 2)` int32.
        seed: of whatever is drawn.
        controls: how to write, within the declaration.
    """

    ids: Ids
    seed: int
    controls: PromptControls


class _Loop(Protocol):
    """What writes tokens: `Decoder`, or `InTurn`."""

    def enter(self, row: Row) -> None: ...

    def step(self) -> Sequence[tuple[Row, Token]]: ...

    def drop(self, tickets: Iterable[int]) -> None: ...


class TextGenerator(Writer):
    """The `WritingPredictor` of `Transformers("text-generation", ...)`: any causal model.

    Args:
        spec: the resolved declaration; options `template`, `fields`, `max_tokens`,
            `max_new_tokens`, `temperature`, `top_k`, `top_p` and `together`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, `max_new_tokens` leaves
            no room for a prompt, or the template has no gap for a field.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._template = str(spec.options.get("template", "{text}"))
        self._fields: Mapping[str, str] = spec.options.get("fields", {})
        missing = self._fields.keys() - set(_GAP.findall(self._template))
        if missing:
            raise SetupError(f"The template has no gap for the field {min(missing)!r}.")
        super().__init__(spec, device, AutoModelForCausalLM, "causal language model")
        self._tickets = count()
        self._drafts: dict[int, tuple[Continued, Draft]] = {}
        most = int(spec.options.get("together", 16))
        self._joins = self._inputs.pads and can_join(
            self._model, self._inputs.padding_id, TOLERANCES[self._model.dtype]
        )
        self._loop: _Loop = (
            Decoder(self._model, self._inputs.padding_id, most)
            if self._joins
            else InTurn(self._continue, most)
        )
        self._shapes_scores = self._joins and bool(self._library_processors([0], 1))

    def decode(self, payload: bytes | memoryview) -> Continued:
        """A seed, controls, and a text in UTF-8, as a prompt's tokens; several threads may call.

        Raises:
            RecordError: EMPTY, TOO_LARGE (also where the prompt has
                more tokens than there is room for; half a prompt would mean something else) or
                UNDECODABLE.
        """
        seed = int.from_bytes(payload[:SEED_BYTES], "little") >> 1
        told, held = split_told(payload[SEED_BYTES:])
        controls = msgspec.convert(told, PromptControls)
        encoding = self._inputs.encode(self._filled(self._reading.text(held), controls.fields))
        if encoding.overflowing:
            raise RecordError(
                Reason.TOO_LARGE,
                f"the prompt has more than {self._inputs.max_tokens} tokens",
            )
        return Continued(pack(encoding), seed, controls)

    def predict(self, inputs: Sequence[Continued]) -> list[Generated | RecordError]:
        """The text written for each prompt, in the order of the inputs."""
        found: dict[int, Any] = {}
        tickets = self.begin(inputs)
        while len(found) < len(tickets):
            for written in self.step():
                if written.answer is not None:
                    found[written.ticket] = written.answer
        return [found[ticket] for ticket in tickets]

    def begin(self, inputs: Sequence[Continued]) -> list[int]:
        """Take prompts in; those that have a place are read in the next step."""
        tickets = []
        for one in inputs:
            ticket = next(self._tickets)
            told = one.controls
            most = min(told.max_new_tokens or self._most, self._most)
            ids = [int(token) for token in one.ids[:, 0]]
            self._drafts[ticket] = one, Draft(self._text, self._ends, most, told.stop)
            self._loop.enter(Row(ticket, ids, most, self._processors(one, ids, most)))
            tickets.append(ticket)
        return tickets

    def step(self) -> list[Written]:
        """Write a token of each prompt that has a place: what is new, and what is done."""
        told, done = [], []
        for row, token in self._loop.step():
            # A text that has ended may be given what stands behind its end.
            if row.ticket not in self._drafts:
                continue
            written = self._note(row.ticket, token)
            if written.answer is not None:
                done.append(row.ticket)
                del self._drafts[row.ticket]
            if written.text or written.answer is not None:
                told.append(written)
        self._loop.drop(done)
        return told

    def drop(self, tickets: Iterable[int]) -> None:
        """Forget texts that nobody waits for."""
        gone = list(tickets)
        for ticket in gone:
            self._drafts.pop(ticket, None)
        self._loop.drop(gone)

    def _note(self, ticket: int, token: Token) -> Written:
        if isinstance(token, RecordError):
            return Written(ticket, "", token)
        prompt, draft = self._drafts[ticket]
        new = draft.add(token)
        if draft.stop is None:
            return Written(ticket, new)
        answer = Generated(draft.text, draft.stop, len(prompt.ids), draft.count)
        return Written(ticket, new, answer)

    def _filled(self, text: str, fields: Mapping[str, str]) -> str:
        """The template with its gaps filled; what fills one is not looked at again."""
        values = {name: fields.get(name, held) for name, held in self._fields.items()}
        values["text"] = text
        return _GAP.sub(lambda gap: values.get(gap[1], gap[0]), self._template)

    def _processors(self, one: Continued, ids: list[int], most: int) -> LogitsProcessorList:
        temperature = one.controls.temperature
        if temperature is None:
            temperature = float(self._options.get("temperature", 0))
        found = self._library_processors(ids, most) if self._shapes_scores else []
        if temperature > 0:
            top_k, top_p = int(self._options.get("top_k", 0)), float(self._options.get("top_p", 1))
            found = [*found, RowSampler([one.seed], temperature, top_k, top_p)]
        return LogitsProcessorList(found)

    def _library_processors(self, ids: list[int], most: int) -> list[LogitsProcessor]:
        """What the model's own files say of its scores: tokens forbidden, forced, penalised.

        The library makes these only inside of its own loop, so two of its methods are called that
        are not public; the contract suite compares what comes of it with the library.
        """
        config = self._config(most)
        config.max_length = len(ids) + most
        self._model._prepare_special_tokens(config, True, device=self._device)  # noqa: FBT003, SLF001 - see above
        found: list[LogitsProcessor] = self._model._get_logits_processor(  # noqa: SLF001 - see above
            generation_config=config,
            input_ids_seq_length=len(ids),
            encoder_input_ids=torch.tensor([ids], device=self._device),
            logits_processor=LogitsProcessorList(),
            device=str(self._device),
        )
        return found

    def _continue(self, rows: Sequence[Row]) -> list[list[Token]]:
        """Each text to its end, by the library's loop; padding behind it is left in."""
        prompts = [np.array([row.ids, [0] * len(row.ids)], np.int32).T for row in rows]
        found: list[list[Token]] = [[] for _ in rows]
        for group in self._inputs.groups(prompts):
            watch = Watch()
            own = EachRow([rows[at].processors for at in group])
            most = max(rows[at].most for at in group)
            inputs = [prompts[at] for at in group]
            generated = self._generate(inputs, LogitsProcessorList([watch, own]), most, 1)
            longest = max(map(len, inputs))
            written = generated.sequences[:, longest:].tolist()
            for at, tokens, bad in zip(group, written, watch.rows(len(group)), strict=True):
                found[at] = [NO_NUMBERS] if bad else tokens
        return found

    def _length(self, folder: Any) -> int | None:
        most = positions(self._model)
        if most is None:
            return None
        if most - self._most < 1:
            raise SetupError(
                f"The model in {folder} has places for {most} tokens, so max_new_tokens="
                f"{self._most} leaves none for a prompt; declare fewer."
            )
        return most - self._most

    def _batch(self, inputs: Sequence[Ids]) -> dict[str, torch.Tensor]:
        longest = max(map(len, inputs))
        ids = np.full((len(inputs), longest), self._inputs.padding_id, np.int64)
        mask = np.zeros((len(inputs), longest), np.int64)
        for row, one in enumerate(inputs):
            ids[row, longest - len(one) :] = one[:, 0]
            mask[row, longest - len(one) :] = 1
        arguments = {"input_ids": ids, "attention_mask": mask}
        return {name: torch.from_numpy(each).to(self._device) for name, each in arguments.items()}


class InTurn:
    """Writes some texts to their end before it takes the next.

    Args:
        write: gives all tokens of each row.
        most: texts that are written at a time.
    """

    def __init__(self, write: Any, most: int) -> None:
        self._write = write
        self._most = most
        self._waiting: deque[Row] = deque()

    def enter(self, row: Row) -> None:
        """Take a text in."""
        self._waiting.append(row)

    def step(self) -> list[tuple[Row, Token]]:
        """Every token of the next texts, one after another."""
        rows = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
        if not rows:
            return []
        pieces, failed = in_pieces(range(len(rows)), partial(self._call, rows))
        told: list[tuple[Row, Token]] = [
            (rows[at], RecordError(Reason.MODEL_ERROR, describe(error), trace_of(error)))
            for at, error in failed.items()
        ]
        return told + [pair for piece in pieces for pair in piece]

    def drop(self, tickets: Iterable[int]) -> None:
        """Forget texts that were not begun."""
        gone = set(tickets)
        self._waiting = deque(row for row in self._waiting if row.ticket not in gone)

    def _call(self, rows: Sequence[Row], chosen: Sequence[int]) -> list[tuple[Row, Token]]:
        some = [rows[at] for at in chosen]
        return [
            (row, token)
            for row, tokens in zip(some, self._write(some), strict=True)
            for token in tokens
        ]
