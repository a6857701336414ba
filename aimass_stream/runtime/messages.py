"""What a worker and a device process say to each other: the headers of frames.

Both ends decode only what the other may send, and msgspec checks every field. Payloads and
answers are no part of a header: they travel as the frame's buffers, or in the arena.
"""

from __future__ import annotations

import msgspec

from aimass_stream.errors import Reason
from aimass_stream.model import ModelSpec

PROTOCOL = 3

LEARNERS = "learners"
"""The device of a learner process: it holds learners, on the CPU, instead of models."""
WARM = b"warm"
"""A line on a device process's stdout: its imports are done."""
READY = b"ready"
"""A line on its stdout: it accepts connections."""
FAILED = b"failed "
"""How a line on its stdout begins that says why its imports failed; it ends then."""
TAKE_OVER = b"take over"
"""A line on its stdin: a spare becomes the active process."""
HUNG_EXIT_CODE = 75
"""What it ends with when a call outlived its timeout."""
LOST_EXIT_CODE = 76
"""What it ends with when its device answers nothing any more."""


class _Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of every header; `call` is the number the answer is matched by."""


class Slot(_Message, frozen=True):
    """Where a batch's payloads lie in the arena, one after another.

    Attributes:
        offset: first byte of the first payload.
        sizes: bytes of each payload.
    """

    offset: int
    sizes: list[int]


class Fault(_Message, frozen=True):
    """Why one row of a batch has no answer."""

    row: int
    reason: Reason
    detail: str
    trace: str


class Load(_Message, frozen=True, tag=1):
    """Load a model, or find it loaded. Answered by `Loaded` or `Refused`."""

    call: int
    spec: ModelSpec


class Predict(_Message, frozen=True, tag=2):
    """Answer a batch. Payloads are the frame's buffers unless there is a slot.

    Answered by `Predicted`, `Failed` or `Refused`; after `Cancel` perhaps by `Dropped`. With
    `parts`, answers that are written are told by `Part`s beforehand.
    """

    call: int
    model: str
    slot: Slot | None
    parts: bool = False


class Cancel(_Message, frozen=True, tag=3):
    """Nobody waits for this batch any more; its one answer is still due."""

    call: int


ToDevice = Load | Predict | Cancel


class Hello(_Message, frozen=True, tag=10):
    """The first frame of a device process.

    Attributes:
        protocol: what it speaks; a link that speaks another hangs up.
        pid: whom to kill when it is wholly stuck.
        device: `cpu`, `cuda:0`.
    """

    protocol: int
    pid: int
    device: str


class Loaded(_Message, frozen=True, tag=11):
    """The model is ready.

    Attributes:
        load_ms: what it took when it was first loaded.
        costs_alike: whether its records cost the same, since inputs are brought to one shape.
    """

    call: int
    load_ms: float
    costs_alike: bool


class Refused(_Message, frozen=True, tag=12):
    """The model cannot be loaded, or is not."""

    call: int
    message: str


class Started(_Message, frozen=True, tag=13):
    """The batch is being predicted; not said of one that is answered in the blink of an eye."""

    call: int


class Predicted(_Message, frozen=True, tag=14):
    """The batch's answers are the frame's buffers; rows with a fault have an empty one."""

    call: int
    queue_ms: float
    decode_ms: float
    predict_ms: float
    faults: list[Fault]


class Part(_Message, frozen=True, tag=19):
    """A piece of a row's answer, which is being written.

    Attributes:
        seq: its number among the pieces of this row, from 0 on.
    """

    call: int
    row: int
    seq: int
    text: str


class Failed(_Message, frozen=True, tag=15):
    """The whole batch has no answers."""

    call: int
    reason: Reason
    detail: str
    trace: str
    out_of_memory: bool = False


class Dropped(_Message, frozen=True, tag=16):
    """A cancelled batch was skipped."""

    call: int


class Alive(_Message, frozen=True, tag=17):
    """Nothing to say yet: sent every second to a link that waits for something."""


class Ending(_Message, frozen=True, tag=18):
    """The process ends now, and no call that is still open is to blame."""

    detail: str


ToLink = Hello | Loaded | Refused | Started | Part | Predicted | Failed | Dropped | Alive | Ending
