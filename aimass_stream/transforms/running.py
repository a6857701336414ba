"""A chain at work: functions imported, each result looked at. In device processes only."""

from __future__ import annotations

import importlib
import importlib.util
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import numpy as np

from aimass_stream.error_text import extra_missing
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.records import Limits
from aimass_stream.transforms.chain import Chain, Kind, Transform
from aimass_stream.transforms.values import Sound

Function = Callable[[Any], Any]

_DEFAULT_LIMITS = Limits()


class Running:
    """Steps that are ready, called with one record's value; several threads may call at once.

    Args:
        steps: declarations, and the function of each.
        limits: bounds on what comes out of a step.
    """

    def __init__(
        self, steps: Sequence[tuple[Transform, Function]], limits: Limits = _DEFAULT_LIMITS
    ) -> None:
        self._steps = tuple(steps)
        self._limits = limits

    @classmethod
    def of(cls, chain: Chain, limits: Limits = _DEFAULT_LIMITS) -> Self:
        """A chain of which nothing has to be fitted.

        Raises:
            SetupError: a function cannot be imported; the text says how to install its library.
        """
        return cls([(step, function_of(step, limits)) for step in chain.steps], limits)

    def __call__(self, value: Any) -> Any:
        """What the last step gives.

        Raises:
            RecordError: what a step refuses; TRANSFORM_ERROR where one raises something else, or
                gives what it should not; EMPTY and TOO_LARGE for texts.
        """
        for step, function in self._steps:
            value = self._run(step, function, value)
        return value

    def _run(self, step: Transform, function: Function, value: Any) -> Any:
        try:
            found = function(value)
        except (RecordError, MemoryError):
            raise
        except Exception as error:
            raise RecordError(
                Reason.TRANSFORM_ERROR,
                f"{type(step).__name__} failed: {type(error).__name__}",
                traceback.format_exc(),
            ) from error
        if step.gives is Kind.TEXT:
            self._check_text(step, found)
        elif not _fits(step, value, found):
            raise RecordError(
                Reason.TRANSFORM_ERROR, f"{type(step).__name__} gave what is no {step.gives}"
            )
        return found

    def _check_text(self, step: Transform, found: Any) -> None:
        if not isinstance(found, str):
            raise RecordError(Reason.TRANSFORM_ERROR, f"{type(step).__name__} gave what is no text")
        if not found or found.isspace():
            raise RecordError(Reason.EMPTY, f"{type(step).__name__} left nothing of the text")
        most = self._limits.text_bytes
        if len(found.encode()) > most:
            raise RecordError(
                Reason.TOO_LARGE, f"{type(step).__name__} made a text of more than {most} bytes"
            )


def function_of(step: Transform, limits: Limits) -> Function:
    """The function of a step that is not fitted, given its arguments; chains among them are ready.

    Args:
        step: the declaration.
        limits: bounds on what comes out of the steps of such a chain.

    Raises:
        SetupError: it cannot be imported; the text says how to install its library.
    """
    ready = {name: _ready(value, limits) for name, value in step.arguments.items()}
    return partial(imported(step), **ready)


def _ready(argument: Any, limits: Limits) -> Any:
    if isinstance(argument, Chain):
        return Running.of(argument, limits)
    if isinstance(argument, tuple):
        return tuple(_ready(each, limits) for each in argument)
    return argument


def imported(step: Transform) -> Any:
    """What a step's `does` names.

    Raises:
        SetupError: it cannot be imported; the text says how to install its library.
    """
    name = type(step).__name__
    if step.library and importlib.util.find_spec(step.library) is None:
        raise SetupError(
            f"{name} needs {step.library}, which is missing. {extra_missing(step.extra)}"
        )
    module, _, function = step.does.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise SetupError(f"{name}: {step.does} cannot be imported ({error}).") from error


def _fits(step: Transform, value: Any, found: Any) -> bool:
    """Whether a step gave what it says it does."""
    if step.gives is Kind.IMAGE:
        same = step.takes is not Kind.IMAGE or getattr(found, "shape", None) == value.shape
        return isinstance(found, np.ndarray) and found.dtype == np.uint8 and same
    if step.gives is Kind.SOUND:
        samples = found.samples if isinstance(found, Sound) else np.empty(0)
        return samples.ndim == 1 and len(samples) > 0 and bool(np.isfinite(samples).all())
    if step.gives is Kind.VECTOR:
        return isinstance(found, np.ndarray) and found.ndim == 1 and found.dtype.kind == "f"
    return True
