"""Input that is wrong: no records at all, records twice, records from another time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from aimass_stream.kafka.reader import Offsets, TopicReader
from aimass_stream.kafka.sender import Place
from aimass_stream.records import Chunk, Example
from aimass_stream.verify.application import Need
from aimass_stream.verify.errors import VerifyError
from aimass_stream.verify.evidence import now_ms
from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.oracle import agree
from aimass_stream.verify.scene import Scene
from aimass_stream.verify.window import Window

BAD_SHARE = 0.01
GOOD_SHARE = 0.95
"""Of the throughput without bad records, that with them must reach."""
ROUNDS = 5
SKEW_MS = 59 * 60 * 1000
"""Kafka itself refuses records from more than an hour ahead."""


class Poison(Fault):
    """Some records are no records."""

    name = "1 % of the input is bad"
    row = "7"
    promise = "a dead letter for each bad record and agent; every good one is answered"
    quick = True
    needs = frozenset({Need.CHECKED})

    async def run(self, scene: Scene) -> Finding:
        """Send a bad record to each topic that checks, after a hundred good ones each time."""
        async with scene.window() as window:
            for topic in scene.app.checked_sources:
                await window.send_burst(round(1 / BAD_SHARE))
                await window.send(topic, scene.draw.choice(bad_records(scene)), bad=True)
            await window.settle()
            return window.find()


class PoisonThroughput(Fault):
    """The same, for time: rounds with and without bad records, in turn."""

    name = "1 % of the input is bad, and throughput"
    row = "7"
    promise = "good records are answered at 95 % of the usual rate or more"
    needs = frozenset({Need.CHECKED})

    async def run(self, scene: Scene) -> Finding:
        """Compare the best rounds; whatever else runs on the machine only makes rounds slower."""
        count = 8 * scene.burst
        async with scene.window() as window:
            pure, mixed = [], []
            for _ in range(ROUNDS):
                pure.append(await _time_round(scene, window, count, 0))
                mixed.append(await _time_round(scene, window, count, round(count * BAD_SHARE)))
            await window.settle()
            share = min(pure) / min(mixed)
            window.measure("throughput_share", share)
            if share < GOOD_SHARE:
                window.problem(f"good records are answered at {share:.0%} of the usual rate")
            return window.find()


class PoisonOnly(Fault):
    """Nothing but bad records for a while, then good ones again."""

    name = "all of the input is bad for a while"
    row = "7"
    promise = "a dead letter for each, no circuit opens, and good ones are answered as before"
    needs = frozenset({Need.CHECKED})

    async def run(self, scene: Scene) -> Finding:
        """Bad records at ten times the rate, then a burst of good ones."""
        async with scene.window() as window:
            count = 10 * scene.burst
            while sum(window.sent.values()) < count:
                for topic in scene.app.checked_sources:
                    await window.send(topic, scene.draw.choice(bad_records(scene)), bad=True)
            await window.send_burst(scene.burst)
            await window.settle()
            return window.find()


class SentTwice(Fault):
    """A producer that sends everything twice."""

    name = "every record is sent twice"
    row = "16"
    promise = "each copy has one outcome; models that do not learn answer both alike"

    async def run(self, scene: Scene) -> Finding:
        """Send records and their copies, and compare the answers."""
        async with scene.window() as window:
            pairs = []
            for _ in range(scene.burst):
                topic, record = scene.next_record()
                pairs.append((topic, [await window.send(topic, record) for _ in range(2)]))
            await window.settle()
            learning = {target.topic for target in scene.targets if target.learns}
            apart = [
                agent
                for topic, (first, second) in pairs
                if topic not in learning
                for agent in _disagreeing(scene, window, topic, first.result(), second.result())
            ]
            if apart:
                window.problem(f"{len(apart)} copies are answered otherwise, by {set(apart)}")
            return window.find()


class WrittenTwice(Fault):
    """What the engine wrote arrives twice, as after a crash between writing and committing."""

    name = "what the engine wrote arrives twice"
    row = "16"
    promise = "a learner learns it once; whatever is answered again has the same id and value"
    needs = frozenset({Need.CHAIN})

    async def run(self, scene: Scene) -> Finding:
        """Read what agents wrote for other agents, and write it once more, headers and all."""
        async with scene.window() as window:
            since = await window.ends()
            await window.send_burst(scene.burst)
            await window.settle()
            copies = 0
            for topic, record in await _written(scene, since):
                window.allow_repeats(topic, 1)
                await window.send(topic, record)
                copies += 1
            if not copies:
                raise VerifyError("no agent wrote anything for another")
            window.measure("copies", copies)
            await window.settle()
            return window.find()


class SkewedTimes(Fault):
    """Producers whose clocks are an hour off."""

    name = "timestamps an hour ahead and behind"
    row = "15"
    promise = "every record is answered; nothing waits for the time a record names"

    async def run(self, scene: Scene) -> Finding:
        """Send records of now, of then and of later, mixed."""
        async with scene.window() as window:
            began = time.monotonic()
            for _ in range(scene.burst):
                skew_ms = scene.draw.choice((-SKEW_MS, 0, SKEW_MS))
                await window.send(*scene.next_record(), timestamp_ms=now_ms() + skew_ms)
            await window.settle()
            window.measure("settled_s", time.monotonic() - began)
            # A wait counted from such a timestamp would mean nothing.
            return msgspec.structs.replace(window.find(), longest_wait_s=None)


def bad_records(scene: Scene) -> list[Example]:
    """Of every kind one: empty, noise, and JSON that breaks off in noise."""
    noise = b"\xff\xfe" + scene.draw.randbytes(100)
    return [Example(value, b"bad") for value in (b"", noise, b'{"' + noise)]


def _disagreeing(
    scene: Scene, window: Window, topic: str, first: Place, second: Place
) -> Iterator[str]:
    """Agents that answer a record and its copy otherwise."""
    for reader in scene.app.readers(topic):
        answers = window.accounts[reader.agent].answers
        one, other = answers.get(first, b""), answers.get(second, b"")
        if not agree(one, other):
            yield reader.agent


async def _time_round(scene: Scene, window: Window, good: int, bad: int) -> float:
    """Seconds until so many records have an outcome."""
    began = time.monotonic()
    topics = scene.app.checked_sources
    every = good // max(bad, 1)
    for number in range(good):
        if bad and number % every == 0:
            topic = scene.draw.choice(topics)
            await window.send(topic, scene.draw.choice(bad_records(scene)), bad=True)
        await window.send(*scene.next_record())
    await window.until(lambda: not window.unsettled(), "the outcomes of a round")
    return time.monotonic() - began


async def _written(scene: Scene, since: Offsets) -> list[tuple[str, Example]]:
    """What agents wrote for agents since then."""
    app = scene.app
    topics = sorted({a.topic for a in app.agents if app.writers(a.topic)})
    found: list[tuple[str, Example]] = []
    async with TopicReader(scene.broker.url, topics) as reader:
        reader.seek({place: offset for place, offset in since.items() if place[0] in topics})
        ends = await reader.end_offsets()
        for (topic, partition), end in ends.items():
            while await reader.position(topic, partition) < end:
                for chunk in await reader.poll():
                    found += _records(chunk)
    return found


def _records(chunk: Chunk) -> Iterator[tuple[str, Example]]:
    for key, value, headers in zip(chunk.keys, chunk.values, chunk.headers, strict=True):
        yield chunk.topic, Example(value or b"", key, headers)
