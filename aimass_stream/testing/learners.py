"""The laws of a learner, as checks that any declaration can be put through.

```python
@pytest.mark.parametrize("check", LEARNER_CHECKS)
def test_my_learner(check: str) -> None:
    check_learner(MyLearner("mine"), my_events, only=[check])
```

Events are what a log would hold, in order, all of them good; enough for eight blocks and for
whatever the learner does rarely, such as a refit. Snapshots pass through what a store does to
them: data becomes msgpack and back, arrays come back read-only.

A block is scored with the state at its start. Within a block a learner may look at the rows
before a row (where a user was, for a speed), never at those behind it. So the law on blocks is
one of deliveries: however many rows come at once, answers and the state behind them are the same,
to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import msgspec
import numpy as np

from aimass_stream.errors import RecordError
from aimass_stream.learner import Event, Learner, LearnerState, Snapshot
from aimass_stream.testing.alike import alike, fingerprint, plain
from aimass_stream.testing.spoiled import spoiled_values

Renew = Callable[[Event, int], Event]
"""An event for a later round, under whatever names are to be new."""

_ROUNDS_TO_FILL = 2
_ROUNDS_AFTER = 3
_MAY_GROW = 1.1


class LearnerCheckError(AssertionError):
    """A learner breaks a law; the text says which, and where."""


def check_learner(
    declaration: Learner[Any],
    events: Sequence[Event],
    *,
    only: Iterable[str] | None = None,
    renew: Renew | None = None,
) -> None:
    """Put a learner through the laws.

    Args:
        declaration: what to check; its library is imported into this process.
        events: good events, in the order of a log.
        only: names in `LEARNER_CHECKS`; all of them unless told.
        renew: gives an event's successor in a later round of the check on memory, where names
            inside values (users, items) should be new; offsets, times and roots are renewed
            before it is called.

    Raises:
        LearnerCheckError: a law does not hold.
    """
    bench = _Bench(declaration, events, renew or (lambda event, _: event))
    for name in LEARNER_CHECKS if only is None else only:
        LEARNER_CHECKS[name](bench)


@dataclass(frozen=True)
class _Bench:
    """A declaration, its events, and how to run one on the other."""

    declaration: Learner[Any]
    events: Sequence[Event]
    renew: Renew

    def new(self) -> LearnerState[Any, Any]:
        """A state that has learnt nothing."""
        module, _, name = self.declaration.adapter.partition(":")
        made: LearnerState[Any, Any] = getattr(import_module(module), name)(
            self.declaration.settings
        )
        return made

    def blocks(self) -> list[list[Any]]:
        """The events as inputs, in whole blocks."""
        reader = self.new()
        inputs = [reader.read(event) for event in self.events]
        rows = self.declaration.block_rows
        return [inputs[i : i + rows] for i in range(0, len(inputs) - rows + 1, rows)]

    def run(self, blocks: Sequence[list[Any]]) -> list[tuple[Sequence[Any], Snapshot]]:
        """Answers of each block, and the state behind it, of a run without interruption."""
        state = self.new()
        return [step(state, block) for block in blocks]

    def require(self, what: bool, law: str) -> None:  # noqa: FBT001 - what is required
        """Raise where a law does not hold."""
        if not what:
            raise LearnerCheckError(f"{self.declaration.id}: {law}")


def step(state: LearnerState[Any, Any], block: list[Any]) -> tuple[Sequence[Any], Snapshot]:
    """Score a block, learn it, and lay the state down."""
    answers = state.score(block)
    state.learn(block)
    return answers, state.snapshot()


def stored(snapshot: Snapshot) -> Snapshot:
    """A snapshot as a store gives it back."""
    arrays = {name: array.copy() for name, array in snapshot.arrays.items()}
    for array in arrays.values():
        array.flags.writeable = False
    return Snapshot(arrays, msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot.data)))


def _score_is_pure(bench: _Bench) -> None:
    state = bench.new()
    # Read twice, so that no answer can be one that was kept.
    for i, (block, same) in enumerate(zip(bench.blocks(), bench.blocks(), strict=True)):
        before = fingerprint(state.snapshot())
        first, again = state.score(block), state.score(same)
        bench.require(alike(first, again, 0.0), f"block {i}: scored twice, answered differently")
        bench.require(before == fingerprint(state.snapshot()), f"block {i}: scoring changed it")
        state.learn(block)


def _deliveries_change_nothing(bench: _Bench) -> None:
    blocks = bench.blocks()
    run = bench.run(blocks)
    for rows in {1, max(1, bench.declaration.block_rows // 3)}:
        state = bench.new()
        for i, (block, (whole, after)) in enumerate(zip(blocks, run, strict=True)):
            for end in [*range(rows, len(block), rows), len(block)]:
                part = state.score(block[:end])
                bench.require(
                    alike(whole[:end], part, 0.0),
                    f"block {i}: its first {end} rows are answered differently, {rows} at a time",
                )
            state.learn(block)
            same = fingerprint(state.snapshot()) == fingerprint(after)
            bench.require(same, f"block {i}: taken {rows} rows at a time, the state differs")


def _answers_fit(bench: _Bench) -> None:
    state = bench.new()
    expected = bench.declaration.answer_type
    for i, block in enumerate(bench.blocks()):
        answers = state.score(block)
        bench.require(len(answers) == len(block), f"block {i}: not one answer a row")
        for answer in answers:
            fits = answer is None or isinstance(answer, expected)
            bench.require(fits, f"block {i}: an answer is no {expected.__name__}")
            bench.require(_survives_json(answer, expected), f"block {i}: JSON changes an answer")
        state.learn(block)


def _survives_json(answer: Any, expected: type) -> bool:
    try:
        # NaN and infinity are written as null, which does not read back as a number.
        again = msgspec.json.decode(msgspec.json.encode(answer), type=expected | None)
    except msgspec.MsgspecError:
        return False
    return bool(again == answer)


def _learning_needs_no_scoring(bench: _Bench) -> None:
    blocks = bench.blocks()
    state = bench.new()
    for i, (block, (_, after)) in enumerate(zip(blocks, bench.run(blocks), strict=True)):
        state.learn(block)
        same = fingerprint(state.snapshot()) == fingerprint(after)
        bench.require(same, f"block {i}: learnt without being scored, the state differs")


def _same_log_same_state(bench: _Bench) -> None:
    blocks, others = bench.blocks(), bench.blocks()
    for i, (one, other) in enumerate(zip(bench.run(blocks), bench.run(others), strict=True)):
        bench.require(alike(one[0], other[0], 0.0), f"block {i}: two runs answer differently")
        same = fingerprint(one[1]) == fingerprint(other[1])
        bench.require(same, f"block {i}: two runs differ in state")


def _restored_equals_uninterrupted(bench: _Bench) -> None:
    blocks = bench.blocks()
    run = bench.run(blocks)
    _chain(bench, blocks, run, every=1)
    for first in {len(blocks) // 4, len(blocks) // 2}:
        state = bench.new()
        state.restore(stored(run[first][1]))
        for i in range(first + 1, len(blocks)):
            _equal(bench, step(state, blocks[i]), run[i], f"restored behind block {first}, at {i}")
    _chain(bench, blocks, run, every=3)


def _chain(
    bench: _Bench, blocks: list[list[Any]], run: list[tuple[Sequence[Any], Snapshot]], every: int
) -> None:
    """A run that is restored again and again, from what the restored state itself lays down."""
    state = bench.new()
    for i, block in enumerate(blocks):
        if i % every == 0:
            laid_down = stored(state.snapshot())
            state = bench.new()
            state.restore(laid_down)
            same = fingerprint(state.snapshot()) == fingerprint(laid_down)
            bench.require(same, f"before block {i}: a restored state lays down another")
        _equal(bench, step(state, block), run[i], f"restored every {every} blocks, at {i}")


def _equal(
    bench: _Bench,
    mine: tuple[Sequence[Any], Snapshot],
    uninterrupted: tuple[Sequence[Any], Snapshot],
    where: str,
) -> None:
    bench.require(alike(mine[0], uninterrupted[0], 0.0), f"{where}: answers differ")
    same = fingerprint(mine[1]) == fingerprint(uninterrupted[1])
    bench.require(same, f"{where}: the state differs")


def _snapshot_is_plain(bench: _Bench) -> None:
    for i, (_, snapshot) in enumerate(bench.run(bench.blocks())):
        for name, array in snapshot.arrays.items():
            numeric = isinstance(array, np.ndarray) and array.dtype.kind in "biuf"
            bench.require(numeric, f"behind block {i}: array {name!r} is not of numbers")
        wrong = plain(snapshot.data)
        bench.require(not wrong, f"behind block {i}: data holds {wrong}")


def _snapshot_stays(bench: _Bench) -> None:
    state = bench.new()
    kept: list[tuple[Snapshot, bytes]] = []
    for block in bench.blocks():
        state.learn(block)
        snapshot = state.snapshot()
        kept.append((snapshot, fingerprint(snapshot)))
    for i, (snapshot, before) in enumerate(kept):
        same = fingerprint(snapshot) == before
        bench.require(same, f"the snapshot behind block {i} changed with later learning")


def _bad_events_are_refused(bench: _Bench) -> None:
    state = bench.new()
    for block in bench.blocks():
        state.learn(block)
    good = {event.value[:12]: event for event in bench.events}
    for event in list(good.values())[:5]:
        for value in spoiled_values(event.value):
            try:
                read = state.read(msgspec.structs.replace(event, value=value))
            except RecordError:
                continue
            except Exception as error:
                raise LearnerCheckError(
                    f"{bench.declaration.id}: {value[:60]!r} raised {error!r}, no RecordError"
                ) from error
            # What it reads it must be able to take.
            step(state, [read])


def _memory_is_bounded(bench: _Bench) -> None:
    state = bench.new()
    rows = bench.declaration.block_rows
    sizes = []
    for turn in range(_ROUNDS_TO_FILL + _ROUNDS_AFTER):
        events = [bench.renew(_later(event, turn, bench.events), turn) for event in bench.events]
        inputs = [state.read(event) for event in events]
        for i in range(0, len(inputs) - rows + 1, rows):
            state.learn(inputs[i : i + rows])
        sizes.append(len(fingerprint(state.snapshot(), digest=False)))
    full, last = sizes[_ROUNDS_TO_FILL - 1], sizes[-1]
    bench.require(
        last <= full * _MAY_GROW, f"its snapshot grew from {full:,} to {last:,} bytes: {sizes}"
    )


def _later(event: Event, turn: int, events: Sequence[Event]) -> Event:
    """The event as it would be in a later round: behind all others, of another record."""
    lasted = events[-1].timestamp_ms - events[0].timestamp_ms + 1000
    return msgspec.structs.replace(
        event,
        offset=event.offset + turn * len(events),
        timestamp_ms=event.timestamp_ms + turn * lasted,
        root=f"{event.root}{turn:02}",
    )


LEARNER_CHECKS: Mapping[str, Callable[[_Bench], None]] = {
    "score_is_pure": _score_is_pure,
    "deliveries_change_nothing": _deliveries_change_nothing,
    "answers_fit": _answers_fit,
    "learning_needs_no_scoring": _learning_needs_no_scoring,
    "same_log_same_state": _same_log_same_state,
    "restored_equals_uninterrupted": _restored_equals_uninterrupted,
    "snapshot_is_plain": _snapshot_is_plain,
    "snapshot_stays": _snapshot_stays,
    "bad_events_are_refused": _bad_events_are_refused,
    "memory_is_bounded": _memory_is_bounded,
}
"""Every law by name."""
