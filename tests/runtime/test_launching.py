"""Models whose device works by itself: batches are launched, and collected later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from msgspec.structs import replace

from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import DeviceLink
from aimass_stream.runtime.scorer import Scorer
from aimass_stream.runtime.shared_device import stages_of
from tests.runtime.adapters import Answer
from tests.runtime.helpers import ROOT, decode, spec
from tests.runtime.in_process_link import records
from tests.runtime.test_scorer_device import Obedient, check, finish

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEC = replace(spec("launched", timeout_s=1.0), adapter="tests.runtime.adapters:Launching")


@dataclass(frozen=True)
class Launched(Obedient):
    """Declares the test adapter that launches."""

    adapter = SPEC.adapter


MODEL = Launched(max_batch_rows=32)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[DeviceHost]:
    host = DeviceHost(ROOT, models_package="", options=HostOptions(spare=True))
    await host.start()
    yield host
    await host.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def link(host: DeviceHost) -> AsyncIterator[DeviceLink]:
    link = DeviceLink(host.socket_path)
    await link.connect()
    yield link
    await link.close()


@pytest_asyncio.fixture(loop_scope="module")
async def scorer(link: DeviceLink) -> AsyncIterator[Scorer]:
    scorer = Scorer(link, buffer_bytes=1 << 20, stages=stages_of("cuda:0"))
    await scorer.add(MODEL, SPEC)
    yield scorer
    await scorer.close()


async def test_a_batch_is_launched_while_the_one_before_is_computed(link: DeviceLink) -> None:
    await link.load(SPEC)
    first = asyncio.create_task(link.predict(SPEC.id, [b"behind"]))
    second = asyncio.create_task(link.predict(SPEC.id, [b"b"]))
    assert decode(await first) == [Answer(6, b"behind", b"behind")]
    assert decode(await second) == [Answer(1, b"b", b"b")]


async def test_every_record_gets_its_own_outcome(scorer: Scorer) -> None:
    payloads = [b"%d" % row * (row + 1) for row in range(300)]
    payloads[7], payloads[150], payloads[299] = b"refused x", b"raise x", b"no-answer"
    payloads[40], payloads[80] = b"memory x", b"launch-raise "
    outcomes = await finish(await scorer.submit(MODEL, records(*payloads), lag=1000))
    reasons = {7: "too_large", 40: "model_error", 80: "model_error", 150: "model_error"}
    check(payloads, outcomes, {**reasons, 299: "invalid_output"})
    assert "told to raise" in outcomes[80].detail


@pytest.mark.parametrize(
    ("payload", "reason"),
    [(b"exit 3", "model_crash"), (b"lost ", "model_crash"), (b"sleep 1000", "model_timeout")],
)
async def test_what_ends_the_process_costs_itself(
    scorer: Scorer, host: DeviceHost, payload: bytes, reason: str
) -> None:
    payloads = [b"%d" % row for row in range(64)]
    payloads[21] = payload
    outcomes = await finish(await scorer.submit(MODEL, records(*payloads)))
    check(payloads, outcomes, {21: reason})
    if payload == b"lost ":
        assert "its device was lost" in host.deaths[-1].reason
