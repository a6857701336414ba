"""The circuit: when it opens and closes, and whom it spares; alone, and in a scorer's lane."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Prediction
from aimass_stream.runtime.batch import BatchFailed
from aimass_stream.runtime.circuit import LOSS_WEIGHT, MAX_PROBE_S, REST_SHARE, Circuit
from aimass_stream.runtime.scorer import Scorer
from aimass_stream.runtime.submission import Submission
from tests.runtime.in_process_link import (
    SPEC,
    WRONG_ANSWERS,
    Clock,
    Echo,
    InProcessLink,
    records,
)

LIMIT = 10


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(LIMIT, clock)


def fail(circuit: Circuit, times: int, reason: Reason = Reason.MODEL_ERROR) -> list[bool]:
    return [circuit.blame(reason, "told to raise") for _ in range(times)]


def test_the_failure_that_opens_it_is_the_last_to_be_blamed(circuit: Circuit) -> None:
    assert all(fail(circuit, LIMIT - 1))
    assert not circuit.is_open
    assert fail(circuit, 3) == [True, False, False]
    assert circuit.since_s == 100.0
    assert circuit.last_failure == "model_error: told to raise"


def test_one_answer_between_keeps_it_closed(circuit: Circuit) -> None:
    for _ in range(5):
        fail(circuit, LIMIT - 1)
        circuit.note_answers(1)
    assert not circuit.is_open


@pytest.mark.parametrize("reason", [Reason.MODEL_CRASH, Reason.MODEL_TIMEOUT])
def test_what_costs_the_process_weighs_more(circuit: Circuit, reason: Reason) -> None:
    fail(circuit, LIMIT // LOSS_WEIGHT, reason)
    assert circuit.is_open
    assert circuit.costs_process


def test_an_answer_closes_it_and_progress_is_paid_for_the_next_opening(circuit: Circuit) -> None:
    fail(circuit, LIMIT)
    circuit.note_answers(1)
    assert not circuit.is_open
    assert fail(circuit, LIMIT) == [True] * LIMIT, "or the same records could be held for ever"
    assert circuit.is_open


def test_pauses_grow_and_stay_long_for_a_model_that_only_seems_to_work(circuit: Circuit) -> None:
    fail(circuit, LIMIT)
    assert [circuit.next_pause_s(0) for _ in range(7)] == [0.5, 1, 2, 4, 8, MAX_PROBE_S, 10]
    circuit.note_answers(1)
    fail(circuit, LIMIT)
    assert circuit.next_pause_s(0) == MAX_PROBE_S
    circuit.note_answers(LIMIT)
    fail(circuit, LIMIT)
    assert circuit.next_pause_s(0) == 0.5


def test_probes_that_take_long_are_rare(circuit: Circuit) -> None:
    assert circuit.next_pause_s(probe_s=30) == REST_SHARE * 30


def test_probes_reach_every_record(circuit: Circuit) -> None:
    assert {int(circuit.next_place() * 20) for _ in range(60)} == set(range(20))


# -- in a lane -------------------------------------------------------------------------------


@pytest.fixture
async def link(clock: Clock) -> InProcessLink:
    return InProcessLink(clock)


@pytest.fixture
def model() -> Echo:
    return Echo(latency_ms=50, max_batch_rows=64, circuit_failures=LIMIT)


@pytest.fixture
async def scorer(link: InProcessLink, clock: Clock, model: Echo) -> AsyncIterator[Scorer]:
    scorer = Scorer(link, buffer_bytes=1 << 20, clock=clock)
    await scorer.add(model, SPEC)
    yield scorer
    await scorer.close()


def blamed(*submissions: Submission[Prediction]) -> int:
    outcomes = [outcome for each in submissions for outcome in each.outcomes]
    return sum(isinstance(outcome, RecordError) for outcome in outcomes)


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(5_000):
        if reached():
            return
        await asyncio.sleep(0.001)
    pytest.fail("not reached")


async def until_open(scorer: Scorer) -> str:
    await until(lambda: bool(scorer.troubles))
    return scorer.troubles[0]


async def finish(submission: Submission[Prediction]) -> list[Any]:
    async with asyncio.timeout(10):
        row = 0
        while row < len(submission.outcomes):
            row = await submission.wait(row)
    return list(submission.outcomes)


BROKEN = {
    "raises": BatchFailed(Reason.MODEL_ERROR, "told to raise"),
    "crashes": BatchFailed(Reason.MODEL_CRASH, "the process died"),
    "answers NaN": WRONG_ANSWERS[b"nan"],
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_broken_model_costs_no_more_records_than_the_limit(
    scorer: Scorer, model: Echo, link: InProcessLink, broken: BatchFailed | bytes
) -> None:
    link.broken = broken
    submissions = [
        await scorer.submit(model, records(*(b"%d" % at for at in range(150)))) for _ in range(2)
    ]
    assert "echo@1 has answered nothing" in await until_open(scorer)
    expected = 1 if broken is BROKEN["crashes"] else LIMIT
    assert blamed(*submissions) == expected
    sent = len(link.batches)
    submissions.append(await scorer.submit(model, records(*[b"x"] * 50)))
    await until(lambda: len(link.batches) > sent)
    assert len(link.batches[sent]) == 1, "a probe is one record"
    assert blamed(*submissions) == expected, "and a probe blames nobody"
    link.broken = None
    outcomes = [await finish(submission) for submission in submissions]
    assert not scorer.troubles
    assert blamed(*submissions) == expected
    assert sum(map(len, outcomes)) == 350


async def test_a_model_that_cannot_be_loaded_again_is_waited_for(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.unloadable = True
    submission = await scorer.submit(model, records(*[b"x"] * 100))
    assert "cannot be loaded" in await until_open(scorer)
    assert blamed(submission) == 0
    link.unloadable = False
    await finish(submission)
    assert blamed(submission) == 0


async def test_a_run_of_bad_records_does_not_keep_it_open(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    bad, good = records(*[b"bad"] * 25), records(*[b"good"] * 75)
    submission = await scorer.submit(model, [*bad, *good])
    await finish(submission)
    assert blamed(submission) == 25


async def test_other_models_go_on(scorer: Scorer, model: Echo, link: InProcessLink) -> None:
    other = Echo(latency_ms=50)
    await scorer.add(other, type(SPEC)("other", "1", Echo.adapter, ""))
    link.broken = BatchFailed(Reason.MODEL_ERROR, "told to raise")
    held = await scorer.submit(model, records(*[b"x" * 4000] * 250))
    await until_open(scorer)
    blocked = asyncio.create_task(scorer.submit(model, records(*[b"x" * 4000] * 250)))
    link.broken = None
    # The room of the broken model is full; that of the other is not.
    assert blamed(await submit_and_finish(scorer, other)) == 0
    await finish(held)
    await finish(await blocked)


async def submit_and_finish(scorer: Scorer, model: Echo) -> Submission[Prediction]:
    submission = await scorer.submit(model, records(*[b"y" * 4000] * 100))
    await finish(submission)
    return submission


async def test_who_leaves_while_it_is_open_leaves_nothing_behind(
    scorer: Scorer, model: Echo, link: InProcessLink
) -> None:
    link.broken = BatchFailed(Reason.MODEL_ERROR, "told to raise")
    departed = await scorer.submit(model, records(*[b"x"] * 100))
    await until_open(scorer)
    departed.cancel()
    link.broken = None
    sent = len(link.batches)
    await finish(await scorer.submit(model, records(b"y", b"y")))
    assert {payload for batch in link.batches[sent:] for payload in batch} == {b"y"}
