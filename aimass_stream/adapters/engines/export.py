"""Writes a loaded model of transformers as an ONNX file, in full or in eight bits.

torch's exporter that records one pass is used: it takes a second where the one that compiles
takes a minute, and needs no library but `onnx`. What it records wrongly, `acceptance` finds.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aimass_stream.adapters.classification import describe
from aimass_stream.adapters.engines import ONNX_INT8
from aimass_stream.errors import SetupError

OPSET = 18
MAX_BYTES = 2**31 - 2**24
"""Bytes of weights that fit into one file, whose format counts them in 31 bits."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is written.

    Attributes:
        model: of transformers, on the CPU, in float32.
        folder: its own, for messages.
        example: the arguments of a pass, by name.
        axes: dimensions of every argument that differ from batch to batch, with their names.
        output: the part of its answer that is wanted, `(rows, ...)`.
    """

    model: Any
    folder: Path
    example: Mapping[str, torch.Tensor]
    axes: Mapping[int, str]
    output: str


class _ByPlace(torch.nn.Module):
    """A model whose arguments have no names, and whose answer is one tensor."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__()
        self._wrapped = recorded.model
        self._names = list(recorded.example)
        self._output = recorded.output

    def forward(self, *arguments: torch.Tensor) -> torch.Tensor:
        """As the exporter calls it."""
        given = dict(zip(self._names, arguments, strict=True))
        answer: torch.Tensor = getattr(self._wrapped(**given), self._output)
        return answer


def write_onnx(recorded: Recorded, engine: str, file: Path) -> None:
    """Write a model for an engine.

    Args:
        recorded: what is written.
        engine: `onnx` or `onnx-int8`.
        file: where to; other files may be written beside it.

    Raises:
        SetupError: the weights are too large for a file, or the model is none that can be
            recorded.
    """
    held = sum(one.numel() * one.element_size() for one in recorded.model.parameters())
    if held > MAX_BYTES:
        raise SetupError(
            f"The model in {recorded.folder} has {held / 2**30:.1f} GiB of weights, and an ONNX "
            "file holds less than 2. Declare it with engine='torch'."
        )
    try:
        _record(recorded, file)
        if engine == ONNX_INT8:
            _quantize(file)
    except Exception as error:
        raise SetupError(
            f"{describe(recorded.folder, error)} It was to be written for engine={engine!r}; "
            "declare it with engine='torch'."
        ) from error


def _record(recorded: Recorded, file: Path) -> None:
    # The wrapper's own mode is put back afterwards, and would put the model's into training.
    wrapper = _ByPlace(recorded).eval()
    arguments = tuple(recorded.example.values())
    axes = {name: dict(recorded.axes) for name in recorded.example}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of a road that torch means to close, and of guesses
        dimensions = wrapper(*arguments).ndim
        # Answers of three dimensions have one for each token, others one for each row.
        axes[recorded.output] = dict(list(recorded.axes.items())[: max(1, dimensions - 1)])
        torch.onnx.export(
            wrapper,
            arguments,
            str(file),
            input_names=list(recorded.example),
            output_names=[recorded.output],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def _quantize(file: Path) -> None:
    """Bring the weights of matrix products to eight bits, each column by its own scale."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    whole = file.with_suffix(".whole")
    with _nameless_hushed():
        quant_pre_process(str(file), str(whole), skip_symbolic_shape=True)
        quantization.quantize_dynamic(
            str(whole),
            str(file),
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )


@contextmanager
def _nameless_hushed() -> Iterator[None]:
    """Have the root logger keep to itself what is said to it, a line for each matrix product."""
    root = logging.getLogger()

    def hush(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    root.addFilter(hush)
    try:
        yield
    finally:
        root.removeFilter(hush)
