"""Notes of what learners knew can be taken back, and of nothing else."""

from __future__ import annotations

import pytest

from aimass_stream.kafka.notes import LEARNER, NEVER, Extent, Notes, plan_state
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import create_topics

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]


async def test_learners_are_forgotten_and_changelogs_are_not(
    broker_url: str, topic_name: str
) -> None:
    client = {"bootstrap_servers": bootstrap_servers(broker_url)}
    await create_topics(client, [plan_state(topic_name)], 1)
    async with Sender(broker_url) as sender:
        notes = Notes(topic_name, lambda: client, sender.deliver)
        try:
            learner, changelog = f"{LEARNER}head@1/recall/log/0", "changelog/0"
            await notes.write({learner: Extent(3, 9), changelog: Extent(0, 5)})
            await notes.forget_learners()
            assert await notes.read() == {learner: NEVER, changelog: Extent(0, 5)}
        finally:
            await notes.close()
