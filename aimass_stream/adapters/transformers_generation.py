"""Models of transformers that write, in a device process: what they share, and rewriting.

A text that is made of another one is written for all rows of a batch at once, by the library's
own search. How a text is continued is in `transformers_continuation.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, LogitsProcessorList

from aimass_stream.adapters.rows import in_order
from aimass_stream.adapters.sampling import NO_NUMBERS, Watch
from aimass_stream.adapters.transformers_text import Ids, TextModel, pack
from aimass_stream.errors import RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Generated
from aimass_stream.records.generated import Stop
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading


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

    def _values(self, inputs: Sequence[Ids]) -> torch.Tensor:
        """Logits of the first token that would be written, `(rows, tokens)`."""
        found = self._generate(inputs, LogitsProcessorList(), 1, 1, logits=True)
        first: torch.Tensor = found.logits[0]
        return first.float().cpu()

    def _text(self, tokens: list[int]) -> str:
        text: str = self._inputs.tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def _config(self, most: int, beams: int = 1) -> Any:
        """What the model's own files say of writing, but searching and drawing."""
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
        )
        return config

    def _generate(
        self,
        inputs: Sequence[Ids],
        processors: LogitsProcessorList,
        most: int,
        beams: int,
        *,
        logits: bool = False,
    ) -> Any:
        config = self._config(most, beams)
        config.output_logits = logits
        with torch.inference_mode():
            return self._model.generate(
                **self._batch(inputs), generation_config=config, logits_processor=processors
            )

    @abstractmethod
    def _batch(self, inputs: Sequence[Ids]) -> dict[str, torch.Tensor]:
        """The arguments of `generate`, `(rows, longest)` each."""


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

    def decode(self, payload: bytes | memoryview) -> Ids:
        """A text in UTF-8 as tokens, cut at `max_tokens`; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE or UNDECODABLE.
        """
        text = self._reading.text(payload)
        return pack(self._inputs.encode(f"{self._before}{text}{self._behind}"))

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

    def predict(self, inputs: Sequence[Ids]) -> list[Generated | RecordError]:
        """The text written for each input, in order."""
        groups = self._inputs.groups(inputs)
        return in_order(groups, [self._write([inputs[row] for row in rows]) for rows in groups])

    def _write(self, inputs: Sequence[Ids]) -> list[Generated | RecordError]:
        watch = Watch()
        found = self._generate(inputs, LogitsProcessorList([watch]), self._most, self._beams)
        # The first token starts the decoder and was not written.
        written = found.sequences[:, 1:].tolist()
        return [
            NO_NUMBERS if bad else self._answer(ids, tokens)
            for ids, tokens, bad in zip(inputs, written, watch.rows(len(inputs)), strict=True)
        ]

    def _answer(self, ids: Ids, tokens: list[int]) -> Generated:
        end = next((at for at, token in enumerate(tokens) if token in self._ends), None)
        written = tokens if end is None else tokens[:end]
        count = len(written) + (0 if end is None else 1)
        stop: Stop = "length" if end is None else "end"
        return Generated(self._text(written), stop, len(ids), count)

    def _batch(self, inputs: Sequence[Ids]) -> dict[str, torch.Tensor]:
        return self._inputs.batch(inputs, self._transfers)
