"""Texts out of texts with transformers, in a device process: generation, and rewriting.

All rows of a batch are written together, step by step, until the last of them ends. Decoding is
the library's own, with sampling that does not depend on the batch (`sampling.py`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, LogitsProcessorList

from aimass_stream.adapters.rows import in_order
from aimass_stream.adapters.sampling import RowSampler, Watch
from aimass_stream.adapters.transformers_text import Ids, TextModel, pack, positions
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import SEED_BYTES, ModelSpec
from aimass_stream.records import Generated
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is written on from.

    Attributes:
        ids: `(tokens, 2)` int32.
        seed: of whatever is drawn.
    """

    ids: Ids
    seed: int = 0


class Writer(TextModel):
    """Base of what writes.

    Args:
        spec: the resolved declaration; options `template`, `max_tokens` and `max_new_tokens`.
        device: `cpu` or `cuda:0`.
        auto_class: the Auto class of the task.
        what: what it is, for messages.
        beams: kept for each row while searching; 1 searches greedily.

    Raises:
        SetupError: the folder holds no such model that can be loaded.
    """

    tells_places = False

    def __init__(
        self, spec: ModelSpec, device: str, auto_class: Any, what: str, beams: int = 1
    ) -> None:
        self._options = spec.options
        self._reading = Reading(spec, Kind.TEXT)
        self._most = int(spec.options.get("max_new_tokens", 64))
        self._beams = beams
        self._before, _, self._behind = str(spec.options.get("template", "{text}")).partition(
            "{text}"
        )
        super().__init__(spec, device, auto_class, what)
        ends = self._model.generation_config.eos_token_id
        self._ends = [ends] if isinstance(ends, int) else list(ends or ())

    def predict(self, inputs: Sequence[Prompt]) -> list[Generated | RecordError]:
        """The text written for each prompt, in the order of the inputs."""
        groups = self._inputs.groups([prompt.ids for prompt in inputs])
        return in_order(groups, [self._write([inputs[row] for row in rows]) for rows in groups])

    def _write(self, prompts: Sequence[Prompt]) -> list[Generated | RecordError]:
        watch = Watch()
        found = self._generate(
            [prompt.ids for prompt in prompts],
            LogitsProcessorList([watch, *self._sampler(prompts)]),
            self._most,
            self._beams,
        )
        broken = torch.zeros(len(prompts), dtype=torch.bool)
        if watch.broken is not None:
            broken = watch.broken.view(len(prompts), -1).any(dim=1)
        return [
            RecordError(Reason.INVALID_OUTPUT, "the model's scores are no numbers")
            if bad
            else self._answer(prompt, tokens)
            for prompt, tokens, bad in zip(
                prompts, self._new_tokens(found, prompts), broken.tolist(), strict=True
            )
        ]

    def _answer(self, prompt: Prompt, tokens: list[int]) -> Generated:
        end = next((at for at, token in enumerate(tokens) if token in self._ends), None)
        written = tokens if end is None else tokens[:end]
        text = self._inputs.tokenizer.decode(written, skip_special_tokens=True)
        count = len(written) + (0 if end is None else 1)
        return Generated(text, "length" if end is None else "end", len(prompt.ids), count)

    def _sampler(self, prompts: Sequence[Prompt]) -> list[RowSampler]:
        del prompts
        return []

    def _values(self, inputs: Sequence[Ids]) -> torch.Tensor:
        """Logits of the first token that would be written, `(rows, tokens)`."""
        found = self._generate(inputs, LogitsProcessorList(), 1, 1, logits=True)
        first: torch.Tensor = found.logits[0]
        return first.float().cpu()

    def _generate(
        self,
        inputs: Sequence[Ids],
        processors: LogitsProcessorList,
        most: int,
        beams: int,
        *,
        logits: bool = False,
    ) -> Any:
        config = deepcopy(self._model.generation_config)
        config.update(
            do_sample=False,
            num_beams=beams,
            max_new_tokens=most,
            max_length=None,
            min_length=0,
            min_new_tokens=None,
            temperature=None,
            top_k=None,
            top_p=None,
            pad_token_id=self._inputs.padding_id,
            return_dict_in_generate=True,
            output_logits=logits,
        )
        with torch.inference_mode():
            return self._model.generate(
                **self._batch(inputs), generation_config=config, logits_processor=processors
            )

    @abstractmethod
    def _batch(self, inputs: Sequence[Ids]) -> dict[str, torch.Tensor]:
        """The arguments of `generate`, `(rows, longest)` each."""

    @abstractmethod
    def _new_tokens(self, found: Any, prompts: Sequence[Prompt]) -> list[list[int]]:
        """What was written for each prompt; padding behind its end is left in."""


class TextGenerator(Writer):
    """The `Predictor` of `Transformers("text-generation", ...)`: GPT-2 and any causal model.

    Prompts are padded on the left, or written on in groups of one length where a model minds.

    Args:
        spec: the resolved declaration; options `template`, `max_tokens`, `max_new_tokens`,
            `temperature`, `top_k` and `top_p`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or `max_new_tokens` leaves
            no room for a prompt.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, AutoModelForCausalLM, "causal language model")

    def decode(self, payload: bytes | memoryview) -> Prompt:
        """A seed and a text in UTF-8 as the tokens of a prompt; several threads may call.

        Raises:
            RecordError: EMPTY, TOO_LARGE (also where the prompt has more tokens than there is
                room for; half a prompt would mean something else) or UNDECODABLE.
        """
        seed = int.from_bytes(payload[:SEED_BYTES], "little") >> 1
        text = self._reading.text(payload[SEED_BYTES:])
        encoding = self._inputs.encode(f"{self._before}{text}{self._behind}")
        if encoding.overflowing:
            raise RecordError(
                Reason.TOO_LARGE,
                f"the prompt has more than {self._inputs.max_tokens} tokens",
            )
        return Prompt(pack(encoding), seed)

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

    def _sampler(self, prompts: Sequence[Prompt]) -> list[RowSampler]:
        temperature = float(self._options.get("temperature", 0))
        if temperature <= 0:
            return []
        top_k, top_p = int(self._options.get("top_k", 0)), float(self._options.get("top_p", 1))
        return [RowSampler([prompt.seed for prompt in prompts], temperature, top_k, top_p)]

    def _batch(self, inputs: Sequence[Ids]) -> dict[str, torch.Tensor]:
        longest = max(map(len, inputs))
        ids = np.full((len(inputs), longest), self._inputs.padding_id, np.int64)
        mask = np.zeros((len(inputs), longest), np.int64)
        for row, one in enumerate(inputs):
            ids[row, longest - len(one) :] = one[:, 0]
            mask[row, longest - len(one) :] = 1
        arguments = {"input_ids": ids, "attention_mask": mask}
        return {name: torch.from_numpy(each).to(self._device) for name, each in arguments.items()}

    def _new_tokens(self, found: Any, prompts: Sequence[Prompt]) -> list[list[int]]:
        longest = max(len(prompt.ids) for prompt in prompts)
        tokens: list[list[int]] = found.sequences[:, longest:].tolist()
        return tokens


class Rewriter(Writer):
    """The `Predictor` of `Transformers("summarization", ...)` and `("translation", ...)`.

    Args:
        spec: the resolved declaration; options `template`, `max_tokens`, `max_new_tokens`,
            `beams`, `source_language` and `target_language`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or does not know a
            language.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        beams = int(spec.options.get("beams", 1))
        super().__init__(spec, device, AutoModelForSeq2SeqLM, "sequence-to-sequence model", beams)
        self._choose_languages()

    def decode(self, payload: bytes | memoryview) -> Prompt:
        """A text in UTF-8 as tokens, cut at `max_tokens`; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE or UNDECODABLE.
        """
        text = self._reading.text(payload)
        return Prompt(pack(self._inputs.encode(f"{self._before}{text}{self._behind}")))

    def _choose_languages(self) -> None:
        tokenizer = self._inputs.tokenizer
        source, target = (
            str(self._options.get(name, "")) for name in ("source_language", "target_language")
        )
        for language in filter(None, (source, target)):
            if tokenizer.convert_tokens_to_ids(language) in (None, tokenizer.unk_token_id):
                raise SetupError(
                    f"The tokenizer in {self._folder} knows no language {language!r}; its own "
                    "names are tokens of its vocabulary, such as `deu_Latn`."
                )
        if source:
            tokenizer.src_lang = source
        if target:
            forced = tokenizer.convert_tokens_to_ids(target)
            self._model.generation_config.forced_bos_token_id = forced

    def _batch(self, inputs: Sequence[Ids]) -> dict[str, torch.Tensor]:
        return self._inputs.batch(inputs, self._transfers)

    def _new_tokens(self, found: Any, prompts: Sequence[Prompt]) -> list[list[int]]:
        del prompts
        # The first one starts the decoder and was not written.
        tokens: list[list[int]] = found.sequences[:, 1:].tolist()
        return tokens
