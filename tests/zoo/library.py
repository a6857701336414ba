"""What the library loads, once for all payloads of a case."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer
from transformers.models.auto.image_processing_auto import AutoImageProcessor


@cache
def model_of(auto_class: Any, folder: Path) -> Any:
    """The model, ready to answer."""
    return auto_class.from_pretrained(folder, local_files_only=True).eval()


@cache
def processor_of(folder: Path) -> Any:
    """The image processor."""
    return AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True)


@cache
def words_of(folder: Path) -> Any:
    """The tokenizer."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
