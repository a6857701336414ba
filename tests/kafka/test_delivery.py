"""What a delivery does with answers that their topic could not hold."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords

from aimass_stream.errors import LostOutcomeError
from aimass_stream.kafka.company import COMPANY_WAIT_S
from aimass_stream.kafka.delivery import Delivery, Outlet
from aimass_stream.kafka.messages import Messages
from aimass_stream.kafka.outcomes import Outcomes, decode, join_adjacent, outcomes_topic
from aimass_stream.kafka.outgoing import MAX_BATCH_BYTES, Outgoing
from aimass_stream.records import Chunk, Record, Topic, identity
from aimass_stream.runtime.body import Agent
from aimass_stream.runtime.handover import Answers, Unit, Work


class StubDeliverer:
    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}

    async def deliver(self, outgoing: Outgoing, before: Any = None) -> None:
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
    unit = Unit(Work(chunk, 0), 0, count)
    for ordinal, values in enumerate(yields or ([b"y"] * count,)):
        unit.add(Answers(ordinal, "m@1", list(range(count)), values, []))
    stub, reported = StubDeliverer(), asyncio.Event()
    outlet = Outlet("app", stub, refuse_to_store, (), lambda *_: 0, 1)
    agent = Agent("feed", Topic("in", Record), to, body)
    delivery = Delivery(agent, outlet, lambda _: reported.set(), lambda _: None, lambda: True)
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


class Sent(StubDeliverer):
    """Notes which topics each delivery went to; puts another unit during the first."""

    def __init__(self, later: list[Unit]) -> None:
        super().__init__()
        self.topics: list[set[str]] = []
        self.later = later
        self.put: Callable[[Unit], None] = self.later.append

    async def deliver(self, outgoing: Outgoing, before: Any = None) -> None:
        self.topics.append({topic for topic, _ in outgoing})
        await super().deliver(outgoing, before)
        if self.later:
            self.put(self.later.pop())


async def deliver_two(*, has_room: bool) -> tuple[Sent, list[int]]:
    """Two units, the second put while the first is under way; after how many deliveries each
    was reported."""
    chunk = Chunk("in", 0, range(2), [0] * 2, [b"k"] * 2, [b"x"] * 2, [()] * 2)
    work = Work(chunk, 0)
    first, second = (
        Unit(work, row, row + 1, [Answers(0, "m@1", [row], [b"y"], [])]) for row in range(2)
    )
    sent, reported, done = Sent([second]), list[int](), asyncio.Event()

    def report(_: Unit) -> None:
        reported.append(len(sent.topics))
        if len(reported) == 2:
            done.set()

    outlet = Outlet("app", sent, refuse_to_store, (), lambda *_: 0, 1)
    agent = Agent("score", Topic("in", Record), Topic("out", bytes), body)
    delivery = Delivery(agent, outlet, report, lambda _: None, lambda: has_room)
    sent.put = delivery.put
    delivery.put(first)
    running = asyncio.create_task(delivery.run())
    await asyncio.wait_for(done.wait(), 5)
    running.cancel()
    return sent, reported


async def test_outcomes_wait_for_company() -> None:
    sent, reported = await deliver_two(has_room=True)
    assert sent.topics == [{"out"}, {"out"}, {outcomes_topic("app")}]
    assert reported == [3, 3]
    (outcomes,) = (decode(value) for _, _, value, _ in sent.values[outcomes_topic("app")])
    assert (outcomes.first, outcomes.last, outcomes.answered) == (0, 1, [(0, 1)])


async def test_outcomes_do_not_wait_while_nothing_more_is_read() -> None:
    sent, reported = await deliver_two(has_room=False)
    outcomes = outcomes_topic("app")
    assert sent.topics == [{"out"}, {"out", outcomes}, {outcomes}]
    assert reported == [2, 3]


class Turns(StubDeliverer):
    """Notes the turn of the event loop in which outcomes of each partition are delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0
        self.spoken: dict[int, int] = {}
        self.changed = asyncio.Event()

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turn += 1

    async def deliver(self, outgoing: Outgoing, before: Any = None) -> None:
        spoken = [partition for topic, partition in outgoing if topic == outcomes_topic("app")]
        self.spoken |= dict.fromkeys(spoken, self.turn)
        self.changed.set()


async def test_outcomes_of_all_partitions_are_spoken_together() -> None:
    """A request that has nothing but outcomes holds up the answers behind it."""
    loop, stub = asyncio.get_running_loop(), Turns()
    outlet = Outlet("app", stub, refuse_to_store, ("out",), lambda *_: 0, 4)
    agent = Agent("score", Topic("in", Record), Topic("out", bytes), body)
    running = [loop.create_task(stub.count())]
    for partition in range(4):
        chunk = Chunk("in", partition, [0], [0], [b"k"], [b"x"], [()])
        unit = Unit(Work(chunk, 0), 0, 1, [Answers(0, "m@1", [0], [b"y"], [])])
        delivery = Delivery(agent, outlet, lambda _: None, lambda _: None, lambda: True)
        running.append(loop.create_task(delivery.run()))
        # Each has its answer a while after the one before.
        loop.call_later(partition * COMPANY_WAIT_S / 8, delivery.put, unit)
    while len(stub.spoken) < 4:
        stub.changed.clear()
        await asyncio.wait_for(stub.changed.wait(), 5)
    for task in running:
        task.cancel()
    assert len({*stub.spoken.values()}) == 1


def test_outcomes_on_both_sides_of_a_hole_stay_apart() -> None:
    def answered(first: int, last: int) -> Outcomes:
        return Outcomes("a", "in", 0, first, last, [(first, last)], [], [])

    joined = list(join_adjacent([answered(0, 1), answered(2, 5), answered(7, 8)]))
    assert [(one.first, one.last, one.answered) for one in joined] == [
        (0, 5, [(0, 5)]),
        (7, 8, [(7, 8)]),
    ]


async def test_nothing_comes_between_the_batches_of_a_large_delivery() -> None:
    """The batches of one place are sent one by one, so another delivery waits for the last."""
    under_way = most = 0
    chunk = Chunk("in", 0, range(3), [0] * 3, [b"k"] * 3, [b"x"] * 3, [()] * 3)
    work, large = Work(chunk, 0), b"z" * (MAX_BATCH_BYTES * 2 // 3)

    class Counting(StubDeliverer):
        async def deliver(self, outgoing: Outgoing, before: Any = None) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            for _ in range(5):
                await asyncio.sleep(0)
            under_way -= 1
            await super().deliver(outgoing, before)
            if len(self.values["out"]) == 3:
                done.set()

    def unit(first: int, *values: bytes) -> Unit:
        rows = list(range(first, first + len(values)))
        return Unit(work, first, first + len(values), [Answers(0, "m@1", rows, [*values], [])])

    counting, done = Counting(), asyncio.Event()
    outlet = Outlet("app", counting, refuse_to_store, ("out",), lambda *_: 0, 1)
    agent = Agent("score", Topic("in", Record), Topic("out", bytes), body)
    delivery = Delivery(agent, outlet, lambda _: None, lambda _: None, lambda: True)
    running = asyncio.create_task(delivery.run())
    delivery.put(unit(0, large, large))
    await asyncio.sleep(0)
    delivery.put(unit(2, b"y"))
    await asyncio.wait_for(done.wait(), 5)
    running.cancel()
    assert most == 1
    assert [value for _, _, value, _ in counting.values["out"]][-1] == b"y"


async def test_a_refusal_is_not_waited_for_behind_a_delivery_that_hangs() -> None:
    chunk = Chunk("in", 0, range(2), [0] * 2, [b"k"] * 2, [b"x"] * 2, [()] * 2)
    work, tries = Work(chunk, 0), 0

    class Refusing(StubDeliverer):
        async def deliver(self, outgoing: Outgoing, before: Any = None) -> None:
            nonlocal tries
            tries += 1
            if tries == 2:
                raise LostOutcomeError("refused")
            delivery.put(Unit(work, 1, 2, [Answers(0, "m@1", [1], [b"y"], [])]))
            await asyncio.Event().wait()

    outlet = Outlet("app", Refusing(), refuse_to_store, ("out",), lambda *_: 0, 1)
    agent = Agent("score", Topic("in", Record), Topic("out", bytes), body)
    delivery = Delivery(agent, outlet, lambda _: None, lambda _: None, lambda: True)
    delivery.put(Unit(work, 0, 1, [Answers(0, "m@1", [0], [b"y"], [])]))
    with pytest.raises(LostOutcomeError):
        await asyncio.wait_for(delivery.run(), 5)
