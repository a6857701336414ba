"""What has to lie beside a network of transformers, and makes its inputs of what records hold.

`model.save_pretrained(folder)` writes the network alone. Files are looked for, none is loaded.
"""

from __future__ import annotations

from pathlib import Path

from aimass_stream.adapters.tasks import modality_of
from aimass_stream.errors import SetupError
from aimass_stream.registry.configuration import Configuration

_VOCABULARIES = ("tokenizer.json", "vocab*", "byte_maps.json", "dict.txt", "*.model", "*.spm")
_READS_TOO = frozenset(
    {
        "automatic-speech-recognition",
        "text-to-speech",
        "zero-shot-image-classification",
        "zero-shot-object-detection",
    }
)
"""Tasks on images and audio that need a tokenizer as well."""
_PROCESSORS = {
    "image": "image processor",
    "video": "image processor",
    "audio": "feature extractor",
}
_HEARS_NOTHING = "text-to-speech"


def has_tokenizer(folder: Path, about: Configuration) -> bool:
    """Whether a tokenizer lies in a folder: a vocabulary, or the name of one that needs none."""
    return about.reads_bytes or any(any(folder.glob(each)) for each in _VOCABULARIES)


def check_preparation(folder: Path, about: Configuration, task: str) -> None:
    """See that a tokenizer, image processor or feature extractor is there where a task needs one.

    Args:
        folder: of the model.
        about: its configuration; networks of other libraries bring their preparation along.
        task: what it is to do; empty where that is not known, so that anything will do.

    Raises:
        SetupError: it is not.
    """
    if about.library != "transformers":
        return
    reads, modality = has_tokenizer(folder, about), modality_of(task)
    if not task and not reads and not about.prepares:
        raise SetupError(
            f"Model folder {folder} has neither a tokenizer nor an image processor or feature "
            f"extractor, so nothing makes inputs of records for its {about.architecture}. Write "
            "it there with tokenizer.save_pretrained(folder) or processor.save_pretrained(folder)."
        )
    if (modality == "text" or task in _READS_TOO) and not reads:
        raise SetupError(_lacking(folder, "tokenizer", task, "tokenizer"))
    if modality in _PROCESSORS and task != _HEARS_NOTHING and not about.prepares:
        raise SetupError(_lacking(folder, _PROCESSORS[modality], task, "processor"))


def _lacking(folder: Path, what: str, task: str, writer: str) -> str:
    return (
        f"Model folder {folder} has no {what}, which {task} needs. "
        f"Write it there with {writer}.save_pretrained(folder), beside the model."
    )
