"""What a delivery does with answers that their topic could not hold."""

import asyncio
from typing import Any

from aiokafka.record.memory_records import MemoryRecords

from aimass_stream.kafka.delivery import Delivery, Outlet
from aimass_stream.kafka.messages import Messages
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.outgoing import MAX_BATCH_BYTES, Outgoing
from aimass_stream.records import Chunk, Record, Topic, identity
from aimass_stream.runtime.body import Agent
from aimass_stream.runtime.handover import Answers, Unit, Work


class StubDeliverer:
    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}

    async def deliver(self, outgoing: Outgoing) -> None:
        for (topic, _), messages in outgoing.items():
            assert isinstance(messages, Messages)
            batch = messages.batch(0, len(messages), compression_type=0)
            self.values.setdefault(topic, []).extend(
                (record.timestamp, record.key, record.value, record.headers)
                for record in MemoryRecords(bytes(batch._build())).next_batch() or ()
            )


def refuse_to_store(*_: object) -> Any:
    raise AssertionError("nothing here is large")


async def body(stream: Any) -> None:
    """Never called: the delivery is handed what it would have yielded."""


async def deliver(
    to: Topic[bytes], keys: list[bytes | None], *yields: list[bytes]
) -> StubDeliverer:
    """Deliver answers to records with these keys: one to each, or what each yield has for it."""
    count = len(keys)
    chunk = Chunk("in", 0, range(count), [0] * count, keys, [b"x"] * count, [()] * count)
    answers = [
        Answers(ordinal, "m@1", list(range(count)), values, [])
        for ordinal, values in enumerate(yields or ([b"y"] * count,))
    ]
    unit = Unit(Work(chunk, 0), 0, count, answers)
    stub, reported = StubDeliverer(), asyncio.Event()
    outlet = Outlet("app", stub, refuse_to_store, (), lambda *_: 0, 1)
    agent = Agent("feed", Topic("in", Record), to, body)
    delivery = Delivery(agent, outlet, lambda _: reported.set(), lambda _: None)
    delivery.put(unit)
    running = asyncio.create_task(delivery.run())
    await asyncio.wait_for(reported.wait(), 5)
    running.cancel()
    return stub


async def test_a_record_without_a_key_costs_itself_where_answers_are_compacted() -> None:
    stub = await deliver(Topic("feeds", bytes, compacted=True), [b"a", None, b"b"])
    assert [key for _, key, _, _ in stub.values["feeds"]] == [b"a", b"b"]
    (letter,) = (held for topic, held in stub.values.items() if "dead" in topic)
    assert (identity.REASON, b"bad_envelope") in letter[0][3]
    assert len(stub.values[outcomes_topic("app")]) == 1


async def test_elsewhere_a_key_is_not_needed() -> None:
    stub = await deliver(Topic("answers", bytes), [b"a", None])
    assert [key for _, key, _, _ in stub.values["answers"]] == [b"a", None]
    assert not any("dead" in topic for topic in stub.values)


async def test_a_record_is_dead_lettered_once_however_many_of_its_answers_are_refused() -> None:
    large = b"z" * (MAX_BATCH_BYTES + 1)
    keyless = await deliver(
        Topic("feeds", bytes, compacted=True), [b"a", None], [b"y", b"y"], [b"y", b"y"]
    )
    oversized = await deliver(Topic("answers", bytes), [b"a", b"b"], [b"y", large], [b"y", large])
    for stub, answers in ((keyless, "feeds"), (oversized, "answers")):
        assert [key for _, key, _, _ in stub.values[answers]] == [b"a", b"a"]
        (letters,) = (held for topic, held in stub.values.items() if "dead" in topic)
        assert len(letters) == 1


async def test_outcomes_follow_the_answers_they_speak_of_and_travel_with_the_next() -> None:
    """In one round trip: the answers of a unit, and the outcomes of the unit before."""
    sent: list[set[str]] = []
    reported: list[int] = []
    all_reported = asyncio.Event()

    class Recorder(StubDeliverer):
        async def deliver(self, outgoing: Outgoing) -> None:
            sent.append({topic for topic, _ in outgoing})
            if units:
                delivery.put(units.pop())

    def report(unit: Unit) -> None:
        reported.append(len(sent))
        if len(reported) == 2:
            all_reported.set()

    chunk = Chunk("in", 0, range(2), [0] * 2, [b"k"] * 2, [b"x"] * 2, [()] * 2)
    work = Work(chunk, 0)
    units = [Unit(work, row, row + 1, [Answers(0, "m@1", [row], [b"y"], [])]) for row in (1, 0)]
    outlet = Outlet("app", Recorder(), refuse_to_store, (), lambda *_: 0, 1)
    agent = Agent("score", Topic("in", Record), Topic("out", bytes), body)
    delivery = Delivery(agent, outlet, report, lambda _: None)
    delivery.put(units.pop())
    running = asyncio.create_task(delivery.run())
    await asyncio.wait_for(all_reported.wait(), 5)
    running.cancel()
    assert sent == [{"out"}, {"out", outcomes_topic("app")}, {outcomes_topic("app")}]
    assert reported == [2, 3]
