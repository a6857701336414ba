"""Records that failed are freed when their outcome is known, though nothing looks for garbage.

A worker collects seldom, so a batch that an exception keeps alive would be there for long.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest

from aimass_stream.adapters.inline import Inline
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Chunk, Limits, Record
from aimass_stream.runtime.body import run_body
from aimass_stream.runtime.handover import Handover, Unit, Work
from aimass_stream.runtime.inline import score_inline
from aimass_stream.runtime.pipeline import decode_rows
from aimass_stream.runtime.scorer import Scorer
from aimass_stream.runtime.streams import Stream
from aimass_stream.runtime.submission import Submission
from tests.runtime.in_process_link import SPEC, Clock, Echo, InProcessLink, records

TIMES = 10
PAYLOADS = [*(b"%d" % number for number in range(15)), b"bad"]


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def count(kind: type) -> int:
    return sum(type(held) is kind for held in gc.get_objects())


def chunk_of(values: list[bytes]) -> Chunk:
    rows = range(len(values))
    return Chunk("t", 0, rows, [0] * len(rows), [None] * len(rows), values, [()] * len(rows))


class Picky(Record):
    """Refuses one value."""

    __slots__ = ()

    def check(self, limits: Limits) -> None:
        if self.value == b"bad":
            raise RecordError(Reason.BAD_ENVELOPE, "bad")


def refuse_bad(chunk: Chunk) -> list[bytes]:
    if b"bad" in chunk.values:
        raise ValueError("bad")
    return [value or b"" for value in chunk.values]


async def test_a_chunk_that_an_inline_model_failed_on() -> None:
    model, before = Inline("picky", refuse_bad, answer=bytes), count(Chunk)
    for _ in range(TIMES):
        outcomes = await score_inline(model, chunk_of(PAYLOADS))
        assert isinstance(outcomes[-1], RecordError)
        assert "refuse_bad" in outcomes[-1].trace
    assert count(Chunk) == before


@pytest.mark.parametrize("kind", [Record, Picky])
async def test_what_a_model_failed_on_and_what_it_was_never_sent(kind: type[Record]) -> None:
    scorer, model = Scorer(InProcessLink(Clock()), buffer_bytes=1 << 20), Echo()
    await scorer.add(model, SPEC)
    before = count(Submission)
    for _ in range(TIMES):
        given = records(*PAYLOADS) if kind is Record else chunk_of(PAYLOADS).records(kind)
        submission = await scorer.submit(model, given)
        row = 0
        while row < len(PAYLOADS):
            row = await submission.wait(row)
        assert isinstance(submission.outcomes[-1], RecordError)
    del submission
    # The runner may hold the last one.
    assert count(Submission) <= before + 1
    await scorer.close()


async def test_works_with_a_record_that_fails_its_check() -> None:
    units: list[Unit] = []
    stream: Stream[Picky] = Stream(Picky, Limits(), Handover(units.append))

    async def body(stream: Stream[Picky]) -> AsyncIterator[list[bytes]]:
        async for chunk in stream.batches():
            yield [value or b"" for value in chunk.values]

    before = count(Work)
    for number in range(TIMES):
        stream.put(Work(chunk_of(PAYLOADS), number * len(PAYLOADS), is_taken=True))
    running = asyncio.create_task(run_body("agent", body, stream))
    await stream.wait_idle()
    assert [len(unit.failures) for unit in units] == [1] * TIMES
    units.clear()
    assert count(Work) <= before + 1, "the body may hold the last one"
    running.cancel()


def test_payloads_that_a_decoder_refused() -> None:
    class Decoder:
        def decode(self, payload: bytes) -> "Held":
            if payload == b"bad":
                raise RecordError(Reason.UNDECODABLE, "bad")
            return Held()

    class Held:
        """An input."""

    for _ in range(TIMES):
        inputs = decode_rows(Decoder(), PAYLOADS)  # type: ignore[arg-type]  # all that is called
        assert isinstance(inputs[-1], RecordError)
    del inputs
    assert count(Held) == 0
