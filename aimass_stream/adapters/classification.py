"""What every classifier of transformers shares, whatever it is given: loading, trying, reading.

Imported in device processes only, by the adapters of the modalities.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from transformers.utils import logging

from aimass_stream.adapters.extras import advice
from aimass_stream.adapters.rows import alike, in_order
from aimass_stream.adapters.transfers import Fetched, Transfers
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Prediction

TOLERANCES = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""How far scores alone and in a batch may lie apart, by what weights are held in."""

Features = NDArray[Any]
"""One decoded input, as the model takes it."""
Launched = list[tuple[list[int], Fetched]]
"""Rows of a batch that went through the model together, and their logits."""


class Classifier(ABC):
    """Base of the `Predictor`s that give each input a label; a modality adds `decode`.

    Inputs that `_groups` puts together make one forward pass, whatever their number. Weights are
    held in what the declaration says, float32 unless told; convolutions in it are exact, also on
    a GPU, which this sets for the whole process. There, a batch is computed while the next one is
    launched.

    Args:
        spec: the resolved declaration; options `top` and `dtype`.
        device: `cpu` or `cuda:0`.
        auto_class: the Auto class of the task.
        kind: what it classifies, for messages: `image`.

    Raises:
        SetupError: the folder holds no such classifier that can be loaded.
    """

    def __init__(self, spec: ModelSpec, device: str, auto_class: Any, kind: str) -> None:
        folder, dtype = Path(spec.folder), dtype_of(spec)
        model = load_model(folder, auto_class, f"{kind} classifier", dtype=dtype)
        self.hold(folder, kind, device, model)
        self.name(_read_labels(self._model.config, folder), spec)

    @property
    def labels(self) -> Sequence[str]:
        """What it tells apart, in the order of the model's outputs."""
        return self._labels

    def hold(self, folder: Path, kind: str, device: str, model: Any) -> None:
        """Take a loaded model to its device, in place of the constructor's own loading."""
        self._folder = folder
        self._kind = kind
        self._device = torch.device(device)
        self._transfers = Transfers(self._device)
        if self._device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False
        self._model = model.to(self._device).eval()

    def name(self, labels: Sequence[str], spec: ModelSpec) -> None:
        """Say what the model's outputs stand for."""
        self._labels = list(labels)
        self._top = min(int(spec.options.get("top", 3)), len(self._labels))

    def predict(self, inputs: Sequence[Features]) -> list[Prediction | RecordError]:
        """Classify decoded inputs; answers stand in the order of the inputs.

        An input whose scores are not all finite is a RecordError, INVALID_OUTPUT.
        """
        return self.collect(self.launch(inputs))

    @property
    def launches(self) -> bool:
        """Whether `launch` returns before the answers are known."""
        return self._transfers.overlap

    def launch(self, inputs: Sequence[Features]) -> Launched:
        """Have the device begin with decoded inputs."""
        groups = self._groups(inputs)
        with torch.inference_mode():
            return [
                (rows, self._transfers.fetch(self._forward([inputs[row] for row in rows]).logits))
                for rows in groups
            ]

    def collect(self, launched: Launched) -> list[Prediction | RecordError]:
        """The answers of what was launched, when they are known."""
        groups = [rows for rows, _ in launched]
        return in_order(groups, [self._read(fetched.wait()) for _, fetched in launched])

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._model
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _groups(self, inputs: Sequence[Features]) -> list[list[int]]:
        """Rows that go through the model together: those of one shape."""
        return alike(inputs, lambda one: one.shape)

    @abstractmethod
    def _forward(self, inputs: Sequence[Features]) -> Any:
        """What the model answers to inputs of one group; `logits` of it are `(rows, labels)`."""

    def _logits(self, inputs: Sequence[Features]) -> torch.Tensor:
        """`(rows, labels)`, float32, on the CPU."""
        with torch.inference_mode():
            return self._transfers.fetch(self._forward(inputs).logits).wait()

    def _read(self, logits: torch.Tensor) -> list[Prediction | RecordError]:
        finite = torch.isfinite(logits).all(dim=1).tolist()
        scores = torch.softmax(logits, dim=1)
        # Ranked by logit: scores saturate to 0 and 1, where all order is lost.
        best = torch.topk(logits, self._top, dim=1).indices
        found = zip(finite, best.tolist(), torch.gather(scores, 1, best).tolist(), strict=True)
        return [
            self._prediction(ranks, values)
            if good
            else RecordError(Reason.INVALID_OUTPUT, "the model's scores are not all finite")
            for good, ranks, values in found
        ]

    def _prediction(self, ranks: list[int], values: list[float]) -> Prediction:
        labels = [self._labels[rank] for rank in ranks]
        return Prediction(labels[0], values[0], dict(zip(labels, values, strict=True)))

    def _try_out(self, blank: Features) -> None:
        """One blank input through the model, so that nothing is first tried on a record.

        Raises:
            SetupError: the model fails on it, or answers with something other than one finite
                score per label.
        """
        try:
            logits = self._logits([blank])
        except Exception as error:
            raise SetupError(
                f"{describe(self._folder, error)} It failed on blank {self._kind} input."
            ) from error
        if logits.shape != (1, len(self._labels)) or not torch.isfinite(logits).all():
            raise SetupError(
                f"The model in {self._folder} answers blank {self._kind} input with "
                f"{tuple(logits.shape)} scores instead of {len(self._labels)} finite ones. Its "
                "weights are unusable."
            )


def load_processor(load: Any, folder: Path, **options: Any) -> Any:
    """What is saved beside a model and prepares its inputs.

    Args:
        load: `from_pretrained` of its Auto class.
        folder: the model's folder.
        options: what the Auto class takes beside.

    Raises:
        SetupError: there is none that can be loaded.
    """
    try:
        return load(folder, local_files_only=True, trust_remote_code=False, **options)
    except ImportError as error:
        raise SetupError(describe(folder, error)) from error
    except Exception as error:
        raise SetupError(
            f"{describe(folder, error)} Is there a preprocessor_config.json? It is written by "
            "save_pretrained(folder) of the processor or feature extractor, beside the model."
        ) from error


def dtype_of(spec: ModelSpec) -> torch.dtype:
    """What a declaration's weights are held in: option `dtype`, float32 unless told."""
    dtype: torch.dtype = getattr(torch, str(spec.options.get("dtype", "float32")))
    return dtype


def load_model(
    folder: Path,
    auto_class: Any,
    what: str,
    unused: tuple[str, ...] = (),
    dtype: torch.dtype = torch.float32,
) -> Any:
    """A model with trained weights for everything in it.

    Args:
        folder: as `save_pretrained` wrote it.
        auto_class: the Auto class of the task.
        what: what it must be, for messages: `image classifier`.
        unused: how the names of weights begin that nothing depends on.
        dtype: what its weights are held in.

    Raises:
        SetupError: it cannot be loaded, or some of its weights are missing or of another shape.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the library has no types
    try:
        model, report = auto_class.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            dtype=dtype,
        )
    except ImportError as error:
        raise SetupError(describe(folder, error)) from error
    except Exception as error:
        raise SetupError(
            f"{describe(folder, error)} The folder of a usable {what} has config.json and "
            "model.safetensors, as model.save_pretrained(folder) writes them."
        ) from error
    wrong = sorted(
        name
        for name in map(str, [*report["missing_keys"], *report["mismatched_keys"]])
        if not name.startswith(unused)
    )
    if wrong:
        raise SetupError(
            f"The model in {folder} has no trained weights for {', '.join(wrong[:3])}"
            f"{' and others' if wrong[3:] else ''}. It is no finished {what}: train "
            "it for this task, or choose another folder."
        )
    return model


def describe(folder: Path, error: Exception) -> str:
    """One sentence on why a model cannot be loaded."""
    first = (str(error).strip() or "no details").splitlines()[0]
    said = f"The model in {folder} cannot be loaded ({type(error).__name__}: {first})."
    return said + advice(error)


def _read_labels(config: Any, folder: Path) -> list[str]:
    labels = [str(config.id2label[row]) for row in sorted(config.id2label)]
    if len(set(labels)) != len(labels):
        raise SetupError(
            f"The model in {folder} has a label twice; make the names in id2label of its "
            "config.json differ."
        )
    return labels
