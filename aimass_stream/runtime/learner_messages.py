"""What a worker and a learner process say to each other, inside the batches of a link.

The first payload of a batch is a command, the others are events of the log. The first answer
is what became of the command, the others are those of the events.
"""

from __future__ import annotations

import msgspec

from aimass_stream.learner import Event

COMMAND = b"c"
EVENT = b"e"

HOST = "aimass_stream.runtime.learner_host:LearnerHost"
"""The adapter that every learner is loaded by."""


class Open(msgspec.Struct, frozen=True, array_like=True, tag="open"):
    """Have a state ready for the event at `offset`, whoever had it before.

    Attributes:
        place: names the state: agent, topic and partition.
        offset: of the next event of the log that will be answered.
        began: where the learner once began this log; -1 where nobody has noted that.
    """

    place: str
    offset: int
    began: int = -1


class Learn(msgspec.Struct, frozen=True, array_like=True, tag="learn"):
    """Score the events and learn the blocks they complete.

    Attributes:
        place: as it was opened.
        epoch: what `Opened` said; an earlier owner's is refused.
        offset: where the sender left off; events that were taken already are refused.
        next_offset: after the last of these events.
        committed: what the group has committed.
    """

    place: str
    epoch: int
    offset: int
    next_offset: int
    committed: int


Command = Open | Learn


class Opened(msgspec.Struct, frozen=True, array_like=True, tag="opened"):
    """The state is there and wants the events from `offset` on, which may lie before the one asked.

    Attributes:
        problem: why there is none; empty if there is.
        began: where the learner began this log.
        newest: the highest offset that a snapshot speaks of.
    """

    epoch: int
    offset: int
    problem: str = ""
    began: int = 0
    newest: int = 0


class Learnt(msgspec.Struct, frozen=True, array_like=True, tag="learnt"):
    """The events were taken.

    Attributes:
        states: for each event that was answered, the offset up to which the state that scored
            it had learnt.
        unsaved: why the last snapshot could not be written; empty if it was.
    """

    states: list[int]
    unsaved: str = ""


encode = msgspec.msgpack.Encoder().encode
decode_command: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
decode_event = msgspec.msgpack.Decoder(Event)
