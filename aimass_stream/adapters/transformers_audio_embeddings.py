"""Recordings as vectors with transformers, in a device process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForAudioClassification

from aimass_stream.adapters.classification import Features, describe, dtype_of, load_model
from aimass_stream.adapters.extraction import ExtractsFeatures
from aimass_stream.adapters.packing import pack_linears
from aimass_stream.adapters.rows import alike, in_order
from aimass_stream.adapters.transfers import Transfers
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Embedding


class AudioEncoder(ExtractsFeatures):
    """The `Predictor` of `Transformers("audio-embedding", ...)`.

    The mean of an encoder's last layer over time, scaled to unit length. Whisper, Wav2Vec2,
    HuBERT, AST and others of which transformers has a classifier; the classifier's own layers
    behind the encoder are not used, and need not be trained. Recordings of one length make one
    forward pass.

    Args:
        spec: the resolved declaration; option `dtype`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no such network that can be loaded, or it answers silence
            with numbers that are not finite.
    """

    unused = ("projector.", "classifier.", "layer_weights")

    def __init__(self, spec: ModelSpec, device: str) -> None:
        folder = Path(spec.folder)
        self.extract_within(spec)
        self._transfers = Transfers(torch.device(device))
        auto_class = AutoModelForAudioClassification
        model = load_model(folder, auto_class, "audio network", self.unused, dtype_of(spec))
        # Whisper's has an encoder where others have a body that is called as they call it.
        body = model.encoder if hasattr(model, "encoder") else model.base_model
        self._body = body.to(torch.device(device)).eval()
        pack_linears(self._body)
        silence = self._extraction(np.zeros(self._extraction.rate_hz, np.float32))
        try:
            vectors = self._values([silence])
        except Exception as error:
            raise SetupError(f"{describe(folder, error)} It failed on silence.") from error
        if not torch.isfinite(vectors).all():
            raise SetupError(
                f"The model in {folder} answers silence with numbers that are not finite. Its "
                "weights are unusable."
            )

    def predict(self, inputs: Sequence[Features]) -> list[Embedding | RecordError]:
        """The vector of each recording, in the order of the inputs.

        A vector that is not finite, or all zero, is a RecordError, INVALID_OUTPUT.
        """
        groups = alike(inputs, lambda one: one.shape)
        return in_order(groups, [self._embed([inputs[row] for row in rows]) for rows in groups])

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._body
        if self._transfers.overlap:
            torch.cuda.empty_cache()

    def _embed(self, inputs: Sequence[Features]) -> list[Embedding | RecordError]:
        vectors = self._values(inputs)
        lengths = vectors.norm(dim=1, keepdim=True)
        good = (torch.isfinite(lengths) & (lengths > 0)).flatten().tolist()
        return [
            Embedding.of(vector)
            if usable
            else RecordError(Reason.INVALID_OUTPUT, "the model's vector is zero or not finite")
            for usable, vector in zip(good, (vectors / lengths).numpy(), strict=True)
        ]

    def _values(self, inputs: Sequence[Features]) -> torch.Tensor:
        """Means over time, `(rows, dimensions)` float32 on the CPU."""
        with torch.inference_mode():
            sent = self._transfers.send(np.stack(inputs)).to(self._body.dtype)
            hidden: torch.Tensor = self._body(**{self._extraction.name: sent}).last_hidden_state
            return hidden.float().mean(dim=1).cpu()
