"""The headers that make an answer addressable, written: the hot path of a delivery.

What the answers of one agent to one partition share is written once, with a gap wherever an
offset stands, and an answer costs one join.
"""

from __future__ import annotations

from collections.abc import Sequence

from aimass_stream.kafka.wire import header, header_name, varint
from aimass_stream.records import Chunk, identity
from aimass_stream.runtime.handover import Answers

_HEADERS = 4


def header_blocks(agent: str, chunk: Chunk, answers: Answers) -> list[bytes]:
    """The headers of each of these answers, as `wire.header_block` would write them."""
    shared = _Shared(agent, chunk, answers)
    offsets = [b"%d" % chunk.offsets[row] for row in answers.rows]
    gaps = {digits: shared.between_offsets(digits) for digits in set(map(len, offsets))}
    blocks = [offset.join(gaps[len(offset)]) for offset in offsets]
    if any(chunk.headers):
        for at, row in enumerate(answers.rows):
            headers = chunk.headers[row]
            if headers and (root := identity.header_text(headers, identity.ROOT)):
                begin = gaps[len(offsets[at])][0] + offsets[at]
                record_id = identity.header_text(headers, identity.ID)
                blocks[at] = begin + shared.behind_source(root, record_id)
    if answers.states:
        states = [header(identity.STATE, state.encode()) for state in answers.states]
        blocks = [block + state for block, state in zip(blocks, states, strict=True)]
    return blocks


class _Shared:
    """What the answers of one ordinal and model to one partition have in common."""

    def __init__(self, agent: str, chunk: Chunk, answers: Answers) -> None:
        self._agent = agent
        self._model = answers.model
        self._ordinal = answers.ordinal
        stem = f"{chunk.topic}/{chunk.partition}"
        self._stem = f"{stem}/".encode()
        self._id_stem = identity.id_stem(stem, agent, answers.model, answers.ordinal).encode()
        self._count = varint(_HEADERS + bool(answers.states))
        self._source_name = header_name(identity.SOURCE)
        self._root_name = header_name(identity.ROOT)
        self._model_and_id_name = b"%b%b" % (
            header(identity.MODEL, answers.model.encode()),
            header_name(identity.ID),
        )

    def between_offsets(self, digits: int) -> Sequence[bytes]:
        """What stands before, between and behind the three offsets of so many digits."""
        length = varint(len(self._stem) + digits)
        id_length = varint(len(self._id_stem) + digits)
        return (
            b"%b%b%b%b" % (self._count, self._source_name, length, self._stem),
            b"%b%b%b" % (self._root_name, length, self._stem),
            b"%b%b%b" % (self._model_and_id_name, id_length, self._id_stem),
            b"",
        )

    def behind_source(self, root: str, record_id: str) -> bytes:
        """What stands behind the source's offset where a record has a root of its own."""
        answer_id = identity.answer_id(
            root, self._agent, self._model, self._ordinal, record_id
        ).encode()
        written_root = root.encode()
        return b"%b%b%b%b%b%b" % (
            self._root_name,
            varint(len(written_root)),
            written_root,
            self._model_and_id_name,
            varint(len(answer_id)),
            answer_id,
        )
