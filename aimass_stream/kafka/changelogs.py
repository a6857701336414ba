"""What the changelogs of Faust's tables held, so that a lost one is noticed and not read as empty.

Faust fills a table from whatever its changelog topic has. A topic that was truncated, deleted or
made anew gives a table without its keys, and says nothing. So the owner of each partition notes
on `<app>.changelogs`, a compacted topic of one partition, how far the changelog reached. Whoever
comes next compares before anything runs. A note may lag behind the changelog and never runs ahead
of it, so a kill at any moment raises no alarm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest
from faust.types.tuples import TP

from aimass_stream.errors import LostStateError
from aimass_stream.kafka.producer import Message, Outgoing
from aimass_stream.kafka.topics import REQUEST_TIMEOUT_MS, TopicPlan, topic_config, unreachable

READ_MS = 1_000
FETCH_MS = 50
SHOWN_LOSSES = 8

_POLICY = "cleanup.policy"
# Small segments, because what a worker reads at its start is what the cleaner has left.
_CONFIG = {
    **topic_config(compacted=True),
    "segment.bytes": str(1 << 20),
    "min.cleanable.dirty.ratio": "0.1",
}


def changelogs_topic(app_id: str) -> str:
    """Where an app notes what the changelogs of its tables held."""
    return f"{app_id}.changelogs"


def plan_changelogs(app_id: str) -> TopicPlan:
    """The topic of the notes."""
    return TopicPlan(changelogs_topic(app_id), 1, _CONFIG)


class Extent(msgspec.Struct, frozen=True):
    """What a partition of a changelog holds.

    Attributes:
        beginning: offset of its first record.
        end: offset after its last record.
    """

    beginning: int
    end: int


@dataclass(frozen=True, slots=True)
class Changelog:
    """The changelog of one table, as declared.

    Attributes:
        forgets: old records are deleted on purpose, as those of windows are.
    """

    table: str
    topic: str
    forgets: bool


class Changelogs:
    """The notes of one app. Lives on one event loop; nothing is connected before it is used.

    Args:
        app_id: names the topic of the notes, which must exist.
        client: the settings of an aiokafka client.
        deliver: puts messages on the broker.
        accepted: losses that were accepted, by the names that the refusals gave them.
    """

    def __init__(
        self,
        app_id: str,
        client: Mapping[str, Any],
        deliver: Callable[[Outgoing], Awaitable[None]],
        accepted: Collection[str] = (),
    ) -> None:
        self._topic = changelogs_topic(app_id)
        self._client = client
        self._deliver = deliver
        self._accepted = frozenset(accepted)
        self._notes: dict[TP, Extent] = {}
        self._lock = asyncio.Lock()
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        """Nothing to do yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        admin, consumer, self._admin, self._consumer = self._admin, self._consumer, None, None
        if consumer is not None:
            await consumer.stop()
        if admin is not None:
            await admin.close()

    async def verify(self, changelogs: Collection[Changelog]) -> None:
        """Compare every changelog with its notes, all partitions of it.

        Raises:
            LostStateError: one holds less than it did, or is no compacted topic.
            BrokerError: the broker does not answer.
        """
        async with self._lock:
            admin, consumer = await self._connect()
            await self._read_notes(consumer)
            found = await _partitions(admin, [changelog.topic for changelog in changelogs])
            await _check_policies(admin, [c for c in changelogs if c.topic in found])
            wanted = {tp for tp in self._notes if tp.partition < found.get(tp.topic, 0)}
            extents = await _extents(consumer, wanted)
            for changelog in changelogs:
                await self._settle(changelog, self._losses(changelog, extents))

    async def note(self, partitions: Collection[TP]) -> None:
        """Note how far these, which are in use, reach; a note is never taken back.

        Raises:
            LostStateError: one is not there.
        """
        async with self._lock:
            admin, consumer = await self._connect()
            await self._read_notes(consumer)
            found = await _partitions(admin, list({tp.topic for tp in partitions}))
            for tp in partitions:
                if tp.partition >= found.get(tp.topic, 0):
                    raise LostStateError(
                        f"{tp.topic}/{tp.partition}, the changelog of a table in use, is not "
                        "there any more. What its agents write to the table from now on would be "
                        "forgotten, so the worker ends. Bring the topic back."
                    )
            grown = {}
            for tp, extent in (await _extents(consumer, partitions)).items():
                held = self._notes.get(tp, extent)
                if tp not in self._notes or extent.end > held.end:
                    grown[tp] = Extent(held.beginning, extent.end)
            await self._write(grown)

    # -- comparing -----------------------------------------------------------------------

    def _losses(
        self, changelog: Changelog, extents: Mapping[TP, Extent]
    ) -> dict[TP, Extent | None]:
        """The partitions that hold less than they did, and what they hold; None is nothing."""
        lost = {}
        for tp, held in self._notes.items():
            if tp.topic != changelog.topic or held.end == held.beginning:
                continue
            now = extents.get(tp)
            cut = now is not None and now.beginning > held.beginning and not changelog.forgets
            if now is None or now.end < held.end or cut:
                lost[tp] = now
        return lost

    async def _settle(self, changelog: Changelog, lost: Mapping[TP, Extent | None]) -> None:
        """Refuse a loss, or go on from what is left where it was accepted."""
        if not lost:
            return
        name = self._name_loss(changelog, lost)
        if name not in self._accepted:
            raise LostStateError(self._describe(changelog, lost, name))
        await self._write({tp: extent or Extent(0, 0) for tp, extent in lost.items()})

    def _name_loss(self, changelog: Changelog, lost: Iterable[TP]) -> str:
        """A name of this loss and no other, the same for every worker that sees it."""
        told = "".join(f"{tp.partition}:{self._notes[tp]};" for tp in sorted(lost))
        return f"{changelog.table}-{sha256(told.encode()).hexdigest()[:8]}"

    def _describe(self, changelog: Changelog, lost: Mapping[TP, Extent | None], name: str) -> str:
        lines = []
        for tp, now in sorted(lost.items())[:SHOWN_LOSSES]:
            held = self._notes[tp]
            what = "is not there" if now is None else f"has {now.beginning} to {now.end}"
            lines.append(
                f"  partition {tp.partition} had offsets {held.beginning} to {held.end} and {what}"
            )
        more = len(lost) - len(lines)
        if more:
            lines.append(f"  and {more} more")
        listed = "\n".join(lines)
        return (
            f"Table {changelog.table} has lost records of its changelog, topic {changelog.topic} "
            f"(truncated, deleted or created anew):\n{listed}\n"
            "It would come up without keys it had, so the worker does not go on. Bring the topic "
            "back with its offsets; or accept the loss and begin with what is left: "
            f"AIMASS_ACCEPT_LOSS='[\"{name}\"]' aimass worker"
        )

    # -- notes ---------------------------------------------------------------------------

    async def _read_notes(self, consumer: AIOKafkaConsumer) -> None:
        """Read on to the end of the topic; the last note of a partition is the one that holds."""
        tp = TopicPartition(self._topic, 0)
        end = (await consumer.end_offsets([tp]))[tp]
        if await consumer.position(tp) >= end:
            return
        consumer.resume(tp)
        while await consumer.position(tp) < end:
            for record in (await consumer.getmany(tp, timeout_ms=READ_MS)).get(tp, ()):
                topic, _, partition = record.key.decode().rpartition("/")
                self._notes[TP(topic, int(partition))] = msgspec.json.decode(
                    record.value, type=Extent
                )
        consumer.pause(tp)

    async def _write(self, extents: Mapping[TP, Extent]) -> None:
        if not extents:
            return
        now_ms = int(time.time() * 1000)
        messages = [
            Message(now_ms, f"{tp.topic}/{tp.partition}".encode(), msgspec.json.encode(extent), [])
            for tp, extent in extents.items()
        ]
        await self._deliver({(self._topic, 0): messages})
        self._notes.update(extents)

    async def _connect(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._admin is None or self._consumer is None:
            admin = AIOKafkaAdminClient(**self._client, request_timeout_ms=REQUEST_TIMEOUT_MS)
            consumer = AIOKafkaConsumer(
                **self._client, enable_auto_commit=False, fetch_max_wait_ms=FETCH_MS
            )
            try:
                await admin.start()
                await consumer.start()
            except KafkaConnectionError as error:
                await consumer.stop()
                await admin.close()
                raise unreachable(self._client) from error
            consumer.assign([TopicPartition(self._topic, 0)])
            await consumer.seek_to_beginning()
            # A fetch that waits for records would hold up every other request behind it.
            consumer.pause(TopicPartition(self._topic, 0))
            self._admin, self._consumer = admin, consumer
        return self._admin, self._consumer


async def _partitions(admin: AIOKafkaAdminClient, topics: list[str]) -> dict[str, int]:
    """How many partitions each topic has; those that do not exist are left out."""
    # The public call may create what it asks for, as a topic that is not compacted.
    request = MetadataRequest(topics, allow_auto_topic_creation=False)
    response = await admin._send_request(request)  # noqa: SLF001 - as above
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in response.to_object()["topics"]
        if topic["partitions"]
    }


async def _extents(consumer: AIOKafkaConsumer, partitions: Iterable[TP]) -> dict[TP, Extent]:
    asked = {TopicPartition(tp.topic, tp.partition): tp for tp in partitions}
    if not asked:
        return {}
    beginnings = await consumer.beginning_offsets(list(asked))
    ends = await consumer.end_offsets(list(asked))
    return {tp: Extent(beginnings[theirs], ends[theirs]) for theirs, tp in asked.items()}


async def _check_policies(admin: AIOKafkaAdminClient, changelogs: Collection[Changelog]) -> None:
    """See that the broker keeps the last record of every key.

    Raises:
        LostStateError: it deletes records by age.
    """
    if not changelogs:
        return
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, changelog.topic, configs={_POLICY: ""})
        for changelog in changelogs
    ]
    policies = {
        name: dict(entry[:2] for entry in entries).get(_POLICY, "compact")
        for response in await admin.describe_configs(resources)
        for _, _, _, name, entries, *_ in response.resources
    }
    for changelog in changelogs:
        policy = policies.get(changelog.topic, "compact")
        if "compact" not in policy or ("delete" in policy and not changelog.forgets):
            wanted = "[compact,delete]" if changelog.forgets else "compact"
            raise LostStateError(
                f"Topic {changelog.topic}, the changelog of table {changelog.table}, has "
                f"{_POLICY}={policy}: the broker deletes keys that the table still has once they "
                "are old, so the worker does not go on. Type: kafka-configs.sh --alter "
                f"--entity-type topics --entity-name {changelog.topic} "
                f"--add-config {_POLICY}={wanted} --bootstrap-server HOST:PORT"
            )
