"""One outcome a record, in the order given; what is wrong with a record alone costs that one."""

import asyncio

import pytest

from aimass_stream.errors import DeviceError, Reason, RecordError, SetupError
from aimass_stream.records import Limits, Record
from aimass_stream.runtime.scorer import Scorer
from tests.runtime.in_process_link import SPEC, WRONG_ANSWERS, Clock, Echo, InProcessLink, records
from tests.runtime.scorer.helpers import finish, labels, names, numbered, turns


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


@pytest.mark.parametrize("costs_alike", [True, False])
async def test_a_model_that_brings_all_to_one_shape_says_so(
    link: InProcessLink, clock: Clock, *, costs_alike: bool
) -> None:
    link.costs_alike = costs_alike
    scorer = Scorer(link, buffer_bytes=1 << 20, clock=clock)
    model = Echo(max_batch_rows=64)
    await scorer.add(model, SPEC)
    payloads = [b"%d:%d" % (at, 1 if at % 2 else 100) for at in range(64)]
    await finish(await scorer.submit(model, records(*payloads)))
    short_beside_long = [len({one.rpartition(b":")[2] for one in batch}) for batch in link.batches]
    assert (max(short_beside_long) == 2) is costs_alike
    await scorer.close()


@pytest.mark.parametrize("cost", ["0", "-1", "nan", "inf", "1e308", "1e-320", "1e15"])
async def test_odd_costs_harm_nobody(scorer: Scorer, model: Echo, cost: str) -> None:
    for _ in range(3):
        payloads = [*numbered(20), *[b"x:" + cost.encode()] * 20]
        assert names(await finish(await scorer.submit(model, records(*payloads)))) == labels(
            payloads
        )


async def test_a_closed_link_ends_waiting(scorer: Scorer, model: Echo, link: InProcessLink) -> None:
    link.is_open.clear()
    submission = await scorer.submit(model, records(b"a"))
    await turns()
    for call in link.calls:
        call.future.set_exception(DeviceError("the link is closed"))
    with pytest.raises(DeviceError):
        await submission.wait(0)
