"""Lines of a file, each a text with its label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from aimass_stream.errors import ConfigError

_JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and the label it was given."""

    label: str
    text: str


def read_labelled(path: Path, encoding: str = "utf-8") -> list[LabelledText]:
    """The lines of a file that are not blank, in order.

    Args:
        path: lines `label<space or tab>text`, or in a .jsonl or .ndjson objects
            `{"label": ..., "text": ...}`, where a label may be a number, too.
        encoding: of lines of text.

    Raises:
        ConfigError: the file is not there or cannot be read, or a line is not like that; its number
            is named.
    """
    is_json = path.suffix.lower() in _JSON_SUFFIXES
    found = []
    try:
        lines = path.read_bytes().decode("utf-8-sig" if is_json else encoding).split("\n")
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no file {path.absolute()}. Name the one to learn from"
        ) from error
    except (OSError, UnicodeDecodeError, LookupError) as error:
        raise ConfigError(f"{path} cannot be read as {encoding}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        one = _from_json(line) if is_json else _from_text(line)
        if one is None or not one.text:
            form = '{"label": ..., "text": ...}' if is_json else "label, a space or tab, and a text"
            raise ConfigError(f"{path}, line {number}: this is not {form}")
        found.append(one)
    if not found:
        raise ConfigError(f"{path} has no lines to train on")
    return found


def _from_text(line: str) -> LabelledText | None:
    label, *rest = line.split(maxsplit=1)
    return LabelledText(label, rest[0].strip()) if rest else None


def _from_json(line: str) -> LabelledText | None:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(fields, dict):
        return None
    label, text = fields.get("label"), fields.get("text")
    if not isinstance(text, str) or not isinstance(label, str | int):
        return None
    return LabelledText(str(label), text.strip())
