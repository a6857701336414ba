"""Submissions wait while the buffer is full, and leave nothing behind when they are given up."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aimass_stream.runtime.scorer import Scorer
from tests.runtime.in_process_link import SPEC, Clock, Echo, InProcessLink, records
from tests.runtime.scorer.helpers import finish, labels, names, turns


@pytest.fixture
async def small(link: InProcessLink, clock: Clock, model: Echo) -> AsyncIterator[Scorer]:
    scorer = Scorer(link, buffer_bytes=100, clock=clock)
    await scorer.add(model, SPEC)
    yield scorer
    await scorer.close()


async def test_submit_waits_while_the_buffer_is_full(
    small: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.is_open.clear()
    first = await small.submit(model, records(*[b"x" * 30] * 3))
    second = asyncio.create_task(small.submit(model, records(*[b"y" * 30] * 3)))
    await turns()
    assert not second.done()
    link.is_open.set()
    assert names(await finish(first)) == ["x" * 30] * 3
    assert names(await finish(await second)) == ["y" * 30] * 3


async def test_a_record_larger_than_the_buffer_passes_alone(
    small: Scorer, model: Echo, link: InProcessLink
) -> None:
    payloads = [b"a" * 10, b"b" * 500, b"c" * 10]
    assert names(await finish(await small.submit(model, records(*payloads)))) == labels(payloads)
    assert [payloads[1]] in link.batches


async def test_a_cancelled_submit_leaves_nothing_behind(
    small: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.is_open.clear()
    held = await small.submit(model, records(b"x" * 90))
    waiting = asyncio.create_task(small.submit(model, records(b"y" * 90)))
    await turns()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    link.is_open.set()
    await finish(held)
    await finish(await small.submit(model, records(b"z" * 90)))
    assert link.sent == [b"x" * 90, b"z" * 90]


async def test_cancel_drops_what_waits_and_frees_its_bytes(
    small: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.is_open.clear()
    in_flight = []
    for _ in range(2):
        in_flight.append(await small.submit(model, records(b"a")))
        await turns()
    dropped = await small.submit(model, records(*[b"x" * 30] * 3))
    blocked = asyncio.create_task(small.submit(model, records(b"y" * 60)))
    await turns()
    assert not blocked.done()
    dropped.cancel()
    dropped.cancel()
    await turns()
    assert blocked.done()
    link.is_open.set()
    for submission in [*in_flight, await blocked]:
        await finish(submission)
    assert link.sent == [b"a", b"a", b"y" * 60]
    with pytest.raises(asyncio.CancelledError):
        await dropped.wait(0)


async def test_results_that_come_too_late_are_ignored(
    small: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.is_open.clear()
    departed = await small.submit(model, records(b"x" * 50, b"x" * 40))
    waiting = asyncio.create_task(departed.wait(1))
    await turns()
    departed.cancel()
    link.is_open.set()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    await finish(await small.submit(model, records(b"y" * 100)))
    await finish(await small.submit(model, records(b"z" * 100)))


async def test_a_departed_record_is_not_searched_for(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.is_open.clear()
    staying = await scorer.submit(model, records(b"a", b"b"))
    departed = await scorer.submit(model, records(b"bad"))
    await turns()
    departed.cancel()
    link.is_open.set()
    assert names(await finish(staying)) == ["a", "b"]
    assert link.batches == [[b"a", b"b", b"bad"], [b"a", b"b"]]


async def test_one_cancelled_waiter_does_not_hang_the_others(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.is_open.clear()
    submission = await scorer.submit(model, records(b"a", b"b"))
    waiting = [asyncio.create_task(submission.wait(row)) for row in (0, 0, 1)]
    await turns()
    waiting[0].cancel()
    await turns()
    link.is_open.set()
    assert await waiting[1] == 2
    assert await waiting[2] == 2


async def test_close_while_full(small: Scorer, model: Echo, link: InProcessLink) -> None:
    link.is_open.clear()
    submission = await small.submit(model, records(b"x" * 90))
    waiting = asyncio.create_task(submission.wait(0))
    blocked = asyncio.create_task(small.submit(model, records(b"y" * 90)))
    await turns()
    await small.close()
    await asyncio.wait({waiting, blocked})
    assert waiting.cancelled()
    assert blocked.cancelled()
