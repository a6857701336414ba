"""A batch that fails, or is lost, is searched for the record that is to blame."""

import asyncio
from math import ceil, log2

import pytest

from aimass_stream.errors import LostOutcomeError, Reason
from aimass_stream.runtime.scorer import Scorer
from tests.runtime.in_process_link import SPEC, Clock, Echo, InProcessLink, records
from tests.runtime.scorer.helpers import finish, labels, names, numbered, turns


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
    ordinary = [b"%d" % number for number in range(100, 228)]
    harmed = await scorer.submit(model, records(*numbered(32, _17=b"bad")))
    others = await scorer.submit(model, records(*ordinary))
    await finish(others)
    await finish(harmed)
    assert names(list(harmed.outcomes)) == labels(numbered(32, _17=b"bad"))
    searched = [at for at, batch in enumerate(link.batches) if b"bad" in batch]
    between = link.batches[searched[0] : searched[-1]]
    sent_ahead = 2
    passed = sum(set(batch) <= {*ordinary} for batch in between)
    assert passed > sent_ahead, "the search held others up"


async def test_the_wrong_number_of_answers_is_isolated(scorer: Scorer, model: Echo) -> None:
    outcomes = await finish(await scorer.submit(model, records(*numbered(8, _3=b"one-more"))))
    assert names(outcomes) == ["0", "1", "2", "invalid_output", "4", "5", "6", "7"]


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
