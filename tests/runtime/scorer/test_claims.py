"""Claim checks are fetched before they are scored, and hold up nobody else."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Claim, Limits, Record
from aimass_stream.runtime.scorer import Scorer
from tests.runtime.in_process_link import SPEC, Clock, Echo, InProcessLink, records
from tests.runtime.scorer.helpers import finish, labels, names, numbered, turns


class Claimed(Record):
    """Its value names what it claims."""

    fetched: bytes | None = None

    @property
    def claim(self) -> Claim | None:
        value = self.value or b""
        return Claim(f"file:///{value.decode()}", "", len(value), "text/plain")

    def attach(self, payload: bytes) -> None:
        if payload == b"mismatch":
            raise RecordError(Reason.TYPE_MISMATCH, "told to mismatch")
        self.fetched = payload

    @property
    def bytes(self) -> bytes:
        assert self.fetched is not None
        return self.fetched


class Store:
    """Fetches the text after `file:///`, when it is open."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.fetching = 0
        self.most = 0

    async def __call__(self, claim: Claim, limits: Limits) -> bytes:
        self.fetching += 1
        self.most = max(self.most, self.fetching)
        try:
            await self.is_open.wait()
        finally:
            self.fetching -= 1
        text = claim.uri.removeprefix("file:///")
        if text == "broken":
            raise RecordError(Reason.CLAIM_BROKEN, "told to be broken")
        if text == "odd":
            raise OSError("a store of another kind")
        return text.encode()


@pytest.fixture
async def store() -> Store:
    store = Store()
    store.is_open.set()
    return store


@pytest.fixture
async def fetching(
    link: InProcessLink, clock: Clock, model: Echo, store: Store
) -> AsyncIterator[Scorer]:
    scorer = Scorer(link, store, buffer_bytes=1000, clock=clock)
    await scorer.add(model, SPEC)
    yield scorer
    await scorer.close()


async def test_claims_are_fetched_before_they_are_scored(
    fetching: Scorer, model: Echo, link: InProcessLink
) -> None:
    payloads = [b"a:3", b"broken", b"odd", b"mismatch", b"costly", b"b"]
    outcomes = await finish(await fetching.submit(model, records(*payloads, kind=Claimed)))
    assert names(outcomes) == ["a:3", *["claim_broken"] * 2, "type_mismatch", "claim_broken", "b"]
    assert sorted(link.sent) == [b"a:3", b"b"]


async def test_records_do_not_wait_for_the_claims_of_others(
    fetching: Scorer, model: Echo, store: Store
) -> None:
    store.is_open.clear()
    slow = await fetching.submit(model, records(b"a", kind=Claimed))
    assert names(await finish(await fetching.submit(model, records(b"b")))) == ["b"]
    assert slow.outcomes == [None]
    store.is_open.set()
    assert names(await finish(slow)) == ["a"]


async def test_a_bounded_number_is_fetched_at_a_time(
    fetching: Scorer, model: Echo, store: Store
) -> None:
    store.is_open.clear()
    submission = await fetching.submit(model, records(*numbered(100), kind=Claimed))
    await turns()
    assert store.most == 32
    store.is_open.set()
    assert names(await finish(submission)) == labels(numbered(100))


async def test_claims_are_held_by_their_size(fetching: Scorer, model: Echo, store: Store) -> None:
    store.is_open.clear()
    claimed = await fetching.submit(model, records(b"x" * 600, kind=Claimed))
    blocked = asyncio.create_task(fetching.submit(model, records(b"y" * 600)))
    await turns()
    assert not blocked.done()
    claimed.cancel()
    await turns()
    assert store.fetching == 0
    assert names(await finish(await blocked)) == ["y" * 600]


async def test_claims_are_refused_without_a_store(scorer: Scorer, model: Echo) -> None:
    outcomes = await finish(await scorer.submit(model, records(b"a", kind=Claimed)))
    assert names(outcomes) == ["claim_refused"]
