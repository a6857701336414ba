"""A worker keeps nothing of what it has answered."""

from pathlib import Path

import pytest

from tests.delivery.harness import assert_nothing_lost, running, send

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

RECORDS = 6_400
"""A fetch of this app has 64 at the most, so that these are 100 chunks or more."""
MOST_CHUNKS = 30
"""Each of four partitions may hold what it did last, in a few forms."""


async def test_answered_records_are_freed_although_nothing_looks_for_garbage(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    app, source = "tests.delivery.counting_app", f"{topic_name}.source"
    async with running(topic_name, broker_url, worker_env, tmp_path, app) as harness:
        await send(broker_url, source, [b"v%d" % number for number in range(RECORDS)])
        worker = harness.start_worker()
        await harness.until_settled(RECORDS)
        known = set(harness.account.answers)
        await send(broker_url, source, [b"last"])
        await harness.until_settled(RECORDS + 1)
        assert await harness.stop(worker) == 0
        assert_nothing_lost(harness, RECORDS + 1)
        (last,) = set(harness.account.answers) - known
        assert int(harness.account.answers[last]) <= MOST_CHUNKS
