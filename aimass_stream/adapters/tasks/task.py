"""What a task is, and the settings that several of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

from aimass_stream.adapters.engines import ONNX, ONNX_INT8, TORCH
from aimass_stream.records import Limits, Record


class Setting(NamedTuple):
    """A setting of a task.

    Attributes:
        default: its value unless told; None where one must be told.
        problem: what is wrong with a value, as the end of a sentence; empty where nothing is.
    """

    default: Any
    problem: Callable[[Any], str]


class Told(NamedTuple):
    """What a model is given of a record beside its payload.

    Attributes:
        needed: whether it is given anything, by the settings.
        read: what, as plain JSON; raises RecordError where the record does not say it.
        is_required: whether it can answer nothing without.
    """

    needed: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Record], Mapping[str, Any]]
    is_required: bool


class Task(NamedTuple):
    """A task.

    Attributes:
        adapter: `module:Class` of its `Predictor`.
        answer_type: the type of an answer.
        settings: what its declaration takes beside what every model takes.
        cost: what a record adds to a batch, given the settings.
        seeded: whether it draws at random.
        writes: whether answers grow step by step, `together` of them at a time.
        told: what it is given of a record beside its payload; None for nothing.
        clash: what is wrong with settings beside each other, as a sentence; empty where nothing is.
    """

    adapter: str
    answer_type: type[Any]
    settings: Mapping[str, Setting]
    cost: Callable[[Record, Mapping[str, Any]], float] = lambda record, settings: 1.0
    seeded: bool = False
    writes: bool = False
    told: Told | None = None
    clash: Callable[[Mapping[str, Any]], str] = lambda settings: ""


class Common(TypedDict, total=False):
    """What every task's declaration takes by name."""

    latency_ms: float
    timeout_s: float
    max_batch_rows: int
    limits: Limits
    circuit_failures: int


def always(settings: Mapping[str, Any]) -> bool:
    """True, whatever the settings."""
    del settings
    return True


def at_least(least: float) -> Callable[[Any], str]:
    """A number that is not below a bound."""
    return lambda value: "" if value >= least else f"is below {least:g}"


def between(least: float, most: float) -> Callable[[Any], str]:
    """A number within two bounds, which belong to it."""
    return lambda value: "" if least <= value <= most else f"is not within {least:g} to {most:g}"


def on_or_off(value: Any) -> str:
    """A truth value."""
    return "" if isinstance(value, bool) else "is neither True nor False"


def one_of(*known: str) -> Callable[[Any], str]:
    """One of a few words."""
    return lambda value: "" if value in known else f"is none of {', '.join(known)}"


def a_text(value: Any) -> str:
    """A text, which may be empty."""
    return "" if isinstance(value, str) else "is no text"


def template_of(field: str) -> Callable[[Any], str]:
    """A text that says where something is put in, and nothing else in braces."""

    def problem(value: Any) -> str:
        if not isinstance(value, str) or value.count("{" + field + "}") != 1:
            return f"does not hold {{{field}}} once"
        return ""

    return problem


def texts_by_name(value: Any) -> str:
    """Texts, each under a name as a template's gap has it; `text` is taken."""
    if not isinstance(value, Mapping) or not all(isinstance(held, str) for held in value.values()):
        return "does not give a text for each name"
    wrong = [name for name in value if not str(name).isidentifier() or name == "text"]
    return f"names {wrong[0]!r}, which no field may be called" if wrong else ""


def names(value: Any) -> str:
    """Texts, at least one, none twice."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        return "is no list of names; give at least one"
    if not all(isinstance(name, str) and name.strip() for name in value):
        return "holds something other than a name"
    return "" if len(set(value)) == len(value) else "holds a name twice"


def names_or_none(value: Any) -> str:
    """Texts, none twice; there may be none."""
    return "" if isinstance(value, list | tuple) and not value else names(value)


TOP = Setting(3, at_least(1))
MAX_TOKENS = Setting(512, at_least(8))
MANY = Setting(100, at_least(1))
THRESHOLD = Setting(0.5, between(0, 1))
LABELS = Setting(None, names)
DTYPE = Setting("float32", one_of("float32", "bfloat16", "float16"))
"""What weights are held in, and what is computed in."""
ENGINE = Setting(TORCH, one_of(TORCH, ONNX, ONNX_INT8))
"""What computes."""
FULL_ENGINE = Setting(TORCH, one_of(TORCH, ONNX))
"""As `ENGINE`, where eight bits gain nothing."""


def engine_clash(settings: Mapping[str, Any]) -> str:
    """ONNX Runtime is given weights in full: it says by itself in how many bits it computes."""
    engine, dtype = settings["engine"], settings["dtype"]
    if engine == TORCH or dtype == DTYPE.default:
        return ""
    return f"engine={engine!r} and dtype={dtype!r} exclude each other; tell one of them."
