"""A bandit from topic to topic: what it chose is what its log says, whoever was killed."""

from __future__ import annotations

import signal
from pathlib import Path

import orjson
import pytest

from aimass_stream.verify.oracle import Watched
from tests.delivery.harness import running_app, send
from tests.learning.learners import slots
from tests.learning.test_learning import kill_learner_process
from tests.learning.uninterrupted import answers_on, learn_all, read_all

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

PAGES = 80


async def test_choices_are_those_of_a_run_without_a_kill(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    name, log = topic_name, f"{topic_name}.slots.log"
    topics = {f"{name}.pages": 2, f"{name}.rewards": 2, f"{name}.slots": 1, log: 1}
    watched = [
        Watched(f"slots.{name}.pages", f"{name}.pages", log),
        Watched(f"slots.{name}.rewards", f"{name}.rewards", log),
        Watched("choose", log, f"{name}.slots"),
    ]
    pages = [orjson.dumps({"x": i / PAGES}) for i in range(PAGES)]
    async with running_app(
        "tests.learning.bandit_app", name, broker_url, worker_env, tmp_path, topics, watched
    ) as harness:
        arrived = harness.oracle.accounts["choose"].arrived_ms
        worker = harness.start_worker()
        await send(broker_url, f"{name}.pages", pages)
        await harness.until(lambda: len(arrived) >= PAGES and harness.oracle.settled())
        places = [
            f"{chunk.topic}/{chunk.partition}/{offset}"
            for chunks in (await read_all(broker_url, f"{name}.pages")).values()
            for chunk in chunks
            for offset in chunk.offsets
        ]
        kill_learner_process(worker.pid)
        rewards = [orjson.dumps({"record": place, "reward": 1}) for place in places]
        await send(broker_url, f"{name}.rewards", rewards)
        await send(broker_url, f"{name}.pages", pages)
        await harness.until(lambda: len(arrived) >= 3 * PAGES and harness.oracle.settled())
        assert await harness.stop(worker, signal.SIGTERM) == 0
        assert all(account.lost() == [] for account in harness.oracle.accounts.values())
        said = await answers_on(broker_url, f"{name}.slots")
        (chunks,) = (await read_all(broker_url, log)).values()
        whole = learn_all(slots, f"{log}/0", chunks)
        assert (said, whole.counts["learnt"]) == (whole.answers, PAGES)
    assert len(said) == 2 * PAGES
