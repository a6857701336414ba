"""What the declarations of learners share: their settings, and how they say what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from aimass_stream.errors import ConfigError
from aimass_stream.learner import Learner

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


def require_at_least(declaration: Learner[Any], **least: float) -> None:
    """Refuse a declaration with a field below its least value.

    Raises:
        ConfigError: a field lies below; the text names it.
    """
    for name, value in least.items():
        holds = getattr(declaration, name) >= value
        require(declaration, holds=holds, otherwise=f"{name} must be at least {value}")


def require(declaration: Learner[Any], *, holds: bool, otherwise: str) -> None:
    """Refuse a declaration.

    Raises:
        ConfigError: it does not hold; the text names the kind, the learner and `otherwise`.
    """
    if not holds:
        raise ConfigError(f"{type(declaration).__name__}({declaration.name!r}): {otherwise}")
