"""Which topics an app writes to, with how many partitions, and where on them a message goes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from aiokafka.partitioner import DefaultPartitioner

from aimass_stream.errors import ConfigError
from aimass_stream.kafka.dead_letters import StorePayload, dead_letters_topic
from aimass_stream.kafka.delivery import Deliverer, Outlet
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.topics import TopicPlan, topic_config
from aimass_stream.runtime.body import Agent

_hashed = DefaultPartitioner()


def plan_topics(agents: Collection[Agent], app_id: str, partitions: int) -> Iterator[TopicPlan]:
    """The topics that an app's agents read and write, and its own.

    Args:
        agents: the app's agents.
        app_id: names the app's own topics.
        partitions: how many where a declaration leaves it open.
    """
    sources = {agent.topic.name: agent.topic.partitions or partitions for agent in agents}
    answers = {
        topic.name: topic.partitions or sources[agent.topic.name]
        for agent in agents
        for topic in agent.written_topics
    }
    compacted = {
        topic.name
        for agent in agents
        for topic in (agent.topic, *agent.written_topics)
        if topic.compacted
    }
    own = dict.fromkeys((outcomes_topic(app_id), dead_letters_topic(app_id)), partitions)
    for name, count in {**answers, **sources, **own}.items():
        yield TopicPlan(name, count, topic_config(compacted=name in compacted))


def check_logs(logs: Collection[str], partitions: Mapping[str, int]) -> None:
    """See that what learners share has one order.

    Raises:
        ConfigError: a log exists with more than one partition.
    """
    for log in logs:
        if partitions.get(log, 1) != 1:
            raise ConfigError(
                f"The log {log} has {partitions[log]} partitions, so there is no one order to "
                "learn in. Delete the topic, or give the learner another name."
            )


def make_outlet(
    app_id: str,
    agents: Collection[Agent],
    partitions: Mapping[str, int],
    deliverer: Deliverer,
    store: StorePayload,
) -> Outlet:
    """Where the outputs of an app's agents go.

    An answer goes to the partition number of its source where both topics have as many;
    elsewhere its key decides.

    Args:
        app_id: names the app's own topics.
        agents: the app's agents.
        partitions: how many each topic has on the broker.
        deliverer: the producer.
        store: keeps payloads too large for a dead letter.
    """
    sources = {(to.name, agent.topic.name) for agent in agents for to in agent.written_topics}
    aligned = {
        to
        for to, _ in sources
        if all(partitions[to] == partitions[source] for name, source in sources if name == to)
    }

    def answer_partition(topic: str, partition: int, key: bytes | None) -> int:
        if key is None:
            return partition % partitions[topic]
        places = list(range(partitions[topic]))
        return int(_hashed(key, places, places))

    own = min(partitions[outcomes_topic(app_id)], partitions[dead_letters_topic(app_id)])
    return Outlet(app_id, deliverer, store, aligned, answer_partition, own)
