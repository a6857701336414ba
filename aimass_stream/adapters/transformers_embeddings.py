"""Texts as vectors with transformers' encoders, in a device process.

The mean of the last layer over the tokens of a text, scaled to unit length: what checkpoints of
the sentence-transformers format mean by their files, read here without that library.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import torch
from transformers import AutoModel

from aimass_stream.adapters.engines.acceptance import TOLERANCES, Apart, distance
from aimass_stream.adapters.rows import in_order
from aimass_stream.adapters.transformers_text import Ids, TextModel
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Embedding


class SentenceEncoder(TextModel):
    """The `Predictor` of `Transformers("sentence-embedding", ...)`.

    Args:
        spec: the resolved declaration; options `max_tokens` and `engine`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no encoder that can be loaded, or one whose files ask for
            something other than the mean; or the engine answers otherwise than torch.
    """

    # The mean is taken of the last layer; what some encoders have behind it is not used.
    unused = ("pooler.",)
    decodes_in_threads = True
    output = "last_hidden_state"

    def __init__(self, spec: ModelSpec, device: str) -> None:
        _check_pooling(Path(spec.folder))
        super().__init__(spec, device, AutoModel, "sentence encoder")

    def decode(self, payload: bytes | memoryview) -> Ids:
        """A text in UTF-8 as tokens; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE or UNDECODABLE.
        """
        return self._inputs.decode(payload)

    def decode_all(self, payloads: Sequence[bytes | memoryview]) -> list[Ids | RecordError]:
        """What `decode` makes of each text, or why it can make nothing of it."""
        return self._inputs.decode_all(payloads)

    def predict(self, inputs: Sequence[Ids]) -> list[Embedding | RecordError]:
        """The vector of each text, in the order of the inputs.

        A vector that is not finite is a RecordError, INVALID_OUTPUT.
        """
        groups = self._inputs.groups(inputs)
        return in_order(groups, [self._embed([inputs[row] for row in rows]) for rows in groups])

    def _embed(self, inputs: Sequence[Ids]) -> list[Embedding | RecordError]:
        vectors = self._values(inputs)
        finite = torch.isfinite(vectors).all(dim=1).tolist()
        return [
            Embedding.of(vector)
            if good
            else RecordError(Reason.INVALID_OUTPUT, "the model's vector is not finite")
            for good, vector in zip(finite, vectors.numpy(), strict=True)
        ]

    def _values(self, inputs: Sequence[Ids]) -> torch.Tensor:
        """Unit vectors, `(rows, dimensions)`."""
        with torch.inference_mode():
            arguments = self._inputs.batch(inputs, self._transfers)
            hidden = self._model(**arguments).last_hidden_state.float()
            mask = arguments["attention_mask"].unsqueeze(2).float()
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            return torch.nn.functional.normalize(mean, dim=1).cpu()

    def _measure(self, engine: str) -> tuple[Apart, float]:
        return distance, TOLERANCES[engine].vectors

    def _length(self, folder: Path) -> int | None:
        found = _read(folder / "sentence_bert_config.json").get("max_seq_length")
        return found if isinstance(found, int) and found > 0 else None


def _check_pooling(folder: Path) -> None:
    modes = _read(folder / "1_Pooling" / "config.json")
    chosen = sorted(name for name, on in modes.items() if name.startswith("pooling_mode_") and on)
    if chosen not in ([], ["pooling_mode_mean_tokens"]):
        raise SetupError(
            f"The model in {folder} was trained for {', '.join(chosen)}; only the mean over all "
            "tokens is offered. Choose a model with pooling_mode_mean_tokens."
        )


def _read(file: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
