"""Image classification with transformers, in a device process.

Decoding and the processor's resizing run in the decode threads and leave uint8 pixels, a
quarter of the bytes floats would take; scaling and normalising run on the device, per batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForImageClassification

# From its own module: the package's own name for it is bound to torchvision.
from transformers.models.auto.image_processing_auto import AutoImageProcessor
from transformers.utils import logging

from aimass_stream.codecs.images import Pixels, decode_image
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Limits, Prediction

Input = NDArray[np.uint8] | NDArray[np.float32]
"""A decoded image: `(channels, height, width)`, uint8, or float32 where a processor insists."""


class ImageClassifier:
    """The `Predictor` of `Transformers("image-classification", ...)`.

    Images of one shape make one forward pass, whatever their number; rows do not depend on each
    other, so an image alone and in a batch gets the same scores within 1e-4. Weights are held in
    float32 and convolutions are exact, also on a GPU, which this sets for the whole process.

    Args:
        spec: the resolved declaration; options `top` and `scaled_decode`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no image classifier that can be loaded, or it answers
            a blank image with something other than one finite score per label.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        folder = Path(spec.folder)
        self._limits = spec.limits
        self._preparation = Preparation(load_processor(folder), spec.limits)
        self._at_least = (
            self._preparation.edge * 2 if spec.options.get("scaled_decode", False) else None
        )
        self._device = torch.device(device)
        if self._device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False
        self._model = _load_model(folder).to(self._device).eval()
        self._labels = _read_labels(self._model.config, folder)
        self._top = min(int(spec.options.get("top", 3)), len(self._labels))
        scale, shift = self._preparation.affine
        self._scale = torch.from_numpy(scale).to(self._device).view(1, -1, 1, 1)
        self._shift = torch.from_numpy(shift).to(self._device).view(1, -1, 1, 1)
        self._try_out(folder)

    def decode(self, payload: bytes | memoryview) -> Input:
        """One JPEG or PNG file as the model takes it; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH or UNDECODABLE.
        """
        return self._preparation(decode_image(payload, self._limits, at_least=self._at_least))

    def predict(self, inputs: Sequence[Input]) -> list[Prediction | RecordError]:
        """Classify decoded images; answers stand in the order of the inputs.

        An image whose scores are not all finite is a RecordError, INVALID_OUTPUT.
        """
        answers: list[Prediction | RecordError | None] = [None] * len(inputs)
        for rows in _rows_by_shape(inputs):
            logits = self._forward([inputs[row] for row in rows])
            for row, answer in zip(rows, self._read(logits), strict=True):
                answers[row] = answer
        return [answer for answer in answers if answer is not None]

    def close(self) -> None:
        """Give the weights' memory back."""
        del self._model
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _forward(self, images: Sequence[Input]) -> torch.Tensor:
        """Logits `(rows, labels)`, float32, on the CPU, of images of one shape."""
        with torch.inference_mode():
            stacked = torch.from_numpy(np.stack(images)).to(self._device)
            pixels = stacked.float() * self._scale + self._shift
            logits: torch.Tensor = self._model(pixel_values=pixels).logits
            return logits.float().cpu()

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

    def _try_out(self, folder: Path) -> None:
        """One blank image through the model, so that nothing is first tried on a record."""
        blank = self._preparation(np.zeros((64, 64, 3), np.uint8))
        try:
            logits = self._forward([blank])
        except Exception as error:
            raise SetupError(f"{_describe(folder, error)} It failed on a blank image.") from error
        if logits.shape != (1, len(self._labels)) or not torch.isfinite(logits).all():
            raise SetupError(
                f"The model in {folder} answers a blank image with {tuple(logits.shape)} scores "
                f"instead of {len(self._labels)} finite ones. Its weights are unusable."
            )


class Preparation:
    """What an image processor does to one RGB image, split in two.

    Calling it resizes and crops, with the processor's own code, and keeps uint8. `affine` is
    the rest, `pixels * scale + shift` per channel. Where a processor cannot be split so without
    changing its result, calling it does everything and `affine` changes nothing.

    Args:
        processor: a transformers image processor.
        limits: bounds on what an image may be enlarged to.

    Attributes:
        affine: scale and shift, `(channels,)` float32 each.
        edge: the longer edge, in pixels, of what the model is given.
    """

    def __init__(self, processor: Any, limits: Limits) -> None:
        self._processor = processor
        self._limits = limits
        size = dict(getattr(processor, "size", None) or {})
        self._shortest = _shortest_edge(processor, size)
        self.edge = max((edge for edge in size.values() if isinstance(edge, int)), default=1)
        self._split = {"do_rescale": False, "do_normalize": False}
        self.affine = _affine(processor)
        if not self._splits():
            self._split = {}
            self.affine = (np.ones(3, np.float32), np.zeros(3, np.float32))

    def __call__(self, image: Pixels) -> Input:
        """Resize and crop one image.

        Raises:
            RecordError: TOO_LARGE; resizing its shorter edge would make the longer one huge.
        """
        height, width = image.shape[:2]
        pixels = self._shortest**2 * max(height, width) / min(height, width)
        if pixels > self._limits.image_pixels:
            raise RecordError(
                Reason.TOO_LARGE,
                f"{width} x {height} pixels would be resized to more than the limit of "
                f"{self._limits.image_pixels}",
            )
        return self._process(image, self._split)

    def _process(self, image: Pixels, changes: dict[str, bool]) -> Input:
        # Said, not inferred: three rows of pixels look like three channels.
        made = self._processor(
            image, return_tensors="np", input_data_format="channels_last", **changes
        )
        pixels: Input = made["pixel_values"][0]
        return pixels

    def _splits(self) -> bool:
        """Whether both halves together give what the whole processor gives."""
        probe = np.random.default_rng(0).integers(0, 256, (53, 71, 3), np.uint8)
        whole = self._process(probe, {})
        try:
            half = self._process(probe, self._split)
        except (TypeError, ValueError):
            return False
        if half.dtype != np.uint8 or half.shape != whole.shape:
            return False
        scale, shift = (part[:, np.newaxis, np.newaxis] for part in self.affine)
        return bool(np.allclose(half * scale + shift, whole, rtol=0, atol=1e-5))


def _affine(processor: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    scale, shift = np.ones(3), np.zeros(3)
    if getattr(processor, "do_rescale", False):
        scale = scale * processor.rescale_factor
    if getattr(processor, "do_normalize", False):
        mean, std = np.asarray(processor.image_mean), np.asarray(processor.image_std)
        scale, shift = scale / std, -mean / std
    return scale.astype(np.float32), shift.astype(np.float32)


def _shortest_edge(processor: Any, size: dict[str, Any]) -> float:
    """Pixels the shorter edge is resized to; 0 where both edges are given."""
    if not getattr(processor, "do_resize", True):
        return 0.0
    return float(size.get("shortest_edge") or 0) / float(getattr(processor, "crop_pct", 1) or 1)


def _rows_by_shape(inputs: Sequence[Input]) -> list[list[int]]:
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, image in enumerate(inputs):
        groups.setdefault(image.shape, []).append(row)
    return list(groups.values())


def load_processor(folder: Path) -> Any:
    """The image processor saved in a model folder, in its Pillow form.

    Raises:
        SetupError: there is none that can be loaded.
    """
    try:
        # The Pillow processors need no torchvision, and give the same pixels on every machine.
        return AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise SetupError(
            f"{_describe(folder, error)} Is there a preprocessor_config.json? It is written by "
            "processor.save_pretrained(folder), beside the model."
        ) from error


def _load_model(folder: Path) -> Any:
    try:
        model, report = AutoModelForImageClassification.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except Exception as error:
        raise SetupError(
            f"{_describe(folder, error)} An image classifier is a folder with config.json and "
            "model.safetensors, as model.save_pretrained(folder) writes it."
        ) from error
    wrong = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    if wrong:
        raise SetupError(
            f"The model in {folder} has no trained weights for {', '.join(wrong[:3])}"
            f"{' and others' if wrong[3:] else ''}. It is no finished image classifier: train "
            "it for this task, or choose another folder."
        )
    return model


def _read_labels(config: Any, folder: Path) -> list[str]:
    labels = [str(config.id2label[row]) for row in sorted(config.id2label)]
    if len(set(labels)) != len(labels):
        raise SetupError(
            f"The model in {folder} has a label twice; make the names in id2label of its "
            "config.json differ."
        )
    return labels


def _describe(folder: Path, error: Exception) -> str:
    first = (str(error).strip() or "no details").splitlines()[0]
    return f"The model in {folder} cannot be loaded ({type(error).__name__}: {first})."
