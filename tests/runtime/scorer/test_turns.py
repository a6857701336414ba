"""Models that share a device take turns."""

import pytest

from aimass_stream.runtime.scorer import Scorer
from tests.runtime.in_process_link import SPEC, Echo, InProcessLink, records
from tests.runtime.scorer.helpers import finish, numbered

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
