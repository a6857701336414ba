"""What the declarations of ensembles and graphs refuse alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aimass_stream.declaration import require
from aimass_stream.model import Model


def check_part(whole: Model[Any], part: Any) -> None:
    """See that a model can be asked by another one, in a device process.

    Args:
        whole: the declaration it is part of.
        part: the model.

    Raises:
        ConfigError: it is none, it runs in the worker, or it makes payloads of its own.
    """
    problem = ""
    if not isinstance(part, Model):
        problem = f"{part!r} is no model"
    elif part.in_worker:
        problem = f"{type(part).__name__} runs in the worker, parts run in a device process"
    elif type(part).payload is not Model.payload:
        problem = f"{type(part).__name__} makes payloads of its own, which it would not be given"
    require(whole, holds=not problem, otherwise=problem)


def check_member(whole: Model[Any], member: Any) -> None:
    """See that a model can be asked beside others about a record's payload, and nothing else.

    Args:
        whole: the declaration it is a member of.
        member: the model.

    Raises:
        ConfigError: it cannot be part of another, or reads more of a record.
    """
    check_part(whole, member)
    require(
        whole,
        holds=not member.is_told,
        otherwise=f"{type(member).__name__} reads more of a record than its payload, which it "
        "would not be given; a model of names takes them from its declaration there",
    )


def check_readers(whole: Model[Any], readers: Sequence[Model[Any]]) -> None:
    """See that models which are given the same record read the same of it.

    Args:
        whole: the declaration they are part of.
        readers: those of its models that read the record; what one of them does not say of
            itself, it is not held to.

    Raises:
        ConfigError: one reads images, say, and another texts.
    """
    takes = {model.takes: model for model in readers if model.takes}
    text = " and ".join(f"{_told(model)} reads {kind}" for kind, model in takes.items())
    require(
        whole,
        holds=len(takes) < 2,
        otherwise=f"{text}: no record is both. All that read the record must read one type",
    )


def takes_of_all(readers: Sequence[Model[Any]]) -> str:
    """What models that read the same record take; empty where none of them says."""
    return next((model.takes for model in readers if model.takes), "")


def _told(model: Model[Any]) -> str:
    """A model as its declaration begins."""
    name = getattr(model, "task", "") or getattr(model, "name", "")
    return f"{type(model).__name__}({name!r}, ...)"
