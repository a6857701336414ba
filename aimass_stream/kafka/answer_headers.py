"""The headers that make an answer addressable, written: the hot path of a delivery.

What the answers of one agent to one partition share is written once, the first digits of their
offsets included, with a gap wherever an offset's last ones stand; an answer costs one join.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from aimass_stream.kafka.wire import header, header_name, varint
from aimass_stream.records import Chunk, identity
from aimass_stream.records.chunk import pick
from aimass_stream.runtime.handover import Answers

_HEADERS = 4
_THOUSAND = 1000
_ENDINGS = [b"%03d" % number for number in range(_THOUSAND)]


def header_blocks(agent: str, chunk: Chunk, answers: Answers) -> list[bytes]:
    """The headers of each of these answers, as `wire.header_block` would write them."""
    shared = _Shared(agent, chunk, answers)
    blocks = shared.blocks(pick(chunk.offsets, answers.rows))
    if any(chunk.headers):
        for at, row in enumerate(answers.rows):
            headers = chunk.headers[row]
            if headers and (root := identity.header_text(headers, identity.ROOT)):
                record_id = identity.header_text(headers, identity.ID)
                blocks[at] = shared.block_of(chunk.offsets[row], root, record_id)
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

    def blocks(self, offsets: Sequence[int]) -> list[bytes]:
        """The blocks of records that began their chains; offsets ascend.

        Offsets of one thousand have all digits but the last three in common.
        """
        blocks: list[bytes] = []
        while len(blocks) < len(offsets):
            first = offsets[len(blocks)]
            bound = first - first % _THOUSAND + _THOUSAND
            if first < _THOUSAND:
                bound = 10 ** len(str(first))
            run = offsets[len(blocks) : bisect_left(offsets, bound, len(blocks))]
            blocks += self._alike(run)
        return blocks

    def block_of(self, offset: int, root: str, record_id: str) -> bytes:
        """The block of a record that has a root of its own, by which it came under an id."""
        answer_id = identity.answer_id(
            root, self._agent, self._model, self._ordinal, record_id
        ).encode()
        written, written_root = b"%d" % offset, root.encode()
        return b"%b%b%b%b%b%b%b%b" % (
            self._before(len(written)),
            written,
            self._root_name,
            varint(len(written_root)),
            written_root,
            self._model_and_id_name,
            varint(len(answer_id)),
            answer_id,
        )

    def _alike(self, offsets: Sequence[int]) -> list[bytes]:
        """The blocks of offsets that differ in their last three digits at the most."""
        first, last = offsets[0], offsets[-1]
        if first < _THOUSAND:
            endings = [b"%d" % offset for offset in offsets]
        elif last - first + 1 == len(offsets):
            start = first % _THOUSAND
            endings = _ENDINGS[start : start + len(offsets)]
        else:
            endings = [_ENDINGS[offset % _THOUSAND] for offset in offsets]
        common = b"%d" % (first // _THOUSAND) if first >= _THOUSAND else b""
        between = self._between(common, len(common) + len(endings[0]))
        return [ending.join(between) for ending in endings]

    def _between(self, common: bytes, digits: int) -> Sequence[bytes]:
        """What stands before, between and behind the endings of three offsets.

        Args:
            common: the digits that all offsets begin with.
            digits: how many an offset has.
        """
        length = varint(len(self._stem) + digits)
        id_length = varint(len(self._id_stem) + digits)
        return (
            self._before(digits) + common,
            b"%b%b%b%b" % (self._root_name, length, self._stem, common),
            b"%b%b%b%b" % (self._model_and_id_name, id_length, self._id_stem, common),
            b"",
        )

    def _before(self, digits: int) -> bytes:
        """What stands before the source's offset of so many digits."""
        length = varint(len(self._stem) + digits)
        return b"%b%b%b%b" % (self._count, self._source_name, length, self._stem)
