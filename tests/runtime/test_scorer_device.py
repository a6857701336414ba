"""The scorer on a real device process that dies, hangs and runs out of memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from aimass_stream.errors import RecordError
from aimass_stream.model import Model
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import DeviceLink
from aimass_stream.runtime.scorer import Scorer, Submission
from tests.runtime.adapters import Answer
from tests.runtime.helpers import ROOT, kill, spec
from tests.runtime.in_process_link import records

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEC = spec("scored", timeout_s=1.0)


@dataclass(frozen=True)
class Obedient(Model[Answer]):
    """Declares the test adapter that does what a payload's first word says."""

    adapter = SPEC.adapter

    @property
    def answer_type(self) -> type[Answer]:
        return Answer

    @property
    def location(self) -> str:
        return ""


MODEL = Obedient(max_batch_rows=32)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def link() -> AsyncIterator[DeviceLink]:
    host = DeviceHost(ROOT, models_package="", options=HostOptions(spare=True))
    await host.start()
    link = DeviceLink(host.socket_path)
    await link.connect()
    yield link
    await link.close()
    await host.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def scorer(link: DeviceLink) -> AsyncIterator[Scorer]:
    scorer = Scorer(link, buffer_bytes=1 << 20)
    await scorer.add(MODEL, SPEC)
    yield scorer
    await scorer.close()


async def finish(submission: Submission[Answer]) -> list[Any]:
    row = 0
    while row < len(submission.outcomes):
        row = await submission.wait(row)
    return list(submission.outcomes)


def check(payloads: list[bytes], outcomes: list[Any], reasons: dict[int, str]) -> None:
    for row, (payload, outcome) in enumerate(zip(payloads, outcomes, strict=True)):
        if row in reasons:
            assert isinstance(outcome, RecordError), row
            assert outcome.reason == reasons[row]
        else:
            assert outcome == Answer(len(payload), payload[:8], payload[-8:]), row


async def test_every_record_gets_its_own_outcome(scorer: Scorer) -> None:
    payloads = [b"%d" % row * (row + 1) for row in range(300)]
    payloads[7], payloads[150], payloads[299] = b"refused x", b"raise x", b"no-answer"
    payloads[40] = b"memory x"
    outcomes = await finish(await scorer.submit(MODEL, records(*payloads), lag=1000))
    reasons = {7: "too_large", 40: "model_error", 150: "model_error", 299: "invalid_output"}
    check(payloads, outcomes, reasons)
    assert "told to raise" in outcomes[150].detail


@pytest.mark.parametrize("culprit", [0, 21, 63])
async def test_a_record_that_kills_the_process_costs_itself(scorer: Scorer, culprit: int) -> None:
    payloads = [b"%d" % row for row in range(64)]
    payloads[culprit] = b"exit 3"
    outcomes = await finish(await scorer.submit(MODEL, records(*payloads)))
    check(payloads, outcomes, {culprit: "model_crash"})


async def test_a_record_that_hangs_costs_itself(scorer: Scorer) -> None:
    payloads = [b"%d" % row for row in range(24)]
    payloads[13] = b"sleep 1000"
    outcomes = await finish(await scorer.submit(MODEL, records(*payloads)))
    check(payloads, outcomes, {13: "model_timeout"})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [(b"decode-hangs ", "model_timeout"), (b"decode-memory ", "undecodable")],
)
async def test_a_decode_that_hangs_or_fails_costs_its_record(
    scorer: Scorer, payload: bytes, reason: str
) -> None:
    payloads = [b"%d" % row for row in range(24)]
    payloads[13] = payload
    outcomes = await finish(await scorer.submit(MODEL, records(*payloads)))
    check(payloads, outcomes, {13: reason})


async def test_a_decode_that_balloons_costs_its_record() -> None:
    options = HostOptions(spare=True, rss_limit_bytes=400 << 20)
    host = DeviceHost(ROOT, models_package="", options=options)
    await host.start()
    link = DeviceLink(host.socket_path)
    await link.connect()
    scorer = Scorer(link, buffer_bytes=1 << 20)
    await scorer.add(MODEL, replace(SPEC, timeout_s=20))
    payloads = [b"%d" % row for row in range(6)]
    payloads[3] = b"decode-grows 800"
    try:
        outcomes = await finish(await scorer.submit(MODEL, records(*payloads)))
        check(payloads, outcomes, {3: "model_crash"})
        assert all("memory" in death.reason for death in host.deaths)
    finally:
        await scorer.close()
        await link.close()
        await host.stop()


async def test_a_process_that_is_killed_costs_no_record(scorer: Scorer, link: DeviceLink) -> None:
    payloads = [b"%d" % row for row in range(400)]
    submissions = [await scorer.submit(MODEL, records(*payloads)) for _ in range(5)]
    for submission in submissions:
        await submission.wait(3)
        kill(link.pid)
        await asyncio.sleep(0)
        check(payloads, await finish(submission), {})
