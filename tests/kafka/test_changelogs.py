"""Changelogs against their notes: every way to lose records is seen, and growth is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from faust.types.tuples import TP

from aimass_stream.errors import LostStateError
from aimass_stream.kafka.changelogs import Changelog, Changelogs
from aimass_stream.kafka.notes import Notes, plan_state
from aimass_stream.kafka.outgoing import Outgoing
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.topics import TopicPlan, create_topics

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]

COMPACTED = {"cleanup.policy": "compact"}


class Broker:
    """The broker, and an app's view of its changelog `<name>.log`."""

    def __init__(self, name: str, client: dict[str, list[str]]) -> None:
        self.name = name
        self.topic = f"{name}.log"
        self.client = client
        self.admin = AIOKafkaAdminClient(**client)
        self.producer = AIOKafkaProducer(**client)

    async def create(self, config: dict[str, str] | None = None) -> None:
        await create_topics(self.client, [TopicPlan(self.topic, 2, config or COMPACTED)], 1)

    async def write(self, count: int) -> None:
        for number in range(count):
            await self.producer.send_and_wait(self.topic, b"v", key=b"%d" % number, partition=0)

    async def deliver(self, outgoing: Outgoing) -> None:
        for (topic, partition), messages in outgoing.items():
            assert isinstance(messages, list)
            for _, key, value, _ in messages:
                await self.producer.send_and_wait(topic, value, key=key, partition=partition)

    @asynccontextmanager
    async def owner(self, *accepted: str) -> AsyncIterator[Changelogs]:
        notes = Notes(self.name, lambda: self.client, self.deliver)
        changelogs = Changelogs(notes, lambda: self.client, accepted)
        try:
            yield changelogs
        finally:
            await changelogs.close()
            await notes.close()

    async def note(self) -> None:
        async with self.owner() as changelogs:
            await changelogs.note([TP(self.topic, 0), TP(self.topic, 1)])

    async def verify(self, *accepted: str, forgets: bool = False) -> str:
        """What an owner that comes next says; empty when it is content."""
        async with self.owner(*accepted) as changelogs:
            try:
                await changelogs.verify([Changelog("counts", self.topic, forgets)])
            except LostStateError as error:
                return str(error)
        return ""


@pytest.fixture
async def broker(broker_url: str, topic_name: str) -> AsyncIterator[Broker]:
    client = {"bootstrap_servers": bootstrap_servers(broker_url)}
    await create_topics(client, [plan_state(topic_name)], 1)
    broker = Broker(topic_name, client)
    await broker.admin.start()
    await broker.producer.start()
    yield broker
    await broker.producer.stop()
    await broker.admin.close()


async def test_what_is_new_or_has_grown_is_no_loss(broker: Broker) -> None:
    assert await broker.verify() == ""
    await broker.create()
    assert await broker.verify() == ""
    await broker.note()
    await broker.write(5)
    await broker.note()
    await broker.write(5)
    assert await broker.verify() == ""


async def test_a_deleted_one_is_a_loss_that_can_be_accepted_once(broker: Broker) -> None:
    await broker.create()
    await broker.write(5)
    await broker.note()
    await broker.admin.delete_topics([broker.topic])
    refusal = await broker.verify()
    assert "partition 0 had offsets 0 to 5 and is not there" in refusal
    assert "partition 1" not in refusal
    # One that was made anew is the same loss, for as long as it is shorter.
    await broker.create()
    await broker.write(3)
    refusal = await broker.verify()
    assert "partition 0 had offsets 0 to 5 and has 0 to 3" in refusal
    name = refusal.partition("AIMASS_ACCEPT_LOSS='[\"")[2].partition('"')[0]
    assert await broker.verify("counts-00000000") == refusal
    assert await broker.verify(name) == ""
    assert await broker.verify() == ""
    await broker.admin.delete_topics([broker.topic])
    assert "is not there" in await broker.verify(name)


async def test_one_that_lost_its_beginning_is_a_loss_unless_it_is_to_forget(
    broker: Broker,
) -> None:
    await broker.create({"cleanup.policy": "compact,delete"})
    await broker.write(5)
    await broker.note()
    everything = {TopicPartition(broker.topic, 0): RecordsToDelete(-1)}
    await broker.admin.delete_records(everything)
    assert await broker.verify(forgets=True) == ""
    assert "cleanup.policy=compact,delete" in await broker.verify()


async def test_one_that_is_not_compacted_is_refused(broker: Broker) -> None:
    await broker.create({"cleanup.policy": "delete"})
    assert f"--entity-name {broker.topic} --add-config cleanup.policy=compact" in (
        await broker.verify()
    )
    assert "cleanup.policy=[compact,delete]" in await broker.verify(forgets=True)


async def test_one_that_goes_while_it_is_in_use_is_noticed(broker: Broker) -> None:
    await broker.create()
    async with broker.owner() as changelogs:
        await changelogs.note([TP(broker.topic, 0)])
        await broker.admin.delete_topics([broker.topic])
        with pytest.raises(LostStateError, match="not there any more"):
            await changelogs.note([TP(broker.topic, 0)])
