"""What the version of a model stands for beside its files: its settings, and its parts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from aimass_stream.model import Model, ModelSpec

VERSION_DIGITS = 12
"""So much of a checksum is the version of a model outside the registry."""

_TAG_DIGITS = 6


def settings_tag(model: Model[Any]) -> str:
    """A short hash of the adapter's settings that are not its defaults; empty when all are."""
    changed = _changed(model)
    if not changed:
        return ""
    return "-" + hashlib.sha256(orjson.dumps(changed)).hexdigest()[:_TAG_DIGITS]


def composed_version(model: Model[Any], parts: Sequence[ModelSpec], digest: str) -> str:
    """The version of a model that is made of others: another one when anything of it changes.

    Args:
        model: its declaration.
        parts: what its parts were resolved to.
        digest: the checksum of its own files; empty where it has none.
    """
    made_of = [[part.adapter, part.id, part.options.get("task", "")] for part in parts]
    text = orjson.dumps([made_of, _changed(model), digest])
    return hashlib.sha256(text).hexdigest()[:VERSION_DIGITS]


def _changed(model: Model[Any]) -> dict[str, Any]:
    defaults = model.defaults
    return {
        name: value
        for name, value in sorted(model.options.items())
        if name in defaults and defaults[name] != value
    }
