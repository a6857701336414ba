"""Faults inside a model process: what `aimass verify` does to the models of an application.

Only a process whose environment has `AIMASS_FAULTS` comes here. Models and learners are wrapped
when they are built; each call then looks at the plan (`injection_plan`) and misbehaves as it
says. The harm is real: calls block, the process dies, memory grows.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil

from aimass_stream.errors import RecordError
from aimass_stream.learner import Event, LearnerState, Snapshot
from aimass_stream.model import ModelSpec, Predictor
from aimass_stream.records import Embedding
from aimass_stream.runtime.injection_plan import (
    FAULTS,
    Injection,
    Kind,
    PlanFile,
    digest_of,
    short_id,
)
from aimass_stream.runtime.learner_messages import HOST

log = logging.getLogger("aimass.device")

_STEP_BYTES = 32 * 1024**2
_STEP_S = 0.02

Held = tuple[str, Any]
"""A payload's digest, and the input made of it."""


class InjectedError(Exception):
    """What a model raises that was told to."""


class Harm:
    """What the plan does to the calls of one model.

    Args:
        model: `name@version`.
        learns: whether it is a learner.
    """

    def __init__(self, model: str, *, learns: bool) -> None:
        self._model = model
        self._learns = learns
        self._file = PlanFile(Path(os.environ[FAULTS]))
        log.warning(
            "FAULTS ARE INJECTED INTO %s, as %s says: it fails on purpose. Unset %s unless this "
            "is a test by aimass verify",
            model,
            self._file.path,
            FAULTS,
        )

    def call(
        self,
        held: Sequence[Held],
        answer: Callable[[list[Any]], Sequence[Any]],
        answered: int = 0,
    ) -> Any:
        """Have a model answer its inputs, and do what the plan says to the call.

        Args:
            held: the inputs.
            answer: what is called with them.
            answered: so many of them, the first, were answered before and are no victims now.

        Raises:
            InjectedError: that is what it says.
            Exception: whatever the model raises.
        """
        plan = self._file.read()
        inputs = [made for _, made in held]
        concerning = plan.concerns(self._model)
        if not concerning:
            return answer(inputs)
        digests = [digest for digest, _ in held]
        new = range(answered, len(held))
        struck = [
            (injection, rows)
            for injection in concerning
            if (rows := [row for row in new if plan.is_victim(injection, digests[row])])
        ]
        kinds: dict[str, Kind] = {
            short_id(digests[row]): injection.kind
            for injection, rows in reversed(struck)
            for row in rows
        }
        self._file.note(self._model, digests[answered:], kinds, learns=self._learns)
        for injection, _ in struck:
            _strike(injection)
        results = answer(inputs)
        for injection, rows in struck:
            results = _spoil(injection, rows, results)
        return results

    def spares(self, held: Held) -> bool:
        """Whether the plan has nothing for this input."""
        plan = self._file.read()
        return not any(plan.is_victim(one, held[0]) for one in plan.concerns(self._model))


class InjectedPredictor:
    """A model whose calls the plan may spoil.

    Args:
        predictor: the model itself.
        harm: what is done to it.
    """

    def __init__(self, predictor: Predictor, harm: Harm) -> None:
        self._predictor = predictor
        self._harm = harm

    def decode(self, payload: bytes | memoryview) -> Held:
        """The payload's digest, and what the model makes of it."""
        return digest_of(payload), self._predictor.decode(payload)

    def predict(self, inputs: Sequence[Held]) -> Any:
        """What the model answers, or worse."""
        return self._harm.call(inputs, self._predictor.predict)

    def close(self) -> None:
        """Close the model."""
        self._predictor.close()


class InjectedState:
    """A learner's state whose scoring the plan may spoil; a victim is known by its event's value.

    Args:
        state: the learner itself.
        harm: what is done to it.
    """

    def __init__(self, state: LearnerState[Any, Any], harm: Harm) -> None:
        self._state = state
        self._harm = harm
        self._answered: list[Held] = []

    def read(self, event: Event) -> Held:
        """The digest of the event's value, and what the learner makes of it."""
        return digest_of(event.value), self._state.read(event)

    def score(self, inputs: Sequence[Held]) -> Any:
        """What the learner answers, or worse; what it answered of this block it answers again."""
        pairs = zip(inputs, self._answered, strict=False)
        answered = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], pairs))
        results = self._harm.call(inputs, self._state.score, answered)
        self._answered = [*inputs[:answered], *takewhile(self._harm.spares, inputs[answered:])]
        return results

    def learn(self, inputs: Sequence[Held]) -> None:
        """Learn, unharmed: what failed to be scored does not come here."""
        self._answered = []
        self._state.learn([made for _, made in inputs])

    def snapshot(self) -> Snapshot:
        """The learner's own."""
        return self._state.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Restore the learner."""
        self._state.restore(snapshot)


def inject(spec: ModelSpec, predictor: Predictor) -> tuple[Predictor, float]:
    """A model as the plan spoils it, and the seconds that a call of it may take."""
    planned_s = PlanFile(Path(os.environ[FAULTS])).read().timeout_s
    timeout_s = spec.timeout_s if planned_s is None else min(spec.timeout_s, planned_s)
    if spec.adapter == HOST:
        # It only carries commands; its states are spoilt, by `inject_state`.
        return predictor, timeout_s
    return InjectedPredictor(predictor, Harm(spec.id, learns=False)), timeout_s


def inject_state(
    spec: ModelSpec, make_state: Callable[..., LearnerState[Any, Any]]
) -> Callable[..., LearnerState[Any, Any]]:
    """What makes the states of a learner, each as the plan spoils it."""
    harm = Harm(spec.id, learns=True)
    return lambda settings: InjectedState(make_state(settings), harm)


def planned_snapshot_rows(declared: int) -> int:
    """Records that a learner learns from one snapshot to the next, as declared or as planned."""
    planned = PlanFile(Path(os.environ[FAULTS])).read().snapshot_rows
    return declared if planned is None else min(declared, planned)


def _strike(injection: Injection) -> None:
    match injection.kind:
        case "raise":
            raise InjectedError("told to raise")
        case "hang":
            _block()
        case "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "crash":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.kill(os.getpid(), signal.SIGSEGV)
        case "balloon":
            _grow(injection.balloon_bytes)
        case "slow":
            time.sleep(injection.slow_ms / 1000)


def _block() -> None:
    while True:
        time.sleep(3600)


def _grow(by_bytes: int) -> None:
    hoard: list[bytearray] = []
    # The machine and its other programs are not what is tested.
    most = min(by_bytes, psutil.virtual_memory().available // 2)
    while len(hoard) * _STEP_BYTES < most:
        hoard.append(bytearray(b"\1") * _STEP_BYTES)
        time.sleep(_STEP_S)
    _block()


def _spoil(injection: Injection, rows: Sequence[int], results: Sequence[Any]) -> Sequence[Any]:
    match injection.kind:
        case "nan":
            victims = set(rows)
            return [
                _without_numbers(result) if row in victims else result
                for row, result in enumerate(results)
            ]
        case "wrong_count":
            return list(results)[:-1]
    return results


def _without_numbers(answer: Any) -> Any:
    """An answer with NaN for every number; NaN alone where it has none."""
    if isinstance(answer, RecordError):
        return answer
    if isinstance(answer, Embedding):
        return Embedding.of(np.full(answer.dimensions, math.nan))
    plain = answer
    with contextlib.suppress(TypeError):
        plain = msgspec.to_builtins(answer, builtin_types=(bytes,), enc_hook=_to_list)
    spoilt = _to_nan(plain)
    return math.nan if spoilt == plain else spoilt


def _to_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(type(value).__name__)


def _to_nan(value: Any) -> Any:
    if isinstance(value, float):
        return math.nan
    if isinstance(value, list | tuple):
        return [_to_nan(held) for held in value]
    if isinstance(value, dict):
        return {name: _to_nan(held) for name, held in value.items()}
    return value
