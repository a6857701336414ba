"""Libraries that only some models need, and the extra of this package that brings each."""

from __future__ import annotations

import importlib
from types import ModuleType

from aimass_stream.errors import SetupError

EXTRAS = {
    "diffusers": "diffusion",
    "librosa": "speech",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "sentencepiece": "speech",
    "skimage": "vision",
    "timm": "vision",
    "torchaudio": "tacotron",
    "torchvision": "vision",
    "yolox": "yolox",
}
"""The extra that installs a module."""


def require(module: str) -> ModuleType:
    """Import a module that an extra brings.

    Raises:
        SetupError: it is not installed; the text is the one line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SetupError(f"{module} is not installed. {_install(module)}") from error


def advice(error: Exception) -> str:
    """How to install what an ImportError misses; empty where it is none, or of another module."""
    if not isinstance(error, ImportError):
        return ""
    said = str(error).lower()
    return next((f" {_install(module)}" for module in EXTRAS if module in said), "")


def _install(module: str) -> str:
    return f"Install it: pip install 'aimass-stream[{EXTRAS[module]}]'"
