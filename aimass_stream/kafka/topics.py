"""Topics on the broker: created by us with the partitions the engine relies on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError, for_code

from aimass_stream.errors import BrokerError, ConfigError

WEEK_MS = 7 * 24 * 3600 * 1000
REQUEST_TIMEOUT_MS = 30_000


def topic_config(*, compacted: bool) -> dict[str, str]:
    """A topic's settings on the broker: records kept for a week, or the last one of each key."""
    return {"cleanup.policy": "compact"} if compacted else {"retention.ms": str(WEEK_MS)}


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic the app needs.

    Attributes:
        partitions: how many to create where the topic does not exist yet.
        config: the topic's settings on the broker.
    """

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=lambda: topic_config(compacted=False))


async def create_topics(
    client: Mapping[str, Any], plans: Iterable[TopicPlan], replication: int
) -> dict[str, int]:
    """Create what is missing; what exists is left as it is.

    Args:
        client: settings of an aiokafka client: `bootstrap_servers` and authentication.
        plans: the topics wanted.
        replication: replicas of a created topic.

    Returns:
        The partition count of every planned topic, as the broker has it now.

    Raises:
        BrokerError: the broker cannot be reached, or does not serve what it created.
        ConfigError: the broker refuses a topic, e.g. too few brokers for the replication.
    """
    plans = list(plans)
    admin = AIOKafkaAdminClient(**client, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
    except KafkaConnectionError as error:
        raise unreachable(client) from error
    try:
        response = await admin.create_topics(
            [
                NewTopic(
                    name=plan.name,
                    num_partitions=plan.partitions,
                    replication_factor=replication,
                    topic_configs=dict(plan.config),
                )
                for plan in plans
            ]
        )
        for name, code, *message in response.topic_errors:
            problem = for_code(code)
            if code and problem is not TopicAlreadyExistsError:
                text = message[0] if message else problem.__name__
                raise ConfigError(f"The broker does not create topic {name}: {text}")
        return await _count_partitions(admin, [plan.name for plan in plans])
    finally:
        await admin.close()


async def set_config(client: Mapping[str, Any], configs: Mapping[str, Mapping[str, str]]) -> None:
    """Replace the settings of topics on the broker; what is not named has its default again.

    Args:
        client: as for `create_topics`.
        configs: settings by topic.

    Raises:
        BrokerError: the broker cannot be reached.
        ConfigError: it refuses them.
    """
    admin = AIOKafkaAdminClient(**client, request_timeout_ms=REQUEST_TIMEOUT_MS)
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, dict(config))
        for name, config in configs.items()
    ]
    try:
        await admin.start()
        for response in await admin.alter_configs(resources):
            for code, message, _, name in response.resources:
                if code:
                    raise ConfigError(f"The broker does not change topic {name}: {message}")
    except KafkaConnectionError as error:
        raise unreachable(client) from error
    finally:
        await admin.close()


async def delete_before(client: Mapping[str, Any], topic: str, partition: int, offset: int) -> None:
    """Delete the records of a partition that come before an offset; there is no way back.

    Raises:
        BrokerError: the broker cannot be reached.
    """
    admin = AIOKafkaAdminClient(**client, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(offset)})
    except KafkaConnectionError as error:
        raise unreachable(client) from error
    finally:
        await admin.close()


async def _count_partitions(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """Count once all are seen: a broker hears of a new topic a moment after it was created."""
    deadline_s = time.monotonic() + REQUEST_TIMEOUT_MS / 1000
    while True:
        described = await admin.describe_topics(names)
        counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
        unseen = [name for name in names if not counts.get(name)]
        if not unseen:
            return counts
        if time.monotonic() > deadline_s:
            raise BrokerError(f"The broker created topic {unseen[0]}, and does not serve it")
        await asyncio.sleep(0.05)


def unreachable(client: Mapping[str, Any]) -> BrokerError:
    """The error for a broker that does not answer."""
    return BrokerError(
        f"Kafka does not answer at {', '.join(client['bootstrap_servers'])}. "
        "Is it running, and is AIMASS_BROKER right? Try: aimass doctor"
    )
