"""Libraries that only some models need, and the extra of this package that brings each."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from aimass_stream.adapters.engines import LIBRARIES, TORCH, engine_of
from aimass_stream.error_text import extra_missing
from aimass_stream.errors import SetupError
from aimass_stream.transforms.chain import Chain

EXTRAS = {
    "diffusers": "diffusion",
    "librosa": "speech",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "rjieba": "chinese",
    "sentencepiece": "speech",
    "skimage": "vision",
    "timm": "vision",
    "torchaudio": "tacotron",
    "torchvision": "vision",
    "yolox": "yolox",
}
"""The extra that installs a module."""
_NEEDED_BY = {
    "aimass_stream.adapters.face_cascade:CascadeFinder": "skimage",
}
"""What adapters of models without a folder need; a folder's own files say what builds it."""


def require(module: str) -> ModuleType:
    """Import a module that an extra brings.

    Raises:
        SetupError: it is not installed; the text is the one line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SetupError(f"{module} is missing. {extra_missing(EXTRAS[module])}") from error


def advice(error: Exception) -> str:
    """How to install what an ImportError misses; empty where it is none, or of another module."""
    if not isinstance(error, ImportError):
        return ""
    said = str(error).lower()
    return next((f" {extra_missing(EXTRAS[module])}" for module in EXTRAS if module in said), "")


def libraries_of(adapter: str, options: Mapping[str, Any]) -> list[str]:
    """The optional libraries that a declaration needs, whatever its folder holds.

    Args:
        adapter: `module:Class` of what loads it; of one that is not ours nothing is known.
        options: its settings.
    """
    if not adapter.startswith("aimass_stream."):
        return []
    needed = [_NEEDED_BY[adapter]] if adapter in _NEEDED_BY else []
    if engine_of(options) != TORCH:
        needed += LIBRARIES
    before = options.get("before") or ()
    steps = Chain.of(before).steps if before else ()
    return [*needed, *(step.library for step in steps if step.library)]
