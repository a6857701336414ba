"""What computes a model that transformers loaded, and how another engine takes torch's place.

A declaration's setting `engine` names one of these. Nothing here imports a model library.
"""

from collections.abc import Mapping
from typing import Any

TORCH = "torch"
ONNX = "onnx"
"""ONNX Runtime on the CPU, with the same weights."""
ONNX_INT8 = "onnx-int8"
"""ONNX Runtime on the CPU, with the weights of matrix products in eight bits."""

LIBRARIES = ("onnx", "onnxruntime")
"""What every engine but torch needs."""


def engine_of(options: Mapping[str, Any]) -> str:
    """The engine that a declaration's settings name; torch unless told."""
    return str(options.get("engine", TORCH))


def goes_alone(options: Mapping[str, Any]) -> bool:
    """Whether each row has to go through the model by itself.

    In eight bits, what a matrix product is given is rounded by the largest number of the whole
    batch, so that a row's answer would depend on what else is in it.
    """
    return engine_of(options) == ONNX_INT8
