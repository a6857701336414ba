"""What a transform is, and chains of them: declarations, pure data that imports no model library.

A `Transform` says what it takes, what it gives, and which function does it. A `Chain` is transforms
whose ends meet. Both travel to the device process as plain data; there `reading` runs them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from aimass_stream.errors import ConfigError

_HOME = "aimass_stream.transforms"

TransformT = TypeVar("TransformT", bound="Transform")


class Kind(StrEnum):
    """What goes into a step or comes out of it."""

    IMAGE = "image"
    """`(height, width, 3)` uint8, RGB, upright."""
    SOUND = "sound"
    """A `Sound`: mono samples, float32, and their rate."""
    TEXT = "text"
    """A `str` with at least one visible character."""
    OBJECT = "object"
    """A JSON object as a dict."""
    VECTOR = "vector"
    """`(columns,)` float64; NaN where a number is missing."""


class Transform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all transforms: a frozen struct whose fields are the function's arguments.

    ```python
    class Mirror(Transform, frozen=True):
        takes = gives = Kind.IMAGE
        does = "shop.pixels:mirror"  # def mirror(pixels, axis) -> pixels

        axis: Annotated[int, msgspec.Meta(ge=0, le=1)] = 1
    ```

    A field's type and its bounds are checked when the step enters a chain. The function must
    depend on its arguments alone, and may not write to what it is given.

    Attributes:
        takes: what it is given.
        gives: what it returns; an image keeps its height and width.
        does: `module:function`, imported where it runs: called with the value, and every field by
            name. Of a step that is fitted: `module:Class` of its `Learned`.
        is_fitted: whether it learns from a captured range before it can run.
        library: the module of an optional library that it needs; empty where it needs none.
        extra: the extra of this package that brings it.
    """

    takes: ClassVar[Kind]
    gives: ClassVar[Kind]
    does: ClassVar[str]
    is_fitted: ClassVar[bool] = False
    library: ClassVar[str] = ""
    extra: ClassVar[str] = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """Its fields by name."""
        return {name: getattr(self, name) for name in self.__struct_fields__}

    def plain(self) -> dict[str, Any]:
        """Its name and the arguments that are not its defaults, as JSON has them."""
        told = {
            one.name: getattr(self, one.name)
            for one in msgspec.structs.fields(self)
            if getattr(self, one.name) != one.default
        }
        made = {"arguments": _as_json(told)} if told else {}
        return {"step": _name_of(type(self)), **made}


class Chain:
    """Steps, each given what the one before it returned.

    ```python
    before = Chain(EqualizeHistogram(), AdaptiveThreshold(block_size=35))
    ```

    Args:
        steps: at least one.

    Attributes:
        steps: as they were checked: lists have become tuples.

    Raises:
        ConfigError: there is no step, an argument is out of bounds, or one step gives what the
            next does not take.
    """

    __slots__ = ("steps",)

    steps: tuple[Transform, ...]

    def __init__(self, *steps: Transform) -> None:
        if not steps:
            raise ConfigError("Chain(): it needs at least one step.")
        checked = tuple(map(_checked, steps))
        for one, following in pairwise(checked):
            if one.gives is not following.takes:
                raise ConfigError(
                    f"Chain: {_name_of(type(one))} gives {one.gives}, but "
                    f"{_name_of(type(following))} behind it takes {following.takes}."
                )
        self.steps = checked

    @property
    def takes(self) -> Kind:
        """What its first step takes."""
        return self.steps[0].takes

    @property
    def gives(self) -> Kind:
        """What its last step gives."""
        return self.steps[-1].gives

    @property
    def fitted_steps(self) -> list[str]:
        """Names of the steps that must be fitted before they can run."""
        return [_name_of(type(one)) for one in self.steps if one.is_fitted]

    def plain(self) -> list[dict[str, Any]]:
        """The steps as JSON has them; `Chain.of` makes it a chain again."""
        return [one.plain() for one in self.steps]

    @classmethod
    def of(cls, plain: Sequence[Any], *, ours_only: bool = False) -> Self:
        """The chain that `plain` described.

        Args:
            plain: steps.
            ours_only: refuse steps of other packages, so that what a file names is not imported.

        Raises:
            ConfigError: it describes none.
        """
        return cls(*(_step_of(one, ours_only=ours_only) for one in plain))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and self.steps == other.steps

    def __hash__(self) -> int:
        return hash(self.steps)

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self.steps))})"


def chain_of(kind: Kind | None = None) -> Callable[[Any], str]:
    """What is wrong with a setting that is to be a chain from a kind to itself; for tasks.

    Args:
        kind: what the task's model takes; None where what is frozen in its folder says so.

    Returns:
        A function of the setting, a chain or its plain form; an empty list is none.
    """

    def problem(value: Any) -> str:
        if not isinstance(value, Chain | list):
            return "is no Chain"
        if isinstance(value, list) and not value:
            return ""
        try:
            found = value if isinstance(value, Chain) else Chain.of(value)
        except ConfigError as error:
            return f"is no Chain: {error}"
        if kind is not None and (found.takes, found.gives) != (kind, kind):
            return f"takes {found.takes} and gives {found.gives}; this task's model takes {kind}"
        if found.fitted_steps:
            return (
                f"has steps that are fitted ({', '.join(found.fitted_steps)}); they belong into "
                "the model's folder: see docs/models/transforms.md"
            )
        return ""

    return problem


def _name_of(kind: type[Transform]) -> str:
    """The name under which a step is found again; ours by their public home, whatever file."""
    ours = kind.__module__.startswith(f"{_HOME}.")
    return kind.__name__ if ours else f"{kind.__module__}:{kind.__qualname__}"


def _step_of(plain: Any, *, ours_only: bool) -> Transform:
    try:
        module, _, name = str(plain["step"]).rpartition(":")
        if module and ours_only:
            raise ConfigError(f"{name} is not of this package: a file may not say what to import.")
        kind = getattr(importlib.import_module(module or _HOME), name)
        if not (isinstance(kind, type) and issubclass(kind, Transform)):
            raise ConfigError(f"{plain['step']} is no transform.")
        return _converted(plain.get("arguments", {}), kind, ours_only=ours_only)
    except (KeyError, TypeError, AttributeError, ImportError, msgspec.ValidationError) as error:
        raise ConfigError(f"{plain!r} describes no transform: {error}") from error


def _checked(step: Transform) -> Transform:
    if not isinstance(step, Transform):
        raise ConfigError(f"Chain: {step!r} is no transform; give an instance of a Transform.")
    try:
        return _converted(_as_json(step), type(step), ours_only=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{_name_of(type(step))}: {error}") from None
    except (TypeError, NotImplementedError) as error:
        raise ConfigError(f"{_name_of(type(step))}: {error}") from error


def _converted(arguments: Any, kind: type[TransformT], *, ours_only: bool) -> TransformT:
    def chain_from(wanted: Any, plain: Any) -> Any:
        if wanted is Chain:
            return Chain.of(plain, ours_only=ours_only)
        raise NotImplementedError(f"a transform's argument cannot be a {wanted}")

    return msgspec.convert(arguments, kind, dec_hook=chain_from)


def _as_json(value: Any) -> Any:
    """A step or its arguments as they come back from JSON, where tuples are lists."""
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_chain_to_plain))


def _chain_to_plain(value: Any) -> Any:
    if isinstance(value, Chain):
        return value.plain()
    raise NotImplementedError(f"a transform's argument cannot be a {type(value).__name__}")
