"""A stream joined with the answers of models or learners: what `app.score` and `app.learn` give.

A pump reads ahead and submits every work to the scorer, so that batches fill over several
works and partitions while the body is still at an earlier record; models that run in the worker
are asked when the body comes to a work. The body is handed records
in offset order, each with its answers; a record that a model could not answer is dead-lettered
and never handed out.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, TypeVarTuple, cast, overload

from aimass_stream.adapters.inline import Inline
from aimass_stream.errors import RecordError, without_frames
from aimass_stream.learner import Learner
from aimass_stream.model import Model, ModelSpec
from aimass_stream.records import Chunk, Record
from aimass_stream.records.chunk import pick
from aimass_stream.records.identity import NO_MODEL
from aimass_stream.runtime.batch import Hear
from aimass_stream.runtime.handover import Failure, Holding, Work
from aimass_stream.runtime.streams import Stream, pick_rows

R = TypeVar("R", bound=Record)
A = TypeVar("A")
B = TypeVar("B")
Answers = TypeVarTuple("Answers")

WORKS_AHEAD = 4

NOTHING_DUE = object()
"""The outcome of a row that the body is not handed: it is quiet."""

_NOT_HANDED_OUT = {RecordError, type(NOTHING_DUE)}


class Outcomes(Protocol):
    """Outcomes of rows submitted together, in their order."""

    @property
    def outcomes(self) -> Sequence[Any]:
        """What is known of each row, None where nothing is yet."""
        ...

    @property
    def states(self) -> Sequence[int]:
        """For each row how far the learner that scored it had learnt; empty for a model."""
        ...

    async def wait(self, row: int) -> int:
        """Wait until the outcome of `row` is known; the end of the prefix that is."""
        ...

    def cancel(self) -> None:
        """Nobody wants the rest."""
        ...


class Scoring(Protocol):
    """What a scored stream needs from the worker it runs in."""

    async def prepare(self, model: Any) -> ModelSpec:
        """Load the model, once per worker."""
        ...

    async def submit(
        self,
        model: Any,
        chunk: Chunk,
        kind: type[Record],
        lag: int,
        hear: Hear | None = None,
    ) -> Outcomes:
        """Submit the rows of a chunk; waits while too many bytes are held.

        `hear` is told of answers while a model that writes is writing them.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Scored:
    """What was submitted of a work to every model: its `rows` up to `end` without tombstones.

    The work holds it, and it must not hold the work: a chunk of records would live until Python
    looks for garbage, which a worker seldom does.
    """

    rows: Sequence[int]
    end: int
    submissions: list[Outcomes]

    def cancel(self) -> None:
        for submission in self.submissions:
            submission.cancel()

    def failure(self, index: int, models: Sequence[str]) -> Failure | None:
        for model, submission in zip(models, self.submissions, strict=True):
            outcome = submission.outcomes[index]
            if isinstance(outcome, RecordError):
                return Failure(self.rows[index], model, outcome)
        return None

    def is_due(self, index: int) -> bool:
        """Whether the body is handed the row."""
        return all(each.outcomes[index] is not NOTHING_DUE for each in self.submissions)

    def all_due(self, first: int, end: int) -> bool:
        """Whether the body is handed every one of these rows."""
        return all(
            _NOT_HANDED_OUT.isdisjoint(map(type, each.outcomes[first:end]))
            for each in self.submissions
        )

    def states(self, indices: Sequence[int]) -> Sequence[str]:
        """How far the learners that scored these rows had learnt; empty where none did."""
        learnt = [each.states for each in self.submissions if each.states]
        if not learnt:
            return ()
        return ["+".join(str(states[index]) for states in learnt) for index in indices]

    def end_row(self, index: int) -> int:
        """The row after that of `index`, and after the tombstones behind it."""
        return self.rows[index + 1] if index + 1 < len(self.rows) else self.end


_Ahead: TypeAlias = "asyncio.Queue[tuple[Work, _Scored] | Exception]"


class ScoredStream(Generic[R, *Answers]):
    """Records of a stream, each with one answer a model."""

    def __init__(
        self,
        scoring: Scoring,
        models: Sequence[Model[Any] | Learner[Any]],
        stream: Stream[R],
    ) -> None:
        self._scoring = scoring
        self._models = models
        self._stream = stream
        self._model_ids: list[str] = []
        self._label = ""

    def __aiter__(self) -> AsyncIterator[tuple[R, *Answers]]:
        return self._records()

    async def _records(self) -> AsyncIterator[Any]:
        handover, kind = self._stream.handover, self._stream.kind
        async for work, scored, first, end in self._ready(max_rows=None):
            records = pick_rows(work, scored.rows[first:end]).records(kind)
            for index in range(first, end):
                if self._stream.closed:
                    await self._stream.turn()
                row, record = scored.rows[index], records[index - first]
                failure = scored.failure(index, self._model_ids) or self._check(row, record)
                if failure is not None:
                    handover.fail(work, row, failure.error, failure.model)
                    continue
                if not scored.is_due(index):
                    handover.skip_to(work, scored.end_row(index))
                    continue
                states = scored.states((index,))
                end_row = scored.end_row(index)
                handover.hand_out(Holding(work, (row,), end_row, self._label, states=states))
                answers = [submission.outcomes[index] for submission in scored.submissions]
                yield record, *answers

    def _check(self, row: int, record: Record) -> Failure | None:
        """A body may look at its record, which holds only once it was checked."""
        try:
            record.check(self._stream.limits)
        except RecordError as error:
            return Failure(row, NO_MODEL, without_frames(error))
        return None

    @overload
    def batches(
        self: ScoredStream[R, A], max_rows: int = ...
    ) -> AsyncIterator[tuple[Chunk, list[A]]]: ...

    @overload
    def batches(
        self: ScoredStream[R, A, B], max_rows: int = ...
    ) -> AsyncIterator[tuple[Chunk, list[A], list[B]]]: ...

    async def batches(self, max_rows: int = 256) -> AsyncIterator[Any]:
        """Hand over `(chunk, answers...)` of up to `max_rows` records that are scored.

        Answers are lists aligned with the chunk. Yield one list a batch, aligned likewise.
        """
        handover = self._stream.handover
        async for work, scored, first, end in self._ready(max_rows):
            if self._stream.closed:
                await self._stream.turn()
            good, failures = self._sort(scored, first, end)
            rows = pick(scored.rows, good)
            end_row = scored.end_row(end - 1)
            handover.hand_out(
                Holding(
                    work,
                    rows,
                    end_row,
                    self._label,
                    aligned=True,
                    failures=failures,
                    states=scored.states(good),
                )
            )
            if rows:
                answers = (list(pick(each.outcomes, good)) for each in scored.submissions)
                yield pick_rows(work, rows), *answers
            handover.resolve()

    def _sort(
        self, scored: _Scored, first: int, end: int
    ) -> tuple[Sequence[int], Sequence[Failure]]:
        """Which of these rows the body is handed, and which have failed."""
        if scored.all_due(first, end):
            return range(first, end), ()
        failures = {
            index: failure
            for index in range(first, end)
            if (failure := scored.failure(index, self._model_ids)) is not None
        }
        good = [
            index for index in range(first, end) if index not in failures and scored.is_due(index)
        ]
        return good, list(failures.values())

    async def _ready(self, max_rows: int | None) -> AsyncIterator[tuple[Work, _Scored, int, int]]:
        """Runs `first` up to `end` of a work's submitted rows whose outcomes are all known."""
        async for work, scored in self._works():
            first = bisect_left(scored.rows, work.next_row)
            while first < len(scored.rows):
                end = await self._known_end(scored, first)
                if max_rows is not None:
                    end = self._batch_end(work, scored, first, min(end, first + max_rows))
                yield work, scored, first, end
                first = end
            self._stream.handover.skip_to(work, len(work))

    def _works(self) -> AsyncIterator[tuple[Work, _Scored]]:
        """Works in order, each submitted to every model."""
        answer_at_once = all(isinstance(model, Inline) for model in self._models)
        return self._submitted_when_due() if answer_at_once else self._submitted_ahead()

    async def _submitted_when_due(self) -> AsyncIterator[tuple[Work, _Scored]]:
        """Nothing gathers in models that answer at once, so the body's task asks them itself."""
        await self._stream.pause(self._prepare())
        while True:
            work = await self._stream.take_work()
            yield work, await self._submit_once(work)

    async def _submitted_ahead(self) -> AsyncIterator[tuple[Work, _Scored]]:
        ahead = max(WORKS_AHEAD, *map(_written_together, self._models))
        queue: _Ahead = asyncio.Queue(ahead)
        self._stream.start_pump(self._submit_works(queue))
        while True:
            item = queue.get_nowait() if queue.qsize() else await self._stream.pause(queue.get())
            if isinstance(item, Exception):
                raise item
            yield item

    async def _known_end(self, scored: _Scored, first: int) -> int:
        for submission in scored.submissions:
            if submission.outcomes[first] is None:
                await self._stream.pause(submission.wait(first))
        end = min([await submission.wait(first) for submission in scored.submissions])
        parts = self._stream.parts
        if parts is not None and not parts.is_delivered:
            # Whoever reads an answer finds all of its parts.
            await self._stream.pause(parts.deliver_all())
        return end

    @staticmethod
    def _batch_end(work: Work, scored: _Scored, first: int, end: int) -> int:
        bound = work.batch_end(len(work))
        return max(first + 1, min(end, bisect_left(scored.rows, bound)))

    async def _submit_works(self, queue: _Ahead) -> None:
        try:
            await self._prepare()
            while True:
                work = await self._stream.next_work()
                await queue.put((work, await self._submit_once(work)))
        except Exception as error:
            await queue.put(error)

    async def _prepare(self) -> None:
        """Load the models."""
        specs = [await self._scoring.prepare(model) for model in self._models]
        self._model_ids = [spec.id for spec in specs]
        self._label = "+".join(self._model_ids)

    async def _submit_once(self, work: Work) -> _Scored:
        """Submit a work, unless it was for a body that was called before."""
        if self._label not in work.ahead:
            work.ahead[self._label] = await self._submit(work)
        return cast(_Scored, work.ahead[self._label])

    def _listener(
        self, chunk: Chunk, model: Model[Any] | Learner[Any], model_id: str
    ) -> Hear | None:
        parts = self._stream.parts
        return (
            None if parts is None or not _written_together(model) else parts.listen(chunk, model_id)
        )

    async def _submit(self, work: Work) -> _Scored:
        values, rest = work.chunk.values, range(work.next_row, len(work))
        # Which are tombstones is looked for only where one may be: a chunk has thousands of rows.
        rows = rest if all(values) else [row for row in rest if values[row] is not None]
        scored = _Scored(rows, len(work), [])
        if not rows:
            return scored
        chunk, stream = pick_rows(work, rows), self._stream
        try:
            for model, model_id in zip(self._models, self._model_ids, strict=True):
                hear = self._listener(chunk, model, model_id)
                submission = await self._scoring.submit(model, chunk, stream.kind, stream.lag, hear)
                scored.submissions.append(submission)
        except BaseException:
            scored.cancel()
            raise
        return scored


def _written_together(model: Model[Any] | Learner[Any]) -> int:
    """Answers that are written at a time, whose records may come one by one; 0 for others."""
    return model.written_together if isinstance(model, Model) else 0
