"""What the declarations of ensembles and graphs refuse alike."""

from __future__ import annotations

from typing import Any

from aimass_stream.errors import ConfigError
from aimass_stream.model import Model


def check_part(whole: Any, part: Any) -> None:
    """See that a model can be asked by another one, in a device process.

    Args:
        whole: the declaration it is part of; has a `name`.
        part: the model.

    Raises:
        ConfigError: it runs in the worker, or it makes its payload of more than the record's.
    """
    problem = ""
    if not isinstance(part, Model):
        problem = f"{part!r} is no model"
    elif part.in_worker:
        problem = f"{type(part).__name__} runs in the worker, parts run in a device process"
    elif type(part).payload is not Model.payload:
        problem = f"{type(part).__name__} makes payloads of its own, which it would not be given"
    elif part.is_told:
        problem = (
            f"{type(part).__name__} reads more of a record than its payload, which it would not be "
            "given; a model of names takes them from its declaration there"
        )
    if problem:
        raise ConfigError(f"{type(whole).__name__}({whole.name!r}): {problem}")
