"""A device process whose model writes: batches join it, others are served between its steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.records import Record
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import BatchFailed, DeviceLink, Scored
from aimass_stream.runtime.scorer import Scorer
from tests.runtime.helpers import ROOT, decode, spec
from tests.runtime.in_process_link import records

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

OBEDIENT = spec()
SCRIBE = ModelSpec("scribe", "1", "tests.runtime.adapters:Scribe", "", timeout_s=2.0)
LONG = 400


class Scribbler(Model[str]):
    """The declaration of `Scribe`."""

    adapter = SCRIBE.adapter

    @property
    def answer_type(self) -> type[str]:
        return str

    @property
    def location(self) -> str:
        return ""

    @property
    def written_together(self) -> int:
        return 8


@pytest_asyncio.fixture(loop_scope="module")
async def host() -> AsyncIterator[DeviceHost]:
    host = DeviceHost(ROOT, models_package="", options=HostOptions(spare=False, decode_threads=2))
    await host.start()
    watching = asyncio.create_task(host.watch())
    yield host
    watching.cancel()
    await host.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def link(host: DeviceHost) -> AsyncIterator[DeviceLink]:
    link = DeviceLink(host.socket_path)
    await link.connect()
    await link.load(OBEDIENT)
    await link.load(SCRIBE)
    yield link
    await link.close()


class Heard:
    """What was told of one batch."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, int, str]] = []
        self.began = asyncio.Event()

    def __call__(self, row: int, seq: int, text: str) -> None:
        self.parts.append((row, seq, text))
        self.began.set()


def texts(scored: Scored) -> list[Any]:
    return [
        answer if isinstance(answer, RecordError) else msgspec.msgpack.decode(answer)
        for answer in scored.answers
    ]


def words(count: int) -> str:
    return "".join(f"{at};" for at in range(count))


async def test_who_comes_later_is_done_before_and_parts_are_told_in_order(
    link: DeviceLink,
) -> None:
    heard, later = Heard(), Heard()
    long = asyncio.create_task(link.predict(SCRIBE.id, [b"%d" % LONG], heard))
    await heard.began.wait()
    scored = await link.predict(SCRIBE.id, [b"3", b"1", b"no number"], later)
    assert texts(scored)[:2] == [words(3), words(1)]
    assert isinstance(texts(scored)[2], RecordError)
    assert not long.done()
    # Other models of the device are not held up by what is being written.
    assert decode(await link.predict(OBEDIENT.id, [b"between"]))[0].size == 7  # type: ignore[union-attr]
    assert not long.done()
    assert texts(await long) == [words(LONG)]
    assert heard.parts == [(0, at, f"{at};") for at in range(LONG)]
    assert sorted(later.parts) == [(0, 0, "0;"), (0, 1, "1;"), (0, 2, "2;"), (1, 0, "0;")]
    assert texts(await link.predict(SCRIBE.id, [b"2"])) == [words(2)]


async def test_who_is_not_waited_for_leaves_the_writing(link: DeviceLink) -> None:
    heard = Heard()
    long = asyncio.create_task(link.predict(SCRIBE.id, [b"1000000"], heard))
    await heard.began.wait()
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long
    count = len(heard.parts)
    assert texts(await link.predict(SCRIBE.id, [b"5"])) == [words(5)]
    assert len(heard.parts) == count


async def test_a_step_that_fails_fails_what_is_being_written_and_no_more(link: DeviceLink) -> None:
    with pytest.raises(BatchFailed, match="told to raise") as failed:
        await link.predict(SCRIBE.id, [b"5 raise"])
    assert failed.value.reason is Reason.MODEL_ERROR
    assert texts(await link.predict(SCRIBE.id, [b"5"])) == [words(5)]


async def test_a_hang_costs_its_record_and_no_other(host: DeviceHost, link: DeviceLink) -> None:
    scorer = Scorer(link, buffer_bytes=1 << 20)
    model: Model[str] = Scribbler()
    await scorer.add(model, SCRIBE)
    heard: dict[int, list[str]] = {}

    def hear(row: int, seq: int, text: str) -> None:
        told = heard.setdefault(row, [])
        # A piece that is told again after a retry is the one that was told before.
        assert told[seq : seq + 1] in ([], [text])
        told[seq:] = [*told[seq:], text] if seq == len(told) else told[seq:]

    payloads = [b"40", b"40 hang", b"40", b"3"]
    submission = await scorer.submit(model, records(*payloads, kind=Record), hear=hear)
    for row in range(len(payloads)):
        await submission.wait(row)
    found = submission.outcomes
    assert [found[0], *found[2:]] == [words(40), words(40), words(3)]
    assert isinstance(found[1], RecordError)
    assert found[1].reason is Reason.MODEL_TIMEOUT
    assert "".join(heard[0]) == words(40)
    assert len(host.deaths) == 2
    await scorer.close()
