"""The contract of a model that learns from the stream.

A `Learner` is what a user declares: pure data, importable without any learning library. In a
learner process it becomes a `LearnerState`, whose every change is a function of one ordered
log: events are read, scored in blocks with the state at the block's start, and then learnt.
Nothing else may change it: no clock, no randomness that its own state does not hold, no thread
whose end matters. So a state restored from a snapshot and fed the events behind it equals one
that was never interrupted, bit for bit on the same machine and versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimass_stream.declaration import (
    Declaration,
    require,
    require_above_zero,
    require_at_least,
)

LOG_SUFFIX = ".log"
"""What the name of a learner's log ends with."""

AnswerT = TypeVar("AnswerT")
AnswerT_co = TypeVar("AnswerT_co", covariant=True)
InputT = TypeVar("InputT")


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record of a learner's log.

    Attributes:
        offset: its place in the log.
        topic: where it was first: the log's own topic, or the one it was fed from.
        timestamp_ms: event time, milliseconds since the epoch.
        root: `topic/partition/offset` of the first record of its chain.
        key: the record's key.
        value: the record's value.
        id: the engine's id of what it wrote; empty on what others produced. An id that was
            learnt before is a repeat, which the engine drops before the learner sees it.
    """

    offset: int
    topic: str
    timestamp_ms: int
    root: str
    key: bytes | None
    value: bytes
    id: str = ""


class Snapshot(NamedTuple):
    """A state laid down: arrays, and plain data beside them.

    Attributes:
        arrays: by name; any shape and numeric dtype.
        data: what msgpack holds: numbers, text, bytes, lists, and dicts with text keys.
    """

    arrays: dict[str, NDArray[np.generic]]
    data: dict[str, Any]


class LearnerState(Protocol[InputT, AnswerT_co]):
    """What learns. The constructor takes the declaration's `settings`.

    `read` may be called from several threads at once and must not look at what was learnt.
    The other methods are called from one thread, never two at a time.
    """

    def read(self, event: Event) -> InputT:
        """Turn an event into an input.

        Raises:
            RecordError: it cannot be one; it alone is dead-lettered, and never learnt from.
        """
        ...

    def score(self, inputs: Sequence[InputT]) -> Sequence[AnswerT_co | None]:
        """Answer inputs, in order, each as if it came next; None where no answer is due.

        Inputs are a block from its first record on, as far as it has come. While a block grows,
        what was answered before is handed in again before what is new.

        Changes nothing: the same inputs again give the same answers, to the bit, and so do fewer
        or more of the same block. `aimass_stream.learners.open_block` answers each once.
        """
        ...

    def learn(self, inputs: Sequence[InputT]) -> None:
        """Learn a block of inputs that `score` has answered, in order."""
        ...

    def snapshot(self) -> Snapshot:
        """Lay the state down; what was laid down does not change with later learning."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Become the state that was laid down by the same declaration.

        Raises:
            ValueError: it does not fit.
        """
        ...


@dataclass(frozen=True)
class Learner(Declaration, Generic[AnswerT]):
    """What a user declares; subclasses are the kinds of learners.

    Its `name@version` is code and settings: raise the version when either changes, and it
    begins anew beside the old one.

    Attributes:
        name: names its state, and its log where it has one.
        version: of code and settings.
        block_rows: good records of a block, all scored with the state before it; 1 where the
            next record must count the one before.
        snapshot_rows: records learnt from one snapshot to the next; what a restart replays at
            the most, beside what was in flight.
        timeout_s: seconds a call may take before the learner counts as hung.
        reads_models: whether it wants to know which model gave an answer that it is fed with;
            such an answer then stands in its log as `{"model": name@version, "answer": it}`.

    Raises:
        ConfigError: it has no name, or a number with which it could not learn.
    """

    adapter: ClassVar[str]
    reads_models: ClassVar[bool] = False

    name: str
    _: KW_ONLY
    version: str = "1"
    block_rows: int = 64
    snapshot_rows: int = 5_000
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what cannot learn; a subclass that has more to say calls this first."""
        named = isinstance(self.name, str) and bool(self.name)
        require(self, holds=named, otherwise="give it a name")
        require_at_least(self, block_rows=1, snapshot_rows=1)
        require_above_zero(self, "timeout_s")

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def answer_type(self) -> type[AnswerT]:
        """The type of an answer; what crosses from the learner process is checked against it."""
        raise NotImplementedError

    @property
    def location(self) -> str:
        """`models://name[@version]` or a folder, of weights that its state loads; else empty.

        Where there is one, the state's settings hold two things more: `folder`, the absolute path
        that was found, and `digest`, the checksum of its files. A state of other weights is another
        state: `restore` refuses a snapshot that was laid down with another digest.
        """
        return ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the `LearnerState` is made with: numbers, text, lists and dicts of them."""
        return {}
