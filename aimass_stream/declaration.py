"""What models and learners have in common as declarations: how they refuse what makes no sense."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, Self

from aimass_stream.errors import ConfigError


class Declaration:
    """Base of the frozen dataclasses that a user writes down.

    Raises:
        ConfigError: it is told a setting that it does not take.
    """

    def __new__(cls, *args: Any, **told: Any) -> Self:
        """A declaration, if it takes what it is told by name."""
        takes = _fields_of_constructor(cls)
        strange = sorted(told.keys() - takes) if takes else []
        if strange:
            name = told.get("name", args[0] if args else "")
            raise ConfigError(
                f"{cls.__name__}({name!r}): {takes_no(strange, takes)} It takes {', '.join(takes)}."
            )
        return super().__new__(cls)


def _fields_of_constructor(kind: type[Any]) -> dict[str, Any]:
    """By name; none of a class whose constructor is its own, and knows by itself what it takes."""
    maker = next(each for each in kind.__mro__ if "__init__" in vars(each))
    made = vars(maker).get("__dataclass_params__")
    return {one.name: one for one in fields(maker) if one.init} if made and made.init else {}


def takes_no(strange: Iterable[str], known: Iterable[str]) -> str:
    """That settings are not known, and which ones may have been meant, in a sentence or two."""
    strange, known = sorted(strange), list(known)
    near = dict.fromkeys(near for one in strange for near in get_close_matches(one, known, n=1))
    meant = f" Did you mean {', '.join(near)}?" if near else ""
    return f"it takes no {', '.join(strange)}.{meant}"


def require(declaration: Declaration, *, holds: bool, otherwise: str) -> None:
    """Refuse a declaration.

    Raises:
        ConfigError: it does not hold; the text names the kind, the declaration and `otherwise`.
    """
    if not holds:
        name = getattr(declaration, "name", "") or getattr(declaration, "location", "")
        raise ConfigError(f"{type(declaration).__name__}({name!r}): {otherwise}")


def require_at_least(declaration: Declaration, **least: int) -> None:
    """Refuse a declaration with a field that is no whole number, or below its least value.

    Raises:
        ConfigError: there is such a field; the text names it.
    """
    for name, lowest in least.items():
        value = getattr(declaration, name)
        holds = _is_number(value, Integral) and value >= lowest
        text = f"{name}={value!r}: it must be a whole number, at least {lowest}"
        require(declaration, holds=holds, otherwise=text)


def require_above_zero(declaration: Declaration, *names: str) -> None:
    """Refuse a declaration with a field that is no number above 0, or is infinite.

    Raises:
        ConfigError: there is such a field; the text names it.
    """
    for name in names:
        value = getattr(declaration, name)
        holds = _is_number(value, Real) and 0 < value < math.inf
        text = f"{name}={value!r}: it must be a number above 0"
        require(declaration, holds=holds, otherwise=text)


def _is_number(value: Any, kind: type[Any]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
