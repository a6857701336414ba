"""Names as the tokens that a model of images and words reads. In device processes only.

One family reads each name as a phrase of its own, another all of them as one sentence.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from aimass_stream.adapters.classification import describe
from aimass_stream.errors import Reason, RecordError, SetupError

_KEPT = 256
_ARGUMENTS = ("input_ids", "attention_mask", "token_type_ids")


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Names as a model reads them.

    Attributes:
        labels: the names.
        tokens: the model's arguments, `(phrases, tokens)` int64 each.
        owners: which name each token of a sentence is of, -1 for none, `(tokens,)` int64; None
            where each name is a phrase.
    """

    labels: tuple[str, ...]
    tokens: Mapping[str, torch.Tensor]
    owners: torch.Tensor | None = None


class NameReader(ABC):
    """Makes tokens of names, and keeps those of the lists it met last. Any thread may call.

    Args:
        folder: of the model, with its tokenizer.

    Raises:
        SetupError: there is no tokenizer that can be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], Names] = OrderedDict()
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:
            raise SetupError(
                f"{describe(folder, error)} Is there a tokenizer.json? It is written by "
                "processor.save_pretrained(folder), beside the model."
            ) from error

    def __call__(self, labels: tuple[str, ...]) -> Names:
        """The names as tokens.

        Raises:
            RecordError: TOO_LARGE (a name has more tokens than the model reads), or BAD_ENVELOPE
                (the model cannot tell one from the next).
        """
        # A tokenizer's settings are its own, and it must not be asked by two threads at once.
        with self._lock:
            if labels not in self._kept:
                self._kept[labels] = self._read(labels)
            self._kept.move_to_end(labels)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[labels]

    @abstractmethod
    def _read(self, labels: tuple[str, ...]) -> Names: ...

    def _check(self, tokens: int, most: int, what: str) -> None:
        if tokens > most:
            detail = f"{what} has {tokens} tokens, more than the {most} that the model reads"
            raise RecordError(Reason.TOO_LARGE, detail)


class Phrases(NameReader):
    """Each name in a phrase of its own: OWL-ViT, CLIP, SigLIP.

    Args:
        folder: of the model, with its tokenizer.
        template: what a name is put into, at `{label}`.
        most: tokens that the model reads of a phrase.
        pad_to: tokens that phrases are padded to; 0 for the longest of a list.

    Raises:
        SetupError: there is no tokenizer that can be loaded.
    """

    def __init__(self, folder: Path, template: str, most: int, pad_to: int = 0) -> None:
        super().__init__(folder)
        self._template = template
        self._most = most
        length: dict[str, Any] = {"padding": "max_length", "max_length": pad_to}
        self._padding = length if pad_to else {"padding": True}

    def _read(self, labels: tuple[str, ...]) -> Names:
        phrases = [self._template.replace("{label}", label) for label in labels]
        for place, ids in enumerate(self._tokenizer(phrases)["input_ids"]):
            self._check(len(ids), self._most, f"`labels`: number {place}, in its phrase,")
        made = self._tokenizer(phrases, return_tensors="pt", **self._padding)
        return Names(labels, {name: made[name] for name in _ARGUMENTS[:2] if name in made})


class Sentence(NameReader):
    """All names in one sentence, `a cat. a dog.`: Grounding DINO.

    Args:
        folder: of the model, with its tokenizer.
        most: tokens that the model reads.

    Raises:
        SetupError: there is no tokenizer that can be loaded.
    """

    def __init__(self, folder: Path, most: int) -> None:
        super().__init__(folder)
        self._most = most

    def _read(self, labels: tuple[str, ...]) -> Names:
        # As the library's own processor writes them.
        phrases = [label.strip().lower() for label in labels]
        if any("." in phrase for phrase in phrases):
            detail = "`labels`: a name holds a full stop, which ends a name in this model"
            raise RecordError(Reason.BAD_ENVELOPE, detail)
        made = self._tokenizer(
            ". ".join(phrases) + ".", return_tensors="pt", return_offsets_mapping=True
        )
        self._check(made["input_ids"].shape[1], self._most, "the list of names")
        owners = torch.full(made["input_ids"].shape[1:], -1)
        start = 0
        for number, phrase in enumerate(phrases):
            first, last = made["offset_mapping"][0].T
            inside = (first >= start) & (last <= start + len(phrase)) & (last > first)
            owners[inside] = number
            start += len(phrase) + len(". ")
        unread = set(range(len(labels))) - set(owners.tolist())
        if unread:
            detail = f"`labels`: the model has no token for number {min(unread)}"
            raise RecordError(Reason.BAD_ENVELOPE, detail)
        return Names(labels, {name: made[name] for name in _ARGUMENTS if name in made}, owners)
