"""A stream of embeddings whose labels come late, out of order, twice, or never."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import msgspec
import numpy as np
import orjson

from aimass_stream.learner import Event, LearnerState
from aimass_stream.learners import Head
from aimass_stream.records import Embedding, Prediction
from aimass_stream.runtime.blocks import BlockLearner

MEAN_DELAY = 30.0
"""Records that come between a record and its label, on average; delays are exponential."""
NEVER, TWICE = 0.1, 0.1
"""Shares of records whose label never comes, and comes a second time."""

_MS_APART = 1_000


class Shown(NamedTuple):
    """A record of the stream.

    Attributes:
        embedding: what the backbone, or what stands for one, makes of it.
        label: what it is.
    """

    embedding: Embedding
    label: str


class Streamed(NamedTuple):
    """What a head reached: shares of records right before any label of them was learnt.

    Attributes:
        accuracy: of all records.
        last_half: of those of the second half.
        records: how many.
        labels: how many labels were learnt.
    """

    accuracy: float
    last_half: float
    records: int
    labels: int


def stream(
    head: Head, shown: Sequence[Shown], *, seed: int, known: Sequence[Shown] = ()
) -> Streamed:
    """Show records to a head in a drawn order; each is answered before its label is learnt.

    Args:
        head: the declaration; its state begins empty.
        shown: the records.
        seed: of the order, and of when each label comes.
        known: records that the head learns with their labels first, and is not asked about.
    """
    state = _state_of(head)
    learner = BlockLearner(state, head.block_rows, 0)
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(shown)).tolist()
    # Drawn apart, so that what is known first does not move what comes when.
    before = np.random.default_rng((seed, 1)).permutation(len(known)).tolist()
    taught = [known[place] for place in before]
    asked = [shown[place] for place in order]
    right = []
    for event in [*_at_once(taught), *late_events(asked, len(taught), draw)]:
        (answer,), _ = learner.take([(event, state.read(event))])
        if isinstance(answer, Prediction):
            place = int(event.root.rpartition("/")[2])
            if place >= len(taught):
                right.append(answer.label == asked[place - len(taught)].label)
    learnt = state.counts["learnt"] - len(taught)
    half = len(right) // 2
    return Streamed(float(np.mean(right)), float(np.mean(right[half:])), len(right), learnt)


def _state_of(head: Head) -> Any:
    module, _, name = head.adapter.partition(":")
    state: LearnerState[Any, Any] = getattr(import_module(module), name)(head.settings)
    return state


def _at_once(shown: Sequence[Shown]) -> list[Event]:
    """Each record and its label right behind it."""
    events = []
    for place, one in enumerate(shown):
        events += [_embedded(2 * place, place, one), _labelled(2 * place + 1, place, one.label)]
    return events


def late_events(shown: Sequence[Shown], first: int, draw: np.random.Generator) -> list[Event]:
    """The records in order, and their labels where they come in between."""
    comes: list[tuple[float, int, bool]] = []
    for place in range(len(shown)):
        comes.append((float(place), place, True))
        share = draw.random()
        labels = 0 if share < NEVER else 2 if share < NEVER + TWICE else 1
        # The order of floats decides; a label is never before its record.
        comes += [(place + draw.exponential(MEAN_DELAY), place, False) for _ in range(labels)]
    comes.sort(key=lambda one: (one[0], not one[2]))
    return [
        _embedded(2 * first + at, first + place, shown[place])
        if is_record
        else _labelled(2 * first + at, first + place, shown[place].label)
        for at, (_, place, is_record) in enumerate(comes)
    ]


def _embedded(offset: int, place: int, one: Shown) -> Event:
    return _event(offset, f"shown/0/{place}", msgspec.json.encode(one.embedding))


def _labelled(offset: int, place: int, label: str) -> Event:
    feedback = orjson.dumps({"record": f"shown/0/{place}", "label": label})
    return _event(offset, f"feedback/0/{offset}", feedback)


def _event(offset: int, root: str, value: bytes) -> Event:
    return Event(offset, root.partition("/")[0], offset * _MS_APART, root, None, value)
