"""The relay: bytes through it, what it does to them, and a real Kafka behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from aimass_stream.errors import ConfigError
from aimass_stream.kafka.embedded import Broker, lease_broker, revive_broker
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.verify.relay import CLEAR, LOOPBACK, Relay, Weather

COUNT = 2_000
FLOOD = b"x" * 1_000_000


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that says 1 MB for each line."""
    while await reader.readline():
        writer.write(FLOOD)
    writer.close()


@asynccontextmanager
async def connected(
    relay: Relay,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOOPBACK, relay.port)
    yield reader, writer
    writer.close()


@asynccontextmanager
async def relayed() -> AsyncIterator[Relay]:
    server = await asyncio.start_server(answer, LOOPBACK, 0)
    async with server, Relay() as relay:
        relay.forward_to(server.sockets[0].getsockname()[1])
        yield relay


async def test_bytes_pass_and_are_counted() -> None:
    async with relayed() as relay, connected(relay) as (reader, writer):
        writer.write(b"please\n")
        assert await reader.readexactly(len(FLOOD)) == FLOOD
        assert (relay.accepted, relay.open_connections, relay.dropped) == (1, 1, 0)
        writer.write_eof()
        assert await reader.read() == b""


async def test_a_drop_resets_what_is_open_and_new_connections_pass() -> None:
    async with relayed() as relay:
        async with connected(relay) as (reader, writer):
            writer.write(b"please\n")
            await reader.readexactly(1_000)
            assert relay.drop() == 1
            with pytest.raises(OSError, match="reset"):
                await reader.read(-1)
        async with connected(relay) as (reader, writer):
            writer.write(b"please\n")
            assert await reader.readexactly(len(FLOOD)) == FLOOD
        assert relay.dropped == 1


async def test_a_cut_ends_an_answer_in_its_middle() -> None:
    async with relayed() as relay, connected(relay) as (reader, writer):
        writer.write(b"please\n")
        await reader.readexactly(len(FLOOD))
        relay.cut_after(1_234)
        writer.write(b"please\n")
        assert len(await reader.read()) == 1_234


async def test_a_connection_is_refused_in_bad_weather_and_without_a_target() -> None:
    async with relayed() as relay:
        relay.weather = Weather(refuse=True)
        for _ in range(2):
            async with connected(relay) as (reader, _):
                with pytest.raises(OSError, match="reset"):
                    await reader.read(-1)
            relay.weather = CLEAR
            relay.forward_to(0)
        assert relay.dropped == 2


async def test_bytes_are_delayed_and_throttled() -> None:
    async with relayed() as relay, connected(relay) as (reader, writer):
        relay.weather = Weather(delay_ms=20, bytes_per_s=5_000_000)
        started = time.monotonic()
        writer.write(b"please\n")
        await reader.readexactly(1)
        assert time.monotonic() - started >= 0.04
        await reader.readexactly(len(FLOOD) - 1)
        assert time.monotonic() - started >= 0.04 + len(FLOOD) / 5_000_000


# -- Kafka -------------------------------------------------------------------------------


@asynccontextmanager
async def relayed_broker(state: Path) -> AsyncIterator[tuple[Relay, Broker]]:
    async with Relay() as relay:
        stack = ExitStack()
        lease = lease_broker(state, say=print, relay_port=relay.port)
        broker = await asyncio.to_thread(stack.enter_context, lease)
        try:
            assert broker.relayed_port is not None
            relay.forward_to(broker.relayed_port)
            yield relay, broker
        finally:
            await asyncio.to_thread(stack.close)


async def harass(relay: Relay, number: int) -> None:
    """One of four things that a network does."""
    match number % 4:
        case 0:
            relay.drop()
        case 1:
            relay.cut_after(number % 50)
        case 2:
            relay.weather = Weather(refuse=True)
            relay.drop()
            asyncio.get_running_loop().call_later(0.3, setattr, relay, "weather", CLEAR)
        case 3:
            relay.weather = Weather(delay_ms=20, bytes_per_s=200_000)
            asyncio.get_running_loop().call_later(0.5, setattr, relay, "weather", CLEAR)


async def read_all(url: str, topic: str, relay: Relay | None = None) -> Counter[bytes | None]:
    """Every value of a topic, the network harassed after every 200 if there is a relay."""
    seen: Counter[bytes | None] = Counter()
    harassed = 0
    async with asyncio.timeout(40), TopicReader(url, [topic]) as reader:
        while seen.total() < COUNT:
            for chunk in await reader.poll():
                seen.update(chunk.values)
            if relay and seen.total() // 400 > harassed:
                harassed += 1
                await harass(relay, harassed)
    return seen


@pytest.mark.kafka
async def test_nothing_is_lost_behind_a_bad_network_and_a_revived_broker_keeps_its_relay(
    tmp_path: Path, topic_name: str
) -> None:
    async with relayed_broker(tmp_path) as (relay, broker):
        client = {"bootstrap_servers": bootstrap_servers(broker.url)}
        await create_topics(client, [TopicPlan(topic_name, 4)], 1)
        assert relay.accepted == 0
        async with Sender(relay.url) as sender:
            for number in range(COUNT):
                await sender.send(topic_name, b"%d" % number, key=b"%d" % (number % 40))
                if number % 400 == 200:
                    await harass(relay, number // 400)
        assert relay.dropped >= 3
        expected = Counter(b"%d" % number for number in range(COUNT))
        assert await read_all(relay.url, topic_name, relay) == expected
        os.kill(broker.pid, signal.SIGKILL)
        while not await asyncio.to_thread(partial(revive_broker, tmp_path, say=print)):
            pass
        assert await read_all(broker.url, topic_name) == expected
        assert await read_all(relay.url, topic_name) == expected
        with (
            pytest.raises(ConfigError, match=r"runs and knows nothing of a relay on port 1\. Stop"),
            lease_broker(tmp_path, say=print, relay_port=1),
        ):
            pass
