"""What the changelogs of Faust's tables held, so that a lost one is noticed and not read as empty.

Faust fills a table from whatever its changelog topic has. A topic that was truncated, deleted or
made anew gives a table without its keys, and says nothing. So the owner of each partition notes
how far the changelog reached, and whoever comes next compares before anything runs. A note may lag
behind the changelog and never runs ahead of it, so a kill at any moment raises no alarm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest
from faust.types.tuples import TP

from aimass_stream.errors import LostStateError
from aimass_stream.kafka.notes import Extent, Notes
from aimass_stream.kafka.topics import REQUEST_TIMEOUT_MS, unreachable

SHOWN_LOSSES = 8
CONFIRM_S = 1.0
"""A loss is looked at again after this: a broker that has just come up may know too little."""

_PREFIX = "table/"
_POLICY = "cleanup.policy"


@dataclass(frozen=True, slots=True)
class Changelog:
    """The changelog of one table, as declared.

    Attributes:
        forgets: old records are deleted on purpose, as those of windows are.
    """

    table: str
    topic: str
    forgets: bool


@dataclass(frozen=True, slots=True)
class Loss:
    """What a partition held and what it holds; None where it is not there."""

    before: Extent
    now: Extent | None


class Changelogs:
    """The changelogs of one app. Lives on one event loop.

    Args:
        notes: the app's.
        client: the settings of an aiokafka client, asked for when it is made.
        accepted: losses that were accepted, by the names that the refusals gave them.
    """

    def __init__(
        self,
        notes: Notes,
        client: Callable[[], Mapping[str, Any]],
        accepted: Collection[str] = (),
    ) -> None:
        self._notes = notes
        self._client = client
        self._accepted = frozenset(accepted)
        self._lock = asyncio.Lock()
        self._admin: AIOKafkaAdminClient | None = None

    async def verify(self, changelogs: Collection[Changelog]) -> None:
        """Compare every changelog with its notes, all partitions of it.

        Raises:
            LostStateError: one holds less than it did, or is no compacted topic.
            BrokerError: the broker does not answer.
        """
        async with self._lock:
            losses = await self._look(changelogs)
            if any(losses.values()):
                await asyncio.sleep(CONFIRM_S)
                losses = await self._look(changelogs)
            for changelog, lost in losses.items():
                await self._settle(changelog, lost)

    async def note(self, partitions: Collection[TP]) -> None:
        """Note how far these, which are in use, reach; a note is never taken back.

        Raises:
            LostStateError: one is not there.
        """
        async with self._lock:
            admin, held = await self._connect(), await self._held()
            topics = list({tp.topic for tp in partitions})
            found = await _partitions(admin, topics)
            if len(found) < len(topics):
                await asyncio.sleep(CONFIRM_S)
                found = await _partitions(admin, topics)
            for tp in partitions:
                if tp.partition >= found.get(tp.topic, 0):
                    raise LostStateError(
                        f"{tp.topic}/{tp.partition}, the changelog of a table in use, is not "
                        "there any more. What its agents write to the table from now on would be "
                        "forgotten, so the worker ends. Bring the topic back."
                    )
            grown = {}
            for tp, extent in (await self._extents(partitions)).items():
                before = held.get(tp)
                if before is None or extent.end > before.end:
                    grown[tp] = Extent((before or extent).beginning, extent.end)
            await self._write(grown)

    async def close(self) -> None:
        """Hang up."""
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    async def _look(self, changelogs: Collection[Changelog]) -> dict[Changelog, dict[TP, Loss]]:
        admin, held = await self._connect(), await self._held()
        found = await _partitions(admin, [changelog.topic for changelog in changelogs])
        await _check_policies(admin, [each for each in changelogs if each.topic in found])
        extents = await self._extents(tp for tp in held if tp.partition < found.get(tp.topic, 0))
        return {each: _losses(each, held, extents) for each in changelogs}

    async def _settle(self, changelog: Changelog, losses: Mapping[TP, Loss]) -> None:
        """Refuse a loss, or go on from what is left where it was accepted."""
        if not losses:
            return
        name = _name_of(changelog, losses)
        if name not in self._accepted:
            raise LostStateError(_describe(changelog, losses, name))
        await self._write({tp: loss.now or Extent(0, 0) for tp, loss in losses.items()})

    async def _held(self) -> dict[TP, Extent]:
        return {
            tp: extent
            for name, extent in (await self._notes.read()).items()
            if (tp := _partition_of(name)) is not None
        }

    async def _write(self, extents: Mapping[TP, Extent]) -> None:
        await self._notes.write(
            {f"{_PREFIX}{tp.topic}/{tp.partition}": extent for tp, extent in extents.items()}
        )

    async def _extents(self, partitions: Iterable[TP]) -> dict[TP, Extent]:
        found = await self._notes.extents([TopicPartition(*tp) for tp in partitions])
        return {TP(tp.topic, tp.partition): extent for tp, extent in found.items()}

    async def _connect(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            client = self._client()
            admin = AIOKafkaAdminClient(**client, request_timeout_ms=REQUEST_TIMEOUT_MS)
            try:
                await admin.start()
            except KafkaConnectionError as error:
                await admin.close()
                raise unreachable(client) from error
            self._admin = admin
        return self._admin


def _partition_of(name: str) -> TP | None:
    """The partition that a note is about; None where it is not about a changelog."""
    if not name.startswith(_PREFIX):
        return None
    topic, _, partition = name.removeprefix(_PREFIX).rpartition("/")
    return TP(topic, int(partition))


def _losses(
    changelog: Changelog, held: Mapping[TP, Extent], extents: Mapping[TP, Extent]
) -> dict[TP, Loss]:
    """The partitions that hold less than they did."""
    losses = {}
    for tp, before in held.items():
        if tp.topic != changelog.topic or before.end == before.beginning:
            continue
        now = extents.get(tp)
        cut = now is not None and now.beginning > before.beginning and not changelog.forgets
        if now is None or now.end < before.end or cut:
            losses[tp] = Loss(before, now)
    return losses


def _name_of(changelog: Changelog, losses: Mapping[TP, Loss]) -> str:
    """A name of this loss and no other, the same for every worker that sees it."""
    told = "".join(f"{tp.partition}:{losses[tp].before};" for tp in sorted(losses))
    return f"{changelog.table}-{sha256(told.encode()).hexdigest()[:8]}"


def _describe(changelog: Changelog, losses: Mapping[TP, Loss], name: str) -> str:
    lines = [
        f"  partition {tp.partition} had offsets {loss.before.beginning} to {loss.before.end} and "
        + ("is not there" if loss.now is None else f"has {loss.now.beginning} to {loss.now.end}")
        for tp, loss in sorted(losses.items())[:SHOWN_LOSSES]
    ]
    if len(losses) > len(lines):
        lines.append(f"  and {len(losses) - len(lines)} more")
    listed = "\n".join(lines)
    return (
        f"Table {changelog.table} has lost records of its changelog, topic {changelog.topic} "
        f"(truncated, deleted or created anew):\n{listed}\n"
        "It would come up without keys it had, so the worker does not go on. Bring the topic "
        "back with its offsets; or accept the loss and begin with what is left: "
        f"AIMASS_ACCEPT_LOSS='[\"{name}\"]' aimass worker"
    )


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
