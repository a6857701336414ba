"""Answers that are being written, and the batches they belong to. In the predict thread only.

A batch ends when the last of its rows does. A model that fails as a whole, which is more than one
row's failure, fails every batch that it writes for; the lanes then try each of them apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, cast

from aimass_stream.model import WritingPredictor, Written
from aimass_stream.runtime.job import Answer, Job
from aimass_stream.runtime.messages import Dropped, Part
from aimass_stream.runtime.predictors import LoadedModel
from aimass_stream.runtime.watchdog import Watchdog


class Tell(Protocol):
    """Sends what became of a job, from the predict thread."""

    def __call__(self, job: Job, answer: Answer, blobs: Sequence[bytes], /) -> None:
        """A frame, and its buffers."""
        ...


@dataclass(slots=True, eq=False)
class _Sheet:
    """A row that is being written: the row `at` of those that its job had taken."""

    job: Job
    at: int
    parts: int = 0


@dataclass(slots=True, eq=False)
class _Desk:
    """What one model is writing: rows by their tickets, and the answers of each batch so far."""

    model: LoadedModel
    sheets: dict[int, _Sheet] = field(default_factory=dict)
    answers: dict[Job, list[Any]] = field(default_factory=dict)

    @property
    def predictor(self) -> WritingPredictor:
        return cast(WritingPredictor, self.model.predictor)


class Writing:
    """Everything that is being written in this process.

    Args:
        tell: sends a part of an answer.
        finish: sends what ends a job.
        fail: ends a job with an error.
        watchdog: told of every call into an adapter.
    """

    def __init__(
        self,
        tell: Tell,
        finish: Tell,
        fail: Callable[[Job, BaseException], None],
        watchdog: Watchdog[Sequence[Job]],
    ) -> None:
        self._tell = tell
        self._finish = finish
        self._fail = fail
        self._watchdog = watchdog
        self._desks: dict[str, _Desk] = {}

    @property
    def is_open(self) -> bool:
        """Whether something is being written."""
        return any(desk.answers for desk in self._desks.values())

    def join(self, job: Job, inputs: Sequence[Any]) -> None:
        """Take the inputs of a batch in; they take part in the next step."""
        desk = self._desks.setdefault(job.model.spec.id, _Desk(job.model))
        desk.answers[job] = [None] * len(inputs)
        tickets = self._call(desk, (job,), partial(desk.predictor.begin, inputs)) or ()
        for at, ticket in enumerate(tickets):
            desk.sheets[ticket] = _Sheet(job, at)

    def step(self) -> None:
        """Write on everywhere by one step."""
        for desk in self._desks.values():
            for job in [job for job in desk.answers if job.departed]:
                self._forget(desk, (job,))
                self._finish(job, Dropped(job.call), ())
            if desk.answers:
                told = self._call(desk, tuple(desk.answers), desk.predictor.step) or ()
                for written in told:
                    self._note(desk, written)

    def _call(self, desk: _Desk, jobs: Sequence[Job], call: Callable[[], Any]) -> Any:
        """What a call into the adapter gives; nothing where it fails, which ends these jobs."""
        self._watchdog.begin("predict", desk.model.timeout_s, jobs)
        try:
            with desk.model.guard():
                return call()
        except BaseException as error:  # whatever it is, it costs these batches and no thread
            self._forget(desk, jobs)
            for job in jobs:
                self._fail(job, error)
            return None
        finally:
            self._watchdog.end("predict")

    def _note(self, desk: _Desk, written: Written) -> None:
        sheet = desk.sheets.get(written.ticket)
        if sheet is None:
            return
        job = sheet.job
        if written.text and job.wants_parts:
            part = Part(job.call, job.rows[sheet.at], sheet.parts, written.text)
            self._tell(job, part, ())
            sheet.parts += 1
        if written.answer is None:
            return
        del desk.sheets[written.ticket]
        answers = desk.answers[job]
        answers[sheet.at] = written.answer
        if all(answer is not None for answer in answers):
            del desk.answers[job]
            job.predict_ms = (time.perf_counter() - job.begun_s) * 1000
            self._finish(job, *job.answered(answers))

    def _forget(self, desk: _Desk, jobs: Sequence[Job]) -> None:
        tickets = [ticket for ticket, sheet in desk.sheets.items() if sheet.job in jobs]
        for ticket in tickets:
            del desk.sheets[ticket]
        for job in jobs:
            desk.answers.pop(job, None)
        desk.predictor.drop(tickets)
