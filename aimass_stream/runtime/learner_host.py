"""One learner in a learner process: its states, one for each log, and their snapshots.

It is the `Predictor` through which a learner process, which is a device process whose device
is `learners`, serves a declaration. Calls carry their place in the log, so neither a worker
that lost its partition nor one that repeats itself can bring a state out of step.
"""

from __future__ import annotations

import logging
import os
import posixpath
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aimass_stream.error_text import describe, trace_of
from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, LearnerState
from aimass_stream.model import ModelSpec, import_adapter
from aimass_stream.runtime.blocks import BlockLearner, LaidDown
from aimass_stream.runtime.injection_plan import FAULTS
from aimass_stream.runtime.learner_messages import (
    COMMAND,
    Command,
    Learn,
    Learnt,
    Open,
    Opened,
    decode_command,
    decode_event,
)
from aimass_stream.runtime.snapshots import (
    DamagedSnapshotError,
    SnapshotStore,
    UnwrittenSnapshotError,
)

log = logging.getLogger("aimass.learners")

Row = tuple[Event, Any]


@dataclass(slots=True, eq=False)
class _OpenState:
    """A state that a worker works on.

    Attributes:
        epoch: counts the times it was opened.
        offset: of the next event to take.
        kept_rows: rows it had learnt when the last snapshot was taken.
        unsaved: why the last snapshot could not be written; empty if it was.
    """

    learner: BlockLearner[Any]
    store: SnapshotStore
    epoch: int
    offset: int
    kept_rows: int = 0
    writing: Future[None] | None = None
    unsaved: str = ""


class LearnerHost:
    """The `Predictor` of a learner.

    Args:
        spec: options `adapter` (the `LearnerState`), `settings`, `block_rows`, `snapshot_rows`
            and `snapshots`, the URL of the folder that snapshots lie in.
        device: not used; learners run on the CPU.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        del device
        self._spec = spec
        self._options = spec.options
        self._make_state: Callable[..., LearnerState[Any, Any]] = import_adapter(
            spec.options["adapter"]
        )
        self._snapshot_rows: int = spec.options["snapshot_rows"]
        if FAULTS in os.environ:
            from aimass_stream.runtime.injected import inject_state, planned_snapshot_rows

            self._make_state = inject_state(spec, self._make_state)
            self._snapshot_rows = planned_snapshot_rows(self._snapshot_rows)
        self._reader = self._make_state(spec.options["settings"])
        self._states: dict[str, _OpenState] = {}
        self._epoch = 0
        self._writer = ThreadPoolExecutor(1, "snapshots")

    def decode(self, payload: bytes | memoryview) -> Command | Row:
        """A command, or an event and the learner's input made of it.

        Raises:
            RecordError: the event cannot be an input.
        """
        view = memoryview(payload)
        if view[:1] == COMMAND:
            return decode_command.decode(view[1:])
        event = decode_event.decode(view[1:])
        try:
            return event, self._reader.read(event)
        except RecordError:
            raise
        except Exception as error:
            detail = describe(error, event.value)
            raise RecordError(Reason.UNDECODABLE, detail, trace_of(error)) from error

    def predict(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """Carry out the command that comes first, on the events behind it.

        Raises:
            ValueError: the command does not fit the state; open it anew.
            Exception: learning failed, and the state was dropped; open it anew.
        """
        command, *rows = inputs
        if isinstance(command, Open):
            return [self._open(command)]
        return self._learn(command, rows)

    def close(self) -> None:
        """Finish writing."""
        self._writer.shutdown()

    # -- opening -------------------------------------------------------------------------

    def _open(self, command: Open) -> Opened:
        self._forget(command.place)
        url = posixpath.join(self._options["snapshots"], self._spec.id, command.place)
        store = SnapshotStore(url, self._spec.id)
        offsets = store.offsets()
        if offsets:
            learner = self._make_learner(command.offset)
            if not self._restore(learner, store, command.offset, offsets):
                return Opened(0, 0, self._unusable(store, command.offset, offsets))
        else:
            learner = self._make_learner(self._first_offset(command, store))
            try:
                store.write(learner.lay_down(), command.offset)
            except UnwrittenSnapshotError as error:
                return Opened(0, 0, f"{error} Free space, or set AIMASS_SNAPSHOTS.")
            offsets = [learner.learnt_to]
        self._epoch += 1
        state = _OpenState(learner, store, self._epoch, learner.learnt_to)
        self._states[command.place] = state
        return Opened(state.epoch, state.offset, "", offsets[0], offsets[-1])

    @staticmethod
    def _first_offset(command: Open, store: SnapshotStore) -> int:
        """Where to begin without any snapshot: a new learner here, another where it once did."""
        if not 0 <= command.began < command.offset:
            return command.offset
        log.warning(
            "every snapshot in %s is gone: the log is learnt again from offset %d, where the "
            "learner began, up to %d",
            store.folder,
            command.began,
            command.offset,
        )
        return command.began

    def _restore(
        self, learner: BlockLearner[Any], store: SnapshotStore, at: int, offsets: list[int]
    ) -> bool:
        """Take the newest generation that includes nothing beyond `at` and is whole."""
        passed_over = None
        for offset in reversed([offset for offset in offsets if offset <= at]):
            try:
                learner.restore(store.read(offset))
            except (DamagedSnapshotError, ValueError, KeyError) as error:
                log.warning(
                    "snapshot %d of %s is not used, going back to the one before: %s",
                    offset,
                    store.folder,
                    error,
                )
                passed_over = offset
            else:
                if passed_over is not None:
                    log.warning(
                        "snapshot %d of %s is used instead of %d; what is between is learnt again",
                        offset,
                        store.folder,
                        passed_over,
                    )
                return True
        return False

    @staticmethod
    def _unusable(store: SnapshotStore, at: int, offsets: list[int]) -> str:
        if offsets[0] > at:
            return (
                f"The oldest snapshot in {store.folder} is of offset {offsets[0]}, and the group "
                f"stands at {at}, before it. Give the learner a new version to begin anew."
            )
        return (
            f"No snapshot in {store.folder} up to offset {at} can be used: each is damaged, or was "
            "written by other code under the same version. Bring one back; or delete the "
            "folder to have the log learnt again from where the learner began; or give the learner "
            "a new version to begin anew."
        )

    def _make_learner(self, offset: int) -> BlockLearner[Any]:
        state = self._make_state(self._options["settings"])
        return BlockLearner(state, self._options["block_rows"], offset)

    def _forget(self, place: str) -> None:
        state = self._states.pop(place, None)
        if state is not None and state.writing is not None:
            state.writing.result()

    # -- learning ------------------------------------------------------------------------

    def _learn(self, command: Learn, rows: list[Row]) -> list[Any]:
        state = self._states.get(command.place)
        if state is None or (state.epoch, state.offset) != (command.epoch, command.offset):
            raise ValueError(f"{command.place} is not open at offset {command.offset}")
        try:
            answers, states = state.learner.take(rows)
        except BaseException:
            self._forget(command.place)
            raise
        state.offset = command.next_offset
        self._keep(state, command.committed)
        answered = [
            at
            for answer, at in zip(answers, states, strict=True)
            if not isinstance(answer, RecordError)
        ]
        return [Learnt(answered, state.unsaved), *answers]

    def _keep(self, state: _OpenState, committed: int) -> None:
        """Begin to write a snapshot when one is due and the last is written."""
        learner = state.learner
        if learner.learnt_rows - state.kept_rows < self._snapshot_rows:
            return
        if state.writing is not None and not state.writing.done():
            return
        state.kept_rows = learner.learnt_rows
        try:
            laid_down = learner.lay_down()
        except Exception as error:  # a learner's own; its log still has everything
            state.unsaved = f"The state cannot be laid down: {describe(error)}."
            log.exception("%s Learning goes on without snapshots of it.", state.unsaved)
            return
        state.writing = self._writer.submit(self._write, state, laid_down, committed)

    @staticmethod
    def _write(state: _OpenState, laid_down: LaidDown, committed: int) -> None:
        """Write a snapshot; without it the log still has everything, so learning goes on."""
        try:
            state.store.write(laid_down, committed)
        except UnwrittenSnapshotError as error:
            state.unsaved = str(error)
            log.error("%s Learning goes on; the next snapshot is tried as usual.", error)  # noqa: TRY400 - the text says it all
        else:
            if state.unsaved:
                log.warning("snapshots are written again to %s", state.store.folder)
            state.unsaved = ""
