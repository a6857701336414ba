"""Text for transformers, in a device process: tokenising, padding, and text classification.

Tokenising runs in the decode threads; rows are padded to the longest of their batch on the
device, with a mask, so that a text alone and in a batch gets the same answer.
"""

from __future__ import annotations

import inspect
import logging
from abc import abstractmethod
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from aimass_stream.adapters.classification import (
    TOLERANCES,
    Classifier,
    Features,
    describe,
    dtype_of,
    load_model,
)
from aimass_stream.adapters.engines import goes_alone
from aimass_stream.adapters.engines.movable import Movable
from aimass_stream.adapters.opening import OpensTexts
from aimass_stream.adapters.rows import decode_together
from aimass_stream.adapters.tokenizers import backend_of, load_tokenizer
from aimass_stream.adapters.transfers import Transfers
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading

log = logging.getLogger("aimass.device")

_PROBES = 16

Ids = NDArray[np.int32]
"""A tokenised text: `(tokens, 2)`, the id of each token and of its segment."""


class TextInputs:
    """What a tokenizer makes of texts, and how the rows of a batch are brought to one length.

    Several threads may tokenise at once: the tokenizer is set up here and never changed again.

    Args:
        spec: the resolved declaration; options `max_tokens` and `engine`.
        model: what takes the inputs, loaded.
        max_tokens: a bound beside the declaration's, the tokenizer's and the model's.
        tells_places: whether the tokenizer has to know where its tokens lie.

    Attributes:
        tokenizer: the folder's.
        max_tokens: tokens of a text at the most, special ones included; longer texts are cut.
        padding_id: the token that fills rows up.
        pads: whether rows may be padded; known once they were tried out.
        cut_texts: how many texts were longer.

    Raises:
        SetupError: the folder has no tokenizer, or none that knows where its tokens lie.
    """

    def __init__(
        self,
        spec: ModelSpec,
        model: Any,
        max_tokens: int | None = None,
        *,
        tells_places: bool = True,
    ) -> None:
        tokenizer = load_tokenizer(Path(spec.folder), tells_places=tells_places)
        self.tokenizer, self._backend = tokenizer, backend_of(tokenizer)
        bounds = [int(spec.options.get("max_tokens", 512)), positions(model)]
        bounds += [tokenizer.model_max_length, max_tokens]
        self.max_tokens = min(bound for bound in bounds if bound)
        self.cut_texts = 0
        self._lock = Lock()
        self._id = spec.id
        self._reading = Reading(spec, Kind.TEXT)
        self._encode = self._backend.encode
        self._backend.no_padding()
        self._backend.enable_truncation(self.max_tokens)
        self.padding_id = tokenizer.pad_token_id or 0
        if getattr(model.config, "pad_token_id", None) is None:
            # Families that read the last token need to know which are none.
            model.config.pad_token_id = self.padding_id
        taken = inspect.signature(model.forward).parameters
        self._dtype = model.dtype
        self._segments = "token_type_ids" in {*tokenizer.model_input_names} & {*taken}
        self.pads = False
        self._alone = goes_alone(spec.options)

    def read(self, payload: bytes | memoryview) -> tuple[str, Any]:
        """The text and its `tokenizers.Encoding`.

        Raises:
            RecordError: EMPTY, TOO_LARGE or UNDECODABLE.
        """
        text = self._reading.text(payload)
        return text, self.encode(text)

    def encode(self, text: str) -> Any:
        """The `tokenizers.Encoding` of a text that is made of what a record says."""
        encoding = self._encode(text)
        if encoding.overflowing:
            self._note_cut()
        return encoding

    def pair_up(self, cut: Literal["only_first", "only_second"], stride: int = 0) -> None:
        """Let `pair` cut one of two texts only; before anything is tokenised.

        Args:
            cut: which.
            stride: tokens that a piece shares with the one before.
        """
        self._backend.enable_truncation(self.max_tokens, stride=stride, strategy=cut)

    def pair(self, first: str, second: str) -> Any:
        """The `tokenizers.Encoding` of two texts; what did not fit is in its `overflowing`.

        Raises:
            RecordError: TOO_LARGE; the text that is not cut leaves no room for the other.
        """
        try:
            return self._encode(first, second)
        except Exception:
            # The tokenizers library raises one bare kind for whatever it cannot cut.
            raise RecordError(
                Reason.TOO_LARGE,
                f"one of the two texts takes all of the {self.max_tokens} tokens",
            ) from None

    def decode(self, payload: bytes | memoryview) -> Ids:
        """The text's tokens, cut at `max_tokens`.

        Raises:
            RecordError: EMPTY, TOO_LARGE or UNDECODABLE.
        """
        return pack(self.read(payload)[1])

    def decode_all(self, payloads: Sequence[bytes | memoryview]) -> list[Ids | RecordError]:
        """As `decode` does each, or why it cannot.

        The tokenizer gives Python's lock away for the whole batch, which it does not for one text.
        """
        return decode_together(payloads, self._reading.text, self._tokenise)

    def _tokenise(self, texts: list[str]) -> list[Ids]:
        encodings = self._backend.encode_batch_fast(texts)
        for encoding in encodings:
            if encoding.overflowing:
                self._note_cut()
        return [pack(encoding) for encoding in encodings]

    def groups(self, inputs: Sequence[Ids]) -> list[list[int]]:
        """Rows that go through the model together: all, those of one length, or each alone."""
        if self._alone:
            return [[row] for row in range(len(inputs))]
        if self.pads:
            return [list(range(len(inputs)))] if inputs else []
        found: dict[int, list[int]] = {}
        for row, ids in enumerate(inputs):
            found.setdefault(len(ids), []).append(row)
        return list(found.values())

    def batch(self, inputs: Sequence[Ids], transfers: Transfers) -> dict[str, torch.Tensor]:
        """The arguments of a forward pass, on the device, `(rows, longest)` each, int64."""
        longest = max(map(len, inputs))
        ids = np.full((len(inputs), longest), self.padding_id, np.int64)
        mask, segments = np.zeros((2, len(inputs), longest), np.int64)
        for row, one in enumerate(inputs):
            ids[row, : len(one)] = one[:, 0]
            segments[row, : len(one)] = one[:, 1]
            mask[row, : len(one)] = 1
        arguments = {"input_ids": ids, "attention_mask": mask}
        if self._segments:
            arguments["token_type_ids"] = segments
        return {name: transfers.send(one) for name, one in arguments.items()}

    @property
    def settings(self) -> bytes:
        """Equal for tokenizers that cut and tokenise alike."""
        return blake2b(self._backend.to_str().encode()).digest()

    def blank(self) -> Ids:
        """The shortest input there is."""
        return pack(self._encode("a"))

    def probes(self, vocabulary: int) -> list[Ids]:
        """Inputs of words drawn from a seed, from the shortest to `max_tokens`.

        Args:
            vocabulary: tokens that the model knows.
        """
        draw, short = np.random.default_rng(0), self.blank()
        special = {*self.tokenizer.all_special_ids, self.padding_id}
        known = min(vocabulary, len(self.tokenizer))
        words = np.array([token for token in range(known) if token not in special], np.int32)
        lengths = np.geomspace(len(short), self.max_tokens, _PROBES).round().astype(int)
        probes = [np.resize(short[len(short) // 2], (length, 2)) for length in lengths.tolist()]
        for probe in probes:
            probe[:, 0] = draw.choice(words, len(probe))
            probe[0], probe[-1] = short[0], short[-1]
        return probes

    def try_out(self, forward: Callable[[Sequence[Ids]], torch.Tensor], folder: Path) -> None:
        """See that the longest input passes, and whether rows may be padded.

        A model that answers a padded row otherwise than the row alone gets rows of one length.

        Args:
            forward: answers a batch with `(rows, ...)`, or `(rows, tokens, ...)`.
            folder: the model's, for messages.

        Raises:
            SetupError: it fails on a text of `max_tokens`.
        """
        short = self.blank()
        long = np.resize(short, (self.max_tokens, 2))
        alone = forward([short])[0]
        try:
            forward([long])
        except Exception as error:
            raise SetupError(
                f"{describe(folder, error)} It failed on a text of {self.max_tokens} tokens: "
                "declare it with a smaller max_tokens."
            ) from error
        try:
            padded = forward([short, np.resize(short, (2 * len(short), 2))])[0]
        except Exception:  # whatever it is that it cannot do with padding, it does not get any
            return
        if padded.shape != alone.shape:
            padded = padded[: len(alone)]
        tolerance = TOLERANCES[self._dtype]
        self.pads = bool(torch.allclose(padded, alone, rtol=0, atol=tolerance))

    def _note_cut(self) -> None:
        with self._lock:
            self.cut_texts += 1
            count = self.cut_texts
        if count & (count - 1) == 0:
            log.warning(
                "%s: texts of more than %d tokens are cut there; %d so far",
                self._id,
                self.max_tokens,
                count,
            )


class MovableTexts(Movable):
    """Base of predictors that hold `TextInputs` in `_inputs`."""

    _inputs: TextInputs
    _transfers: Transfers

    def _groups(self, inputs: Sequence[Ids]) -> list[list[int]]:
        return self._inputs.groups(inputs)

    def _probes(self) -> list[Ids]:
        return self._inputs.probes(self._model.get_input_embeddings().num_embeddings)

    def _axes(self, probes: Sequence[Ids]) -> dict[int, str]:
        del probes
        return {0: "rows", 1: "tokens"}

    def _arguments(self, inputs: Sequence[Ids]) -> dict[str, torch.Tensor]:
        return self._inputs.batch(inputs, self._transfers)


class TextClassifier(MovableTexts, OpensTexts, Classifier):
    """The `Predictor` of `Transformers("text-classification", ...)`.

    Args:
        spec: the resolved declaration; options `top`, `max_tokens` and `engine`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no text classifier that can be loaded, one of several
            labels at once, or one that answers with something other than finite scores; or the
            engine answers otherwise than torch.
    """

    decodes_in_threads = True

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, AutoModelForSequenceClassification, "text")
        if self._model.config.problem_type not in {None, "single_label_classification"}:
            raise SetupError(
                f"The model in {self._folder} is made for {self._model.config.problem_type}; a "
                "text classifier gives each text one of its labels."
            )
        self._inputs = TextInputs(spec, self._model)
        self.open_within(spec, self._inputs.settings)
        self._try_out(self._inputs.blank())
        self._inputs.try_out(self._logits, self._folder)
        self._move(spec)

    def decode_all(self, payloads: Sequence[bytes | memoryview]) -> list[Ids | RecordError]:
        """What `decode` makes of each text, or why it can make nothing of it."""
        return self._inputs.decode_all(payloads)

    def _prepare(self, cleaned: str) -> Ids:
        return pack(self._inputs.encode(cleaned))

    def _forward(self, inputs: Sequence[Features]) -> Any:
        return self._model(**self._arguments(inputs))

    def _scores(self, inputs: Sequence[Features]) -> torch.Tensor:
        return self._logits(inputs).softmax(dim=1)


class TextModel(MovableTexts):
    """Base of the `Predictor`s that answer a text with something other than a label.

    Args:
        spec: the resolved declaration.
        device: `cpu` or `cuda:0`.
        auto_class: the Auto class of the task.
        what: what it is, for messages: `sentence encoder`.

    Raises:
        SetupError: the folder holds no such model that can be loaded, or the engine that the
            declaration names answers otherwise than torch.
    """

    unused: tuple[str, ...] = ()
    tells_places = True

    def __init__(self, spec: ModelSpec, device: str, auto_class: Any, what: str) -> None:
        self._folder = Path(spec.folder)
        self._device = torch.device(device)
        self._transfers = Transfers(self._device)
        model = load_model(self._folder, auto_class, what, self.unused, dtype_of(spec))
        self._model = model.to(self._device).eval()
        most = self._length(self._folder)
        self._inputs = TextInputs(spec, self._model, most, tells_places=self.tells_places)
        try:
            blank = self._values([self._inputs.blank()])
        except Exception as error:
            raise SetupError(
                f"{describe(self._folder, error)} It failed on a short text."
            ) from error
        if not torch.isfinite(blank).all():
            raise SetupError(
                f"The model in {self._folder} answers a short text with numbers that are not "
                "finite. Its weights are unusable."
            )
        self._inputs.try_out(self._values, self._folder)
        self._move(spec)

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._model
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _length(self, folder: Path) -> int | None:
        """Tokens of a text at the most, where a file of the model's says so."""
        del folder
        return None

    @abstractmethod
    def _values(self, inputs: Sequence[Ids]) -> torch.Tensor:
        """What the model makes of a batch, `(rows, ...)` float32 on the CPU."""

    def _scores(self, inputs: Sequence[Ids]) -> torch.Tensor:
        return self._values(inputs)


def pack(encoding: Any) -> Ids:
    """The ids of a `tokenizers.Encoding`, `(tokens, 2)` int32."""
    return np.array([encoding.ids, encoding.type_ids], np.int32).T.copy()


def positions(model: Any) -> int | None:
    """Tokens that a model has places for; None where it knows no bound."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # Some families count places from behind the padding's id.
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - first
    return getattr(model.config, "max_position_embeddings", None)
