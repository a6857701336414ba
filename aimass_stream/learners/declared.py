"""What the declarations of learners share: their settings, and how they say what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from aimass_stream.declaration import require, require_above_zero, require_at_least
from aimass_stream.learner import Learner

__all__ = ["require", "require_above_zero", "require_at_least", "settings_of"]

_CONTRACT = frozenset(field.name for field in fields(Learner))


def settings_of(declaration: Learner[Any]) -> Mapping[str, Any]:
    """The fields that a kind of learner adds to the contract, as plain data.

    A state makes its declaration again from these, so defaults and checks stand in one place.
    """
    values = {
        field.name: getattr(declaration, field.name)
        for field in fields(declaration)
        if field.name not in _CONTRACT
    }
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
