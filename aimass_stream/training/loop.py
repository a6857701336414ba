"""The training loop of every classifier made here: in memory, on the CPU, repeatable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

Progress = Callable[[float, str], None]
"""Told how much is done, 0 to 1, and what that was, in a few words."""
Prepare = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
"""Makes what the model is given of rows of the inputs, anew every time."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a classifier is trained.

    Attributes:
        epochs: passes over the data.
        batch_rows: rows of one step.
        learning_rate: its peak; it rises over the first fifth and falls to nothing.
        weight_decay: as AdamW takes it.
        label_smoothing: share of the target spread over all labels.
        mixing: strength of mixing pairs of inputs, 0 for none: the beta distribution's parameter.
        augment: change each input anew every time, as its modality does: photographs are
            flipped, turned, zoomed, shifted and recoloured, sounds stretched in time and pitch,
            shifted, coloured and masked. For
            inputs whose label survives that.
        seed: of weights, order and augmentation.
    """

    epochs: int
    batch_rows: int = 50
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    mixing: float = 0.0
    augment: bool = False
    seed: int = 0


@contextmanager
def repeatable() -> Iterator[None]:
    """Train within: the caller's random state and threads are as before when it ends.

    On one thread, because several add up in another order each time, so that the same seed
    would give another model.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)


def fit(  # noqa: PLR0913 - what is trained, on what, and how
    model: Any,
    name: str,
    inputs: torch.Tensor,
    targets: NDArray[np.int64],
    recipe: Recipe,
    prepare: Prepare,
    progress: Progress | None = None,
) -> None:
    """Train `model` in place; the same arguments give the same weights on one machine.

    Args:
        model: a transformers classifier.
        name: what it calls its input.
        inputs: a row each.
        targets: the label of each row, `(rows,)`.
        recipe: how.
        prepare: makes the model's input of some rows.
        progress: told after every epoch.
    """
    goals = functional.one_hot(torch.from_numpy(targets), model.config.num_labels).float()
    steps = recipe.epochs * math.ceil(len(inputs) / recipe.batch_rows)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.2
    )
    model.train()
    draw = torch.Generator().manual_seed(recipe.seed)
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(inputs), generator=draw)
        for rows in torch.split(order, recipe.batch_rows):
            batch, goal = _mix(prepare(inputs[rows], draw), goals[rows], recipe.mixing, draw)
            logits = model(**{name: batch}).logits
            loss = functional.cross_entropy(logits, goal, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # the library has no types
            optimizer.step()
            schedule.step()
        if progress is not None:
            share = (epoch + 1) / recipe.epochs
            progress(share, f"epoch {epoch + 1}/{recipe.epochs}, loss {loss.item():.3f}")
    model.eval()


def _mix(
    inputs: torch.Tensor, goals: torch.Tensor, strength: float, draw: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blend each input and its goal with another's (mixup)."""
    if not strength:
        return inputs, goals
    seed = int(torch.randint(2**31, (1,), generator=draw))
    share = float(np.random.default_rng(seed).beta(strength, strength))
    other = torch.randperm(len(inputs), generator=draw)
    return (
        share * inputs + (1 - share) * inputs[other],
        share * goals + (1 - share) * goals[other],
    )
