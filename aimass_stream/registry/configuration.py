"""What the JSON files of a model folder say about the model: read, never acted upon.

`config.json` and what stands beside it are as `save_pretrained` of transformers writes them, or
as timm does; `architecture.json` is the engine's own (`docs/models/own-networks.md`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import orjson

from aimass_stream.errors import SetupError

CONFIG = "config.json"
COMBINER = "combiner.json"
"""What an ensemble makes one answer of several with."""
ESTIMATOR = "estimator.json"
"""What scikit-learn fitted, as text."""
ARCHITECTURE = "architecture.json"
PIPELINE = "model_index.json"
"""What a pipeline of diffusers is made of."""

_UNNAMED = {"layers": "chain of layers", "yolox": "YOLOX"}
_REMOTE = ("auto_map", "custom_pipelines")
_PREPARATIONS = ("preprocessor_config.json", "processor_config.json")
_BY_BYTES = frozenset({"ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer"})
"""Tokenizers that have no vocabulary."""
_FRONT_MATTER = re.compile(r"---\s*\n(.*?)\n---\s*\n", re.DOTALL)
_LICENCE = re.compile(r"^licen[sc]e:[ \t]*([\w.+-]+)[ \t]*$", re.MULTILINE)
_MAX_TOKENS = 10_000_000
"""Tokenizers without a bound of their own say a number beyond all sense."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """A model's configuration, as far as a card needs it; empty where nothing is said.

    Attributes:
        library: `transformers`, `timm`, `torchvision`, `torchaudio`, `layers`, `yolox`,
            `diffusers` or `scikit-learn`.
        architecture: the network's class or name there.
        labels: its classes, in the order of its outputs.
        problem: transformers' `problem_type`, or `regression` where there is a single output;
            the task of an estimator.
        prepares: whether it brings a preparation of images or audio.
        reads_bytes: whether its tokenizer reads bytes or characters as they are.
        sampling_rate_hz: of the audio it takes; 0 where it takes none.
        limits: what follows for its inputs, a sentence each.
    """

    library: str = ""
    architecture: str = ""
    labels: tuple[str, ...] = ()
    problem: str = ""
    prepares: bool = False
    reads_bytes: bool = False
    sampling_rate_hz: int = 0
    limits: tuple[str, ...] = ()


def read_configuration(folder: Path) -> Configuration:
    """What a model folder says about its model.

    Raises:
        SetupError: a file of it is no JSON object.
    """
    if (folder / ARCHITECTURE).is_file():
        return _own(_read(folder / ARCHITECTURE))
    if (folder / PIPELINE).is_file():
        name = _read(folder / PIPELINE).get("_class_name")
        return Configuration(library="diffusers", architecture=str(name or ""))
    if (folder / ESTIMATOR).is_file() and not (folder / CONFIG).is_file():
        return _estimator(_read(folder / ESTIMATOR))
    config, prepared = _read(folder / CONFIG), _preparation(folder)
    tokenizer = _read(folder / "tokenizer_config.json")
    named = config.get("architectures")
    architecture = str(named[0]) if isinstance(named, list) and named else ""
    from_timm = not architecture and isinstance(config.get("architecture"), str)
    rate = prepared.get("sampling_rate")
    return Configuration(
        library="timm" if from_timm else "transformers" if config else "",
        architecture=str(config["architecture"]) if from_timm else architecture,
        labels=_labels(config),
        problem=_problem(config),
        prepares=bool(prepared),
        reads_bytes=tokenizer.get("tokenizer_class") in _BY_BYTES,
        sampling_rate_hz=rate if isinstance(rate, int) else 0,
        limits=tuple(
            _limits(
                {**config, **_read(folder / "generation_config.json")},
                prepared,
                tokenizer,
            )
        ),
    )


def check_remote_code(folder: Path) -> None:
    """See that no JSON file of a model folder points at code to be run.

    Raises:
        SetupError: one does, under the keys transformers knows for it.
    """
    for path in sorted(folder.rglob("*config*.json")):
        key = _find_remote(_read(path))
        if key:
            raise SetupError(
                f"{path} asks for code to be run (its key {key!r}), which is never done. "
                "If transformers has the model's class itself, delete the key from the file; "
                "otherwise the model cannot be used."
            )


def licence_of(folder: Path) -> str:
    """The licence that the front matter of a README states, as hubs have it; empty if none."""
    try:
        text = (folder / "README.md").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    front = _FRONT_MATTER.match(text)
    stated = _LICENCE.search(front[1]) if front else None
    return stated[1] if stated else ""


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise SetupError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise SetupError(f"{path} holds no JSON object.")
    return found


def _find_remote(found: Any) -> str:
    """The key that points at code, at any depth; empty where there is none."""
    left = [found]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if here := next((key for key in _REMOTE if each.get(key)), ""):
                return here
            left += each.values()
        elif isinstance(each, list):
            left += each
    return ""


def _own(found: dict[str, Any]) -> Configuration:
    labels, shape = found.get("labels"), found.get("input") or {}
    sized = isinstance(shape, dict) and {"width", "height"} <= shape.keys()
    return Configuration(
        library=str(found.get("library", "")),
        architecture=str(found.get("architecture") or _UNNAMED.get(str(found.get("library")), "")),
        labels=tuple(map(str, labels)) if isinstance(labels, list) else (),
        prepares=True,
        limits=(_resized(shape),) if sized else (),
    )


def _estimator(found: dict[str, Any]) -> Configuration:
    """What `fit` wrote of an estimator."""
    fitted, labels = found.get("estimator"), found.get("labels")
    return Configuration(
        library="scikit-learn",
        architecture=str(fitted.get("class", "")) if isinstance(fitted, dict) else "",
        labels=tuple(map(str, labels)) if isinstance(labels, list) else (),
        problem=str(found.get("task", "")),
    )


def _preparation(folder: Path) -> dict[str, Any]:
    """How images or audio are prepared; newer files hold it one level down."""
    found: dict[str, Any] = {}
    for name in _PREPARATIONS:
        said = _read(folder / name)
        for part in (said, said.get("image_processor"), said.get("feature_extractor")):
            if isinstance(part, dict):
                found |= part
    return found


def _labels(config: dict[str, Any]) -> tuple[str, ...]:
    named, listed = config.get("id2label"), config.get("label_names")
    if isinstance(named, dict) and all(row.isdecimal() for row in named):
        return tuple(str(named[row]) for row in sorted(named, key=int))
    return tuple(map(str, listed)) if isinstance(listed, list) else ()


def _problem(config: dict[str, Any]) -> str:
    problem, named = config.get("problem_type"), config.get("id2label")
    if not problem and isinstance(named, dict) and len(named) == 1:
        return "regression"
    return str(problem or "")


_TACOTRON_S_HEIR = "FastSpeech2ConformerWithHifiGan"


def _limits(
    config: dict[str, Any], prepared: dict[str, Any], tokenizer: dict[str, Any]
) -> Iterator[str]:
    size = prepared.get("size")
    if isinstance(size, dict) and {"width", "height"} <= size.keys():
        yield _resized(size)
    rate, length_s = prepared.get("sampling_rate"), prepared.get("chunk_length")
    if isinstance(rate, int):
        yield f"Audio is resampled to {rate:,} Hz."
        if isinstance(length_s, int) and "no_timestamps_token_id" in config:
            yield f"It hears {length_s} s of a recording at a time."
        elif isinstance(length_s, int):
            yield f"It hears {length_s} s of a recording at the most."
    if _TACOTRON_S_HEIR in (config.get("architectures") or ()):
        yield (
            "It speaks where Tacotron 2 would, whose class is not maintained any more: both make a "
            "spectrogram of a text, and HiFi-GAN sound of that."
        )
    for tokens in (tokenizer.get("model_max_length"), config.get("max_position_embeddings")):
        if isinstance(tokens, int) and not rate and 0 < tokens < _MAX_TOKENS:
            yield f"It reads {tokens:,} tokens of a text at the most."
            return


def _resized(size: dict[str, Any]) -> str:
    return f"Images are resized to {size['width']} x {size['height']} pixels."
