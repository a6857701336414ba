"""Whether an engine answers as torch does: the same probes through both, before any record."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from aimass_stream.adapters.engines import ONNX, ONNX_INT8
from aimass_stream.errors import SetupError

log = logging.getLogger("aimass.device")


class Tolerances(NamedTuple):
    """How far answers may lie from torch's.

    Attributes:
        scores: of labels. A label is another one at most where torch's two best lie less than
            twice as far apart.
        vectors: the distance of unit vectors. The similarity to any other moves by no more.
    """

    scores: float
    vectors: float


TOLERANCES = {ONNX: Tolerances(1e-4, 1e-4), ONNX_INT8: Tolerances(0.1, 0.25)}
"""By engine."""

BATCH_TOLERANCE = 1e-4
"""How far an answer alone and in a batch may lie apart."""

Rows = Sequence[torch.Tensor]
"""The answer to each probe."""
Apart = Callable[[torch.Tensor, torch.Tensor], float]
"""How far two answers to one probe lie apart."""


class Trial(NamedTuple):
    """What was answered to the probes.

    Attributes:
        due: by torch, each probe alone.
        alone: by the engine, likewise.
        together: by the engine, in batches as records go through it.
    """

    due: Rows
    alone: Rows
    together: Rows


def accept(model_id: str, engine: str, trial: Trial, apart: Apart, tolerance: float) -> None:
    """Refuse an engine that answers otherwise.

    Raises:
        SetupError: it does; the text has both figures.
    """
    off = max(_farthest(trial.alone, trial.due, apart), _farthest(trial.together, trial.due, apart))
    by_batch = _farthest(trial.together, trial.alone, apart)
    if not off <= tolerance:
        better = f"engine='{ONNX}' or 'torch'" if engine == ONNX_INT8 else "engine='torch'"
        raise SetupError(
            f"Model {model_id}: engine={engine!r} answers {len(trial.due)} probes up to {off:.2g} "
            f"away from torch, and {tolerance:g} is accepted. Declare it with {better}."
        )
    if not by_batch <= BATCH_TOLERANCE:
        raise SetupError(
            f"Model {model_id}: engine={engine!r} answers a probe alone and in a batch up to "
            f"{by_batch:.2g} apart, and {BATCH_TOLERANCE:g} is accepted. Declare it with "
            "engine='torch'."
        )
    log.info(
        "%s: engine %s answers %d probes within %.1e of torch (%g accepted)",
        model_id,
        engine,
        len(trial.due),
        off,
        tolerance,
    )


def farthest(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference between two numbers of the same place."""
    return float((ours - theirs).abs().max())


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The distance between two vectors."""
    return float((ours - theirs).norm())


def _farthest(ours: Rows, theirs: Rows, apart: Apart) -> float:
    found = [_gap(mine, other, apart) for mine, other in zip(ours, theirs, strict=True)]
    # A difference that is no number must not be lost among those that are.
    return max(found, key=lambda gap: (math.isnan(gap), gap))


def _gap(ours: torch.Tensor, theirs: torch.Tensor, apart: Apart) -> float:
    # A row of a batch has places for its padding behind those of its own.
    own = ours[: len(theirs)]
    return apart(own, theirs) if own.shape == theirs.shape else math.inf
