"""The scorer: one outcome a record, whatever happens to batches, buffers and submissions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from math import ceil, log2
from typing import Any

import pytest

from aimass_stream.errors import DeviceError, LostOutcomeError, Reason, RecordError, SetupError
from aimass_stream.records import Claim, Limits, Prediction, Record
from aimass_stream.runtime.scorer import Scorer, Submission
from tests.runtime.in_process_link import SPEC, WRONG_ANSWERS, Clock, Echo, InProcessLink, records

Outcome = Prediction | RecordError | None
Submit = Callable[..., Awaitable[Submission[Prediction]]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def link(clock: Clock) -> InProcessLink:
    return InProcessLink(clock)


@pytest.fixture
def model() -> Echo:
    return Echo(latency_ms=50, max_batch_rows=64)


@pytest.fixture
async def scorer(link: InProcessLink, clock: Clock, model: Echo) -> AsyncIterator[Scorer]:
    scorer = Scorer(link, buffer_bytes=1 << 20, clock=clock)
    await scorer.add(model, SPEC)
    yield scorer
    await scorer.close()


async def finish(submission: Submission[Prediction]) -> list[Any]:
    """Wait for every row, as an agent does: run by run."""
    row = 0
    while row < len(submission.outcomes):
        end = await submission.wait(row)
        assert end > row
        assert None not in submission.outcomes[row:end]
        row = end
    return list(submission.outcomes)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def names(outcomes: list[Any]) -> list[str]:
    return [
        str(outcome.reason) if isinstance(outcome, RecordError) else outcome.label
        for outcome in outcomes
    ]


def numbered(count: int, **others: bytes) -> list[bytes]:
    """Payloads `0`, `1`, ... with others in the place of some: `_7=b"bad"`."""
    return [others.get(f"_{at}", b"%d" % at) for at in range(count)]


def labels(payloads: list[bytes], reason: Reason = Reason.MODEL_ERROR) -> list[str]:
    harmful = {b"bad", b"crash", b"huge"}
    return [str(reason) if payload in harmful else payload.decode() for payload in payloads]


# -- answers ---------------------------------------------------------------------------------


async def test_outcomes_are_in_the_order_given(scorer: Scorer, model: Echo) -> None:
    payloads = [b"%d:%d" % (at, 1 + 37 * at % 50) for at in range(300)]
    submission = await scorer.submit(model, records(*payloads))
    assert names(await finish(submission)) == labels(payloads)


async def test_nothing_to_score(scorer: Scorer, model: Echo) -> None:
    assert (await scorer.submit(model, [])).outcomes == []


async def test_wait_returns_the_end_of_what_is_known(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    submission = await scorer.submit(model, records(*numbered(24)))
    assert await submission.wait(0) == 8, "rows of the first batch"
    assert await submission.wait(0) == 8
    assert await submission.wait(23) == 24


async def test_at_most_two_batches_are_in_flight(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    await finish(await scorer.submit(model, records(*numbered(500))))
    assert max(link.beside) == 2


async def test_records_of_several_submissions_share_batches(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    await finish(await scorer.submit(model, records(*numbered(100))))
    link.is_open.clear()
    submissions = [await scorer.submit(model, records(b"%d" % at)) for at in range(20)]
    first_batch = len(link.batches)
    link.is_open.set()
    for submission in submissions:
        await finish(submission)
    assert len(link.batches) - first_batch <= 2


async def test_lag_makes_batches_larger(scorer: Scorer, link: InProcessLink) -> None:
    model = Echo(latency_ms=30, max_batch_rows=64)
    await scorer.add(model, SPEC)
    link.fixed_ms, link.ms_per_row = 10.0, 0.5
    await finish(await scorer.submit(model, records(*numbered(500)), lag=10**6))
    flooded = max(map(len, link.batches))
    link.clock.now += 60
    link.batches.clear()
    for _ in range(10):
        await finish(await scorer.submit(model, records(*numbered(50)), lag=0))
    quiet = max(map(len, link.batches))
    assert flooded == model.max_batch_rows
    assert quiet <= 41, "30 ms hold the fixed 10 and 40 rows"


async def test_a_model_that_was_not_added_is_refused(scorer: Scorer) -> None:
    with pytest.raises(SetupError, match="Echo was not added"):
        await scorer.submit(Echo(), records(b"a"))


async def test_a_model_that_cannot_be_loaded_is_refused(scorer: Scorer) -> None:
    with pytest.raises(SetupError):
        await scorer.add(Echo(), type(SPEC)("echo", "refused", Echo.adapter, ""))


async def test_a_model_is_loaded_once(scorer: Scorer, model: Echo, link: InProcessLink) -> None:
    await asyncio.gather(scorer.add(model, SPEC), scorer.add(model, SPEC))
    assert link.specs == [SPEC]


# -- records that are at fault themselves ----------------------------------------------------


class Picky(Record):
    def check(self, limits: Limits) -> None:
        if self.value == b"empty":
            raise RecordError(Reason.EMPTY, "told to be empty")
        if self.value == b"choke":
            raise KeyError("envelope")


async def test_a_bad_envelope_costs_itself_and_is_not_sent(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    payloads = (b"a", b"empty", b"choke", b"costly", b"b")
    submission = await scorer.submit(model, records(*payloads, kind=Picky))
    assert names(await finish(submission)) == ["a", "empty", "bad_envelope", "bad_envelope", "b"]
    assert sorted(link.sent) == [b"a", b"b"]


@pytest.mark.parametrize("wrong", WRONG_ANSWERS)
async def test_a_wrong_answer_costs_its_own_record(
    scorer: Scorer, model: Echo, link: InProcessLink, wrong: bytes
) -> None:
    outcomes = await finish(await scorer.submit(model, records(b"a", wrong, b"b", b"refused")))
    expected = ["a", "empty-answer" if wrong == b"empty-answer" else "invalid_output", "b"]
    assert names(outcomes) == [*expected, "undecodable"]
    assert len(link.batches) == 1


async def test_numbers_that_only_look_like_nan_are_answers(scorer: Scorer, model: Echo) -> None:
    text = "\u02ff\u02ff"
    outcomes = await finish(await scorer.submit(model, records(text.encode(), b"\xc3\xbf")))
    assert names(outcomes) == [text, "\xff"]


@pytest.mark.parametrize("cost", ["0", "-1", "nan", "inf", "1e308", "1e-320", "1e15"])
async def test_odd_costs_harm_nobody(scorer: Scorer, model: Echo, cost: str) -> None:
    for _ in range(3):
        payloads = [*numbered(20), *[b"x:" + cost.encode()] * 20]
        assert names(await finish(await scorer.submit(model, records(*payloads)))) == labels(
            payloads
        )


@pytest.mark.parametrize("rows", [1, 2, 7, 8])
async def test_one_culprit_costs_itself(
    scorer: Scorer, model: Echo, link: InProcessLink, rows: int
) -> None:
    for culprit in range(rows):
        link.batches.clear()
        payloads = numbered(rows, **{f"_{culprit}": b"bad"})
        outcomes = await finish(await scorer.submit(model, records(*payloads)))
        assert names(outcomes) == labels(payloads)
        assert outcomes[culprit].trace == "trace"
        put_back_rides = 1
        assert len(link.batches) <= 1 + ceil(log2(rows)) + 1 + put_back_rides


async def test_all_bad(scorer: Scorer, model: Echo) -> None:
    outcomes = await finish(await scorer.submit(model, records(*[b"bad"] * 40)))
    assert names(outcomes) == ["model_error"] * 40


async def test_other_batches_go_on_while_one_is_isolated(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    await finish(await scorer.submit(model, records(*numbered(500))))
    link.batches.clear()
    harmed = await scorer.submit(model, records(*numbered(32, _17=b"bad")))
    others = [await scorer.submit(model, records(*numbered(32))) for _ in range(4)]
    waiting = asyncio.create_task(harmed.wait(17))
    for other in others:
        await finish(other)
    assert not waiting.done(), "ordinary batches were answered before the search was over"
    await finish(harmed)
    assert names(list(harmed.outcomes)) == labels(numbered(32, _17=b"bad"))
    await waiting


async def test_the_wrong_number_of_answers_is_isolated(scorer: Scorer, model: Echo) -> None:
    outcomes = await finish(await scorer.submit(model, records(*numbered(8, _3=b"one-more"))))
    assert names(outcomes) == ["0", "1", "2", "invalid_output", "4", "5", "6", "7"]


# -- batches that are lost -------------------------------------------------------------------


@pytest.mark.parametrize("culprit", [0, 1, 7, 8, 9, 15, 16, 39])
async def test_a_crash_is_blamed_on_the_culprit_alone(
    scorer: Scorer, model: Echo, link: InProcessLink, culprit: int
) -> None:
    payloads = numbered(40, **{f"_{culprit}": b"crash"})
    outcomes = await finish(await scorer.submit(model, records(*payloads)))
    assert names(outcomes) == labels(payloads, Reason.MODEL_CRASH)
    assert link.deaths <= 2 + ceil(log2(64)) + 1


async def test_an_innocent_record_beside_a_crash_is_not_blamed(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.is_open.clear()
    guilty = await scorer.submit(model, records(b"crash"))
    await turns()
    innocent = await scorer.submit(model, records(b"a"))
    await turns()
    assert link.batches == [[b"crash"], [b"a"]]
    link.is_open.set()
    assert names(await finish(innocent)) == ["a"]
    assert names(await finish(guilty)) == ["model_crash"]


async def test_blame_for_a_crash_needs_a_call_apart_from_all_others(
    scorer: Scorer, model: Echo, link: InProcessLink, clock: Clock
) -> None:
    other_model = Echo()
    await scorer.add(other_model, type(SPEC)("other", "1", Echo.adapter, ""))
    submissions = []
    for _ in range(5):
        submissions.append(await scorer.submit(model, records(*numbered(9, _4=b"crash"))))
        submissions.append(await scorer.submit(other_model, records(*numbered(9, _5=b"bad"))))
    for at, submission in enumerate(submissions):
        expected = numbered(9, _5=b"bad") if at % 2 else numbered(9, _4=b"crash")
        reason = Reason.MODEL_ERROR if at % 2 else Reason.MODEL_CRASH
        assert names(await finish(submission)) == labels(expected, reason)
    fatal = [
        beside
        for beside, batch in zip(link.beside, link.batches, strict=True)
        if batch == [b"crash"]
    ]
    assert set(fatal) == {1}


async def test_whoever_lost_a_batch_without_blame_is_served_before_the_suspect(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    other_model = Echo()
    await scorer.add(other_model, type(SPEC)("other", "1", Echo.adapter, ""))
    link.is_open.clear()
    guilty = await scorer.submit(model, records(b"hang"))
    await turns()
    innocent = await scorer.submit(other_model, records(b"a"))
    await turns()
    link.is_open.set()
    assert names(await finish(innocent)) == ["a"]
    assert names(await finish(guilty)) == ["model_timeout"]
    assert link.sent == [b"hang", b"a", b"a", b"hang"]


async def test_what_others_have_waiting_is_served_before_the_suspect(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    other_model = Echo()
    await scorer.add(other_model, type(SPEC)("other", "1", Echo.adapter, ""))
    link.is_open.clear()
    guilty = await scorer.submit(model, records(b"hang"))
    await turns()
    innocent = []
    for name in (b"a", b"b", b"c"):
        innocent.append(await scorer.submit(other_model, records(name)))
        await turns()
    assert link.sent == [b"hang", b"a", b"b"]
    link.is_open.set()
    assert [names(await finish(each)) for each in innocent] == [["a"], ["b"], ["c"]]
    assert names(await finish(guilty)) == ["model_timeout"]
    assert link.sent == [b"hang", b"a", b"b", b"a", b"b", b"c", b"hang"]


async def test_a_suspect_does_not_wait_for_who_gave_up_or_searches_too(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    other_model = Echo()
    await scorer.add(other_model, type(SPEC)("other", "1", Echo.adapter, ""))
    link.is_open.clear()
    submissions = []
    for name in (b"hang", b"hang", b"hang"):
        submissions += [await scorer.submit(each, records(name)) for each in (model, other_model)]
        await turns()
    gone = await scorer.submit(other_model, records(b"a"))
    link.is_open.set()
    await turns()
    gone.cancel()
    reasons = [names(await finish(each)) for each in submissions]
    assert reasons == [["model_timeout"]] * 6


async def test_a_suspect_is_not_sent_to_a_process_that_loads(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    guilty = await scorer.submit(model, records(b"hang"))
    await turns(1)
    assert link.sent == [b"hang"]
    link.loaded.clear()
    await turns()
    assert (link.deaths, link.sent) == (1, [b"hang"])
    link.loaded.set()
    assert names(await finish(guilty)) == ["model_timeout"]
    assert link.sent == [b"hang", b"hang"]


async def test_running_out_of_memory_is_blamed_on_nobody_and_remembered(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.memory_rows = 20
    outcomes = await finish(await scorer.submit(model, records(*numbered(400)), lag=10**6))
    assert names(outcomes) == labels(numbered(400))
    link.batches.clear()
    await finish(await scorer.submit(model, records(*numbered(400)), lag=10**6))
    assert max(map(len, link.batches)) <= 20


async def test_a_record_that_memory_cannot_hold_alone_is_to_blame(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    payloads = numbered(8, _5=b"huge")
    outcomes = await finish(await scorer.submit(model, records(*payloads)))
    assert names(outcomes) == labels(payloads)


async def test_outcomes_that_cannot_be_established_are_raised(scorer: Scorer, model: Echo) -> None:
    submission = await scorer.submit(model, records(b"a", b"bug"))
    waiting = [asyncio.create_task(submission.wait(row)) for row in (0, 1)]
    for task in waiting:
        with pytest.raises(LostOutcomeError):
            await task
    with pytest.raises(LostOutcomeError):
        await scorer.submit(model, records(b"b"))


# -- back-pressure ---------------------------------------------------------------------------


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


# -- claim checks ----------------------------------------------------------------------------


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


async def test_a_closed_link_ends_waiting(scorer: Scorer, model: Echo, link: InProcessLink) -> None:
    link.is_open.clear()
    submission = await scorer.submit(model, records(b"a"))
    await turns()
    for call in link.calls:
        call.future.set_exception(DeviceError("the link is closed"))
    with pytest.raises(DeviceError):
        await submission.wait(0)


# -- several models on a device --------------------------------------------------------------

SLOW = type(SPEC)("slow", "1", Echo.adapter, "")


@pytest.fixture
async def slow(scorer: Scorer, link: InProcessLink) -> Echo:
    model = Echo(latency_ms=50, max_batch_rows=8)
    link.ms_per_row_of[SLOW.id] = 40.0
    await scorer.add(model, SLOW)
    return model


def given(link: InProcessLink, model_id: str, until: int) -> float:
    """Milliseconds of the device that a model had in the first `until` batches."""
    return sum(ms for name, ms in link.served[:until] if name == model_id)


async def test_models_that_wait_divide_the_device_alike(
    scorer: Scorer, model: Echo, slow: Echo, link: InProcessLink
) -> None:
    submissions = [
        await scorer.submit(model, records(*numbered(800)), lag=0),
        await scorer.submit(slow, records(*numbered(400)), lag=0),
    ]
    for submission in submissions:
        await finish(submission)
    last = max(at for at, (name, _) in enumerate(link.served) if name == SPEC.id)
    batch_ms = 8 * link.ms_per_row_of[SLOW.id]
    assert given(link, SPEC.id, last) == pytest.approx(800, abs=70)
    # One batch is on its way, and one may be ahead.
    assert given(link, SLOW.id, last) == pytest.approx(800, abs=3 * batch_ms)


async def test_a_model_that_had_nothing_to_do_saves_nothing_up(
    scorer: Scorer, model: Echo, slow: Echo, link: InProcessLink
) -> None:
    await finish(await scorer.submit(slow, records(*numbered(200))))
    begun = len(link.served)
    late = await scorer.submit(model, records(*numbered(2000)))
    busy = await scorer.submit(slow, records(*numbered(100)))
    await finish(late)
    assert given(link, SLOW.id, len(link.served)) - given(link, SLOW.id, begun) > 1000
    await finish(busy)


async def test_one_record_need_not_wait_for_a_backlog_of_another_model(
    scorer: Scorer, model: Echo, slow: Echo, link: InProcessLink
) -> None:
    backlog = await scorer.submit(slow, records(*numbered(200)))
    await backlog.wait(20)
    begun = len(link.served)
    await finish(await scorer.submit(model, records(b"urgent")))
    # Two were sent before it came.
    assert given(link, SLOW.id, len(link.served)) - given(link, SLOW.id, begun) <= 3 * 320
    await finish(backlog)
