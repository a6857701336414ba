"""Captured ranges: just the offsets that were asked for, or a refusal."""

from __future__ import annotations

import pytest

from aimass_stream.errors import ConfigError
from aimass_stream.kafka.ranges import read_range
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import Record

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]


async def test_a_range_is_read_to_its_last_offset(broker_url: str, topic_name: str) -> None:
    await create_topics(
        {"bootstrap_servers": bootstrap_servers(broker_url)}, [TopicPlan(topic_name, 3)], 1
    )
    async with Sender(broker_url) as sender:
        sent = [
            await sender.send(topic_name, b"%d" % number, key=b"k%d" % number)
            for number in range(60)
        ]
        places = [await place for place in sent]
    held: dict[int, list[bytes]] = {}
    for number, (partition, _) in enumerate(places):
        held.setdefault(partition, []).append(b"%d" % number)
    assert len(held) == 3
    asked = {0: (2, 5), 2: (0, len(held[2]) - 1)}
    found = await read_range(broker_url, topic_name, Record, asked)
    assert [one.bytes for one in found] == [*held[0][2:6], *held[2]]
    assert [(one.partition, one.offset) for one in found[:4]] == [(0, at) for at in range(2, 6)]
    with pytest.raises(ConfigError, match=f"{topic_name}/1 holds offsets 0 to"):
        await read_range(broker_url, topic_name, Record, {1: (0, 10_000)})
    with pytest.raises(ConfigError, match=f"{topic_name}/7 holds offsets 0 to -1"):
        await read_range(broker_url, topic_name, Record, {7: (0, 0)})
