"""What a cluster says of itself and its topics, asked once; no record is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError

from aimass_stream.errors import BrokerError, ConfigError
from aimass_stream.kafka.topics import unreachable

REQUEST_TIMEOUT_MS = 10_000

# The first release that serves each kind of request: Kafka tells clients no version.
_RELEASES = ((90, "4.1"), (80, "3.9"), (75, "3.8"), (69, "3.7"), (65, "3.0"), (60, "2.8"))
_FETCH = 1
# 4.0 dropped the ways to fetch before this one.
_OLDEST_FETCH_OF_4 = 4


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the cluster has it.

    Attributes:
        partitions: how many there are.
        leaderless: partitions that can be neither read nor written now.
        lagging: partitions with a replica that is not in sync.
    """

    partitions: int
    leaderless: int
    lagging: int


@dataclass(frozen=True, slots=True)
class Survey:
    """A cluster at one moment.

    Attributes:
        cluster_id: the same for as long as the cluster keeps its data, whatever its address.
        brokers: how many are up.
        release: the oldest Kafka it can be, e.g. `4.1`; empty when it cannot be told.
        topics: all but Kafka's own, by name.
    """

    cluster_id: str
    brokers: int
    release: str
    topics: Mapping[str, TopicState]


class NeverRanError(ConfigError):
    """No worker of an app has run on this Kafka, so nothing is there to read.

    Args:
        app_id: the app.
        topic: which every worker of it creates, and which is not there.
        url: the broker.
        others: ids of apps that have such a topic there, if the app is named by its id.
    """

    def __init__(self, app_id: str, topic: str, url: str, others: Sequence[str] = ()) -> None:
        names = f"; or name another app with --app-id: {', '.join(others)}" if others else ""
        super().__init__(
            f"No worker of {app_id} has run on {url} yet: there is no topic {topic}. "
            f"Try: aimass worker{names}"
        )


async def survey(servers: Sequence[str], timeout_ms: int = REQUEST_TIMEOUT_MS) -> Survey:
    """Ask a cluster what it is and which topics it has.

    Asks for all topics, because asking for one by name may create it.

    Args:
        servers: `host:port` of its brokers; one that answers is enough.
        timeout_ms: for each request.

    Raises:
        BrokerError: it does not answer, or refuses.
    """
    client = {"bootstrap_servers": list(servers)}
    admin = AIOKafkaAdminClient(**client, request_timeout_ms=timeout_ms)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        topics = await admin.describe_topics()
        versions = await _request_versions(admin)
    except (KafkaConnectionError, TimeoutError) as error:
        raise unreachable(client) from error
    except KafkaError as error:
        raise refused(error) from error
    finally:
        await admin.close()
    return Survey(
        cluster_id=cluster["cluster_id"] or "",
        brokers=len(cluster["brokers"]),
        release=release_of(versions),
        topics={
            topic["topic"]: _topic_state(topic["partitions"])
            for topic in topics
            if not topic["is_internal"]
        },
    )


def release_of(versions: Mapping[int, tuple[int, int]]) -> str:
    """The oldest release that serves these requests; empty if it is older than any known.

    Args:
        versions: lowest and highest version by kind of request.
    """
    found = next((release for kind, release in _RELEASES if kind in versions), "")
    if versions.get(_FETCH, (0, 0))[0] >= _OLDEST_FETCH_OF_4:
        return max(found, "4.0")
    return found


def refused(error: KafkaError) -> BrokerError:
    """The error for a cluster that answers, and says no."""
    if isinstance(error, MessageSizeTooLargeError):
        return BrokerError(
            "Kafka takes no records of this size. Raise max.message.bytes of the topic, or send "
            "the payloads as claim checks."
        )
    text = str(error).strip() or getattr(error, "description", "")
    return BrokerError(f"Kafka refuses: {type(error).__name__}: {text} Try: aimass doctor")


async def _request_versions(admin: AIOKafkaAdminClient) -> dict[int, tuple[int, int]]:
    client = admin._client  # noqa: SLF001 - the client asks at each connect, and keeps it there
    connection = await client._get_conn(client.get_random_node())  # noqa: SLF001 - as above
    versions: dict[int, tuple[int, int]] = getattr(connection, "_versions", {})
    return versions


def _topic_state(partitions: Sequence[Mapping[str, Any]]) -> TopicState:
    return TopicState(
        partitions=len(partitions),
        leaderless=sum(partition["leader"] < 0 for partition in partitions),
        lagging=sum(len(part["isr"]) < len(part["replicas"]) for part in partitions),
    )
