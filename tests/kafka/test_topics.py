"""Topics are created with the settings that their declarations ask for."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from aimass_stream.kafka.outlets import plan_topics
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.topics import WEEK_MS, TopicPlan, create_topics, topic_config
from aimass_stream.records import Record, Topic
from aimass_stream.runtime.body import Agent


async def settings_of(servers: list[str], topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        answers: Any = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic)]
        )
    finally:
        await admin.close()
    return {entry[0]: entry[1] for entry in answers[0].resources[0][4]}


async def test_a_compacted_topic_keeps_the_latest_of_each_key(
    broker_url: str, topic_name: str
) -> None:
    servers = bootstrap_servers(broker_url)
    plans = [
        TopicPlan(topic_name, 2),
        TopicPlan(f"{topic_name}.feeds", 3, topic_config(compacted=True)),
    ]
    counts = await create_topics({"bootstrap_servers": servers}, plans, 1)
    assert counts == {topic_name: 2, f"{topic_name}.feeds": 3}
    plain = await settings_of(servers, topic_name)
    assert (plain["cleanup.policy"], plain["retention.ms"]) == ("delete", str(WEEK_MS))
    assert (await settings_of(servers, f"{topic_name}.feeds"))["cleanup.policy"] == "compact"


def test_what_an_app_declares_compacted_is_planned_so() -> None:
    async def body(stream: Any) -> None:
        """Never called."""

    feeds: Topic[bytes] = Topic("feeds", bytes, compacted=True)
    agents = [
        Agent("feed", Topic("in", Record), feeds, body),
        Agent("read", Topic("labels", Record, compacted=True), None, body),
    ]
    config = {plan.name: dict(plan.config) for plan in plan_topics(agents, "app", 4)}
    compacted = {name for name, held in config.items() if held == {"cleanup.policy": "compact"}}
    assert compacted == {"feeds", "labels"}
    assert config["in"] == {"retention.ms": str(WEEK_MS)}
