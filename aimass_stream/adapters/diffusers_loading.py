"""Pipelines of diffusers from a folder: no code of the folder's, no class but those listed here.

In device processes only. The parts are loaded one by one, each with trained weights for everything
in it, and put together; the library's own loader, which imports whatever a folder names, is not
asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import torch
import transformers
from transformers.utils import logging

from aimass_stream.adapters.classification import describe
from aimass_stream.adapters.extras import require
from aimass_stream.adapters.packing import pack_linears
from aimass_stream.errors import SetupError

FILE = "model_index.json"
"""Where a pipeline names its parts."""

_CHECKER = ("stable_diffusion", "StableDiffusionSafetyChecker")


def load_pipeline(folder: Path, allowed: Collection[str], device: torch.device) -> Any:
    """A pipeline, ready to draw.

    Args:
        folder: as `pipeline.save_pretrained(folder)` wrote it.
        allowed: the pipelines' classes that the task takes.
        device: where it is to run.

    Raises:
        SetupError: diffusers is not installed, the pipeline is another one, or a part of it
            cannot be loaded, is of no known kind, or lacks trained weights.
    """
    diffusers = require("diffusers")
    index = _read_index(folder)
    name = index.pop("_class_name", "")
    if name not in allowed:
        raise SetupError(
            f"The pipeline in {folder} is a {name or 'nameless one'}; this task takes "
            f"{', '.join(sorted(allowed))}."
        )
    made = getattr(diffusers, name)
    takes = inspect.signature(made.__init__).parameters
    given: dict[str, Any] = {}
    for role, found in index.items():
        if role in takes:
            given[role] = _load_part(folder / role, *found) if isinstance(found, list) else found
    try:
        pipeline = made(**given).to(device)
    except Exception as error:
        raise SetupError(describe(folder, error)) from error
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            pack_linears(part)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _read_index(folder: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise SetupError(
            f"{describe(folder, error)} A pipeline's folder has a {FILE}, as "
            "pipeline.save_pretrained(folder) writes it."
        ) from error


def _load_part(folder: Path, library: str | None, name: str | None) -> Any:
    """A network, a schedule, a tokenizer or an image processor; None where the index has none."""
    if library is None or name is None:
        return None
    kind = _class_of(folder, library, name)
    try:
        if not issubclass(kind, torch.nn.Module):
            return kind.from_pretrained(folder, local_files_only=True)
        return _load_network(folder, kind)
    except SetupError:
        raise
    except Exception as error:
        raise SetupError(describe(folder, error)) from error


def _class_of(folder: Path, library: str, name: str) -> Any:
    """The class that an index names, if it is one whose loader runs no code of the folder's."""
    diffusers = require("diffusers")
    found: Any = None
    if (library, name) == _CHECKER:
        from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

        found = StableDiffusionSafetyChecker
    elif library == "diffusers":
        found = getattr(diffusers, name, None)
        bases: tuple[Any, ...] = (diffusers.ModelMixin, diffusers.SchedulerMixin)
    elif library == "transformers":
        found = getattr(transformers, name, None)
        bases = (
            transformers.PreTrainedModel,
            transformers.PreTrainedTokenizerBase,
            transformers.ImageProcessingMixin,
        )
    is_safe = (library, name) == _CHECKER or (inspect.isclass(found) and issubclass(found, bases))
    if not is_safe:
        raise SetupError(
            f"{FILE} in {folder.parent} names {library}.{name}, which is no network, schedule, "
            "tokenizer or image processor of diffusers or transformers."
        )
    return found


def _load_network(folder: Path, kind: Any) -> Any:
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the library has no types
    options: dict[str, Any] = {"dtype": torch.float32, "trust_remote_code": False}
    if not issubclass(kind, transformers.PreTrainedModel):
        options = {"torch_dtype": torch.float32, "low_cpu_mem_usage": False}
    model, report = kind.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, output_loading_info=True, **options
    )
    wrong = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    if wrong:
        raise SetupError(
            f"The network in {folder} has no trained weights for {', '.join(wrong[:3])}"
            f"{' and others' if wrong[3:] else ''}. Choose another folder."
        )
    return model.eval()
