"""The tokenizer of a model's folder, and one face for those with a Rust part and those without.

Imported in device processes only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from transformers import AutoTokenizer

from aimass_stream.adapters.classification import describe
from aimass_stream.errors import SetupError


class Encoding(NamedTuple):
    """A text's tokens where no place of them is known, named as `tokenizers.Encoding` has it.

    Attributes:
        ids: of the tokens.
        type_ids: of their segments.
        overflowing: tokens that did not fit.
    """

    ids: list[int]
    type_ids: list[int]
    overflowing: list[int]


class PythonBackend:
    """What `tokenizers.Tokenizer` offers, by a tokenizer that is written in Python alone.

    Such a tokenizer changes while it works, so one text at a time is encoded.

    Args:
        tokenizer: without a `backend_tokenizer`: Marian's, for one.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._lock = Lock()
        self._most: int | None = None

    def no_padding(self) -> None:
        """Rows are padded elsewhere."""

    def enable_truncation(self, most: int) -> None:
        """Cut texts there, special tokens included."""
        self._most = most

    def encode(self, text: str) -> Encoding:
        """A text's tokens, cut; several threads may call at once."""
        with self._lock:
            found = self._tokenizer(
                text,
                truncation=self._most is not None,
                max_length=self._most,
                return_overflowing_tokens=self._most is not None,
            )
        ids: list[int] = found["input_ids"]
        return Encoding(ids, [0] * len(ids), found.get("overflowing_tokens", []))

    def encode_batch_fast(self, texts: Sequence[str]) -> list[Encoding]:
        """The tokens of each text, one after the other."""
        return [self.encode(text) for text in texts]

    def to_str(self) -> str:
        """Equal for tokenizers that tokenise alike."""
        words = self._tokenizer.get_vocab()
        return json.dumps([str(self._tokenizer.init_kwargs), words, self._most], sort_keys=True)


def backend_of(tokenizer: Any) -> Any:
    """Its `tokenizers.Tokenizer`, or what stands for one."""
    return getattr(tokenizer, "backend_tokenizer", None) or PythonBackend(tokenizer)


def load_tokenizer(folder: Path, *, tells_places: bool) -> Any:
    """The tokenizer that lies beside a model.

    Args:
        folder: the model's.
        tells_places: whether it has to know where in a text its tokens lie, which those written in
            Python alone do not.

    Raises:
        SetupError: there is none, or none that does.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        # Without its files some families' tokenizers are made all the same, knowing no word.
        if len(tokenizer) <= len(tokenizer.all_special_tokens):
            raise ValueError("its tokenizer has no vocabulary")  # noqa: TRY301 - told as the loader's own
        (tokenizer.backend_tokenizer if tells_places else backend_of(tokenizer)).encode("a")
    except Exception as error:
        raise SetupError(
            f"{describe(folder, error)} Is there a tokenizer.json? It is written by "
            "tokenizer.save_pretrained(folder), beside the model."
        ) from error
    return tokenizer
