"""The models that an ensemble or a graph is made of, loaded. In device processes only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from aimass_stream.error_text import describe, is_out_of_memory, trace_of
from aimass_stream.errors import Reason, RecordError, without_frames
from aimass_stream.model import (
    ModelSpec,
    Predictor,
    SharingPredictor,
    import_adapter,
)

log = logging.getLogger("aimass.device")

Payload = bytes | memoryview

TRACE_CHARS = 2_000
"""Of a member's own failure."""


@dataclass(slots=True)
class Member:
    """A loaded model that is part of another.

    Attributes:
        id: its `name@version`.
        predictor: it itself.
        sharing: it again, if it decodes in two steps and says what the first depends on.
        failed_calls: of `predict`, those that `ask` made.
    """

    id: str
    predictor: Predictor
    sharing: SharingPredictor | None
    failed_calls: int = 0

    def ask(self, inputs: Sequence[Any]) -> list[Any | RecordError]:
        """An answer for each input, in order, or why there is none.

        A call that fails is split as the engine splits a batch: in halves, and where both fail,
        one by one. One culprit among n costs two calls for each halving.

        Raises:
            Exception: memory ran out on more than one input; a smaller batch may pass.
        """
        if not inputs:
            return []
        answers = self._attempt(inputs)
        return self._split(inputs, answers) if isinstance(answers, RecordError) else answers

    def _split(self, inputs: Sequence[Any], failure: RecordError) -> list[Any | RecordError]:
        if len(inputs) == 1:
            return [failure]
        middle = len(inputs) // 2
        parts = (inputs[:middle], inputs[middle:])
        halves = [self._attempt(part) for part in parts]
        if all(isinstance(half, RecordError) for half in halves):
            # As in an engine whose model is broken: no more than n + 2 calls.
            alone = [self._attempt([one]) for one in inputs]
            return [one if isinstance(one, RecordError) else one[0] for one in alone]
        return [
            answer
            for part, half in zip(parts, halves, strict=True)
            for answer in (self._split(part, half) if isinstance(half, RecordError) else half)
        ]

    def _attempt(self, inputs: Sequence[Any]) -> list[Any | RecordError] | RecordError:
        """The answers of one call, or how it failed."""
        try:
            answers = list(self.predictor.predict(inputs))
        except Exception as error:  # whatever a model raises, it costs its own vote
            if is_out_of_memory(error) and len(inputs) > 1:
                raise
            trace = trace_of(error, TRACE_CHARS)
            detail = f"{self.id}: {describe(error)}"
            return self._failure(RecordError(Reason.MODEL_ERROR, detail, trace))
        if len(answers) != len(inputs):
            detail = f"{self.id} gave {len(answers)} answers for {len(inputs)} inputs"
            return self._failure(RecordError(Reason.INVALID_OUTPUT, detail))
        return answers

    def _failure(self, error: RecordError) -> RecordError:
        """Count a failed call; the first, second, fourth and so on are logged."""
        self.failed_calls += 1
        if self.failed_calls & (self.failed_calls - 1) == 0:
            log.warning(
                "%s leaves the vote where its calls fail; %d so far, the last: %s",
                self.id,
                self.failed_calls,
                error,
            )
        return error


def load_member(spec: ModelSpec, device: str, **options: Any) -> Member:
    """Load a part of a model.

    Args:
        spec: what it was resolved to.
        device: what the whole is loaded onto.
        options: in place of its declaration's own, as far as it has settings of these names.

    Raises:
        SetupError: it cannot be loaded.
    """
    changed = {name: value for name, value in options.items() if name in spec.options}
    given = msgspec.structs.replace(spec, options={**spec.options, **changed})
    predictor: Predictor = import_adapter(spec.adapter)(given, device)
    shares = isinstance(predictor, SharingPredictor) and predictor.opening is not None
    return Member(spec.id, predictor, cast(SharingPredictor, predictor) if shares else None)


class Opened:
    """One payload, opened and prepared once for all members that do so alike.

    Args:
        payload: of a record; what is kept of it is what was made of it.
    """

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._made: dict[Hashable, Any | RecordError] = {}

    @classmethod
    def of(cls, opened: Any, opening: Hashable) -> Opened:
        """What is open already, as all members with this `opening` open it."""
        made = cls(b"")
        made._made[opening] = opened
        return made

    def open(self, sharing: SharingPredictor) -> Any | RecordError:
        """What the payload stands for, as this member opens it, or why it cannot be opened."""
        return self._once(sharing.opening, lambda: sharing.open(self._payload))

    def input_of(self, member: Member) -> Any | RecordError:
        """The member's input, or why there is none."""
        sharing = member.sharing
        if sharing is None:
            return self._try(lambda: member.predictor.decode(self._payload))
        opened = self.open(sharing)
        if isinstance(opened, RecordError):
            return opened
        if sharing.preparing is None:
            return self._try(lambda: sharing.prepare(opened))
        key = (sharing.opening, sharing.preparing)
        return self._once(key, lambda: sharing.prepare(opened))

    def _once(self, key: Hashable, make: Callable[[], Any]) -> Any | RecordError:
        if key not in self._made:
            self._made[key] = self._try(make)
        return self._made[key]

    def _try(self, make: Callable[[], Any]) -> Any | RecordError:
        try:
            return make()
        except RecordError as error:
            return without_frames(error)
        except Exception as error:  # decoders raise anything on hostile bytes
            trace = trace_of(error, TRACE_CHARS)
            return RecordError(Reason.UNDECODABLE, describe(error, self._payload), trace)
