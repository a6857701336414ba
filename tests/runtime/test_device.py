"""One device process and the links to it, while nothing worse happens than a bad batch."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aimass_stream.errors import DeviceError, Reason, RecordError, SetupError
from aimass_stream.runtime import session
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import BatchFailed, DeviceLink, LinkOptions, Scored
from tests.runtime.adapters import Answer
from tests.runtime.helpers import ROOT, decode, loop_lag, spec, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OBEDIENT = spec()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[DeviceHost]:
    host = DeviceHost(ROOT, models_package="", options=HostOptions(spare=False, decode_threads=2))
    await host.start()
    yield host
    await host.stop()
    assert [death.reason for death in host.deaths] == []


async def open_link(host: DeviceHost, options: LinkOptions | None = None) -> DeviceLink:
    link = DeviceLink(host.socket_path, options or LinkOptions())
    await link.connect()
    await link.load(OBEDIENT)
    return link


@pytest_asyncio.fixture(loop_scope="module")
async def link(host: DeviceHost) -> AsyncIterator[DeviceLink]:
    link = await open_link(host)
    yield link
    await link.close()


def expected(payload: bytes) -> Answer:
    return Answer(len(payload), payload[:8], payload[-8:])


async def fail(link: DeviceLink, payload: bytes, model: str = OBEDIENT.id) -> BatchFailed:
    with pytest.raises(BatchFailed) as failed:
        await link.predict(model, [b"before", payload, b"after"])
    assert decode(await link.predict(OBEDIENT.id, [b"next"])) == [expected(b"next")]
    return failed.value


@pytest.mark.parametrize("inline_bytes", [-1, 32 * 1024, 2**40], ids=["arena", "both", "inline"])
@pytest.mark.parametrize(
    "sizes",
    [[], [0], [1], [250] * 32, [0, 5_000_000, 0, 1], [100_000, 0] * 16, list(range(0, 8000, 250))],
    ids=lambda sizes: f"{len(sizes)}x{max(sizes, default=0)}",
)
async def test_answers_come_in_order(host: DeviceHost, sizes: list[int], inline_bytes: int) -> None:
    link = await open_link(host, LinkOptions(inline_bytes=inline_bytes))
    payloads = [os.urandom(size).replace(b" ", b"_") for size in sizes]
    scored = await link.predict(OBEDIENT.id, [memoryview(payload) for payload in payloads])
    assert decode(scored) == [expected(payload) for payload in payloads]
    await link.close()


async def test_payloads_that_do_not_fit_the_arena_travel_in_the_frame(host: DeviceHost) -> None:
    link = await open_link(host, LinkOptions(inline_bytes=0, arena_bytes=1 << 16))
    batches = [[bytes([n]) * 20_000 for n in range(rows)] for rows in (1, 2, 3, 4, 5)]
    scored = await asyncio.gather(*(link.predict(OBEDIENT.id, batch) for batch in batches))
    for batch, answers in zip(batches, scored, strict=True):
        assert decode(answers) == [expected(payload) for payload in batch]
    await link.close()


async def test_many_callers_of_two_links_get_their_own_answers(
    host: DeviceHost, link: DeviceLink
) -> None:
    other, rng = await open_link(host), random.Random(3)

    async def call(which: DeviceLink, number: int) -> None:
        payloads = [b"%d-%d" % (number, row) * rng.randrange(1, 3000) for row in range(number % 7)]
        assert decode(await which.predict(OBEDIENT.id, payloads)) == [*map(expected, payloads)]

    await asyncio.gather(*(call((link, other)[number % 2], number) for number in range(200)))
    await other.close()


async def test_a_bad_record_costs_itself(link: DeviceLink) -> None:
    payloads = [b"a", b"undecodable secret", b"b", b"refused", b"no-answer", b"unsendable", b"c"]
    answers = decode(await link.predict(OBEDIENT.id, payloads))
    good = [answer for answer in answers if isinstance(answer, Answer)]
    bad = [answer for answer in answers if isinstance(answer, RecordError)]
    assert good == [expected(b"a"), expected(b"b"), expected(b"c")]
    assert [(error.reason, error.detail) for error in bad] == [
        (Reason.UNDECODABLE, "ValueError: cannot read '...' at all"),
        (Reason.TOO_LARGE, "too large for this model"),
        (Reason.INVALID_OUTPUT, "not a number"),
        (Reason.INVALID_OUTPUT, "TypeError: an answer holds a object, which cannot be sent"),
    ]
    assert "in decode" in bad[0].trace
    assert "secret" not in bad[0].trace


async def test_a_batch_of_nothing_but_bad_records_is_answered(link: DeviceLink) -> None:
    answers = decode(await link.predict(OBEDIENT.id, [b"refused"] * 3))
    assert [isinstance(answer, RecordError) for answer in answers] == [True] * 3


async def test_what_predict_raises_fails_the_batch(link: DeviceLink) -> None:
    failed = await fail(link, b"raise now")
    assert failed.reason is Reason.MODEL_ERROR
    assert failed.detail == "ArithmeticError: told to raise"
    assert "in predict" in failed.trace
    assert not failed.out_of_memory


async def test_running_out_of_memory_is_told_apart(link: DeviceLink) -> None:
    failed = await fail(link, b"memory please")
    assert failed.reason is Reason.MODEL_ERROR
    assert failed.out_of_memory


@pytest.mark.parametrize(("word", "count"), [(b"short", 2), (b"none", 0)])
async def test_a_wrong_number_of_answers_fails_the_batch(
    link: DeviceLink, word: bytes, count: int
) -> None:
    failed = await fail(link, word + b" ")
    assert failed.reason is Reason.INVALID_OUTPUT
    assert failed.detail == f"the model gave {count} answers for 3 records"


async def test_a_model_is_loaded_once_for_all_links(host: DeviceHost, link: DeviceLink) -> None:
    other, slow = await open_link(host), spec("slow-to-load", load_s=0.4)
    started = time.monotonic()
    await asyncio.gather(link.load(slow), other.load(slow), link.load(slow))
    assert time.monotonic() - started < 0.8
    await other.load(slow)
    assert decode(await other.predict(slow.id, [b"x"])) == [expected(b"x")]
    await other.close()


async def test_other_settings_under_the_same_version_are_refused(
    host: DeviceHost, link: DeviceLink
) -> None:
    other = DeviceLink(host.socket_path)
    await other.connect()
    with pytest.raises(SetupError, match="loaded with other settings"):
        await other.load(spec(decode_s=0.1))
    with pytest.raises(SetupError, match="loaded with other settings"):
        await link.load(spec(decode_s=0.1))
    await other.load(OBEDIENT)
    await other.close()


@pytest.mark.parametrize(
    ("adapter", "options", "says"),
    [
        pytest.param("", {"refuse": "weights are missing"}, "^weights are missing$", id="refuses"),
        pytest.param("", {"raise": "odd"}, "cannot be loaded by .*RuntimeError: odd", id="raises"),
        pytest.param("no.such:Thing", {}, "no.such:Thing cannot be imported", id="no module"),
        pytest.param("tests.runtime.adapters:No", {}, "has no attribute 'No'", id="no class"),
        pytest.param("nonsense", {}, "nonsense cannot be imported", id="no name"),
    ],
)
async def test_a_model_that_cannot_be_loaded_says_why(
    link: DeviceLink, adapter: str, options: dict[str, Any], says: str
) -> None:
    broken = spec("broken", **options)
    if adapter:
        broken = type(broken)("broken", "1", adapter, "")
    for _ in range(2):
        with pytest.raises(SetupError, match=says):
            await link.load(broken)
    with pytest.raises(SetupError, match=says):
        await link.predict(broken.id, [b"x"])
    assert decode(await link.predict(OBEDIENT.id, [b"x"])) == [expected(b"x")]


async def test_a_model_that_was_not_loaded_is_not_predicted_with(link: DeviceLink) -> None:
    with pytest.raises(SetupError, match="unknown@1 was not loaded"):
        await link.predict("unknown@1", [b"x"])


async def test_the_callers_loop_waits_for_neither_predict_nor_load(link: DeviceLink) -> None:
    with loop_lag() as lags:
        slow = asyncio.create_task(link.load(spec("slower", load_s=2.0)))
        await asyncio.gather(link.predict(OBEDIENT.id, [b"sleep 3"]), slow)
    assert len(lags) > 200
    assert sorted(lags)[-5] < 0.1


async def test_one_model_answers_while_another_loads(link: DeviceLink) -> None:
    loading = asyncio.create_task(link.load(spec("loads-behind", load_s=1.0)))
    await link.predict(OBEDIENT.id, [b"x"])
    assert not loading.done()
    assert not link.is_loaded
    await link.wait_loaded()
    assert link.is_loaded
    assert loading.done()


async def test_a_batch_is_decoded_while_the_one_before_is_predicted(link: DeviceLink) -> None:
    await link.load(slow := spec("slow-decode", decode_s=0.04))
    batch = [b"sleep 0.2", *[b"x"] * 9]
    started = time.monotonic()
    scored: list[Scored] = await asyncio.gather(*(link.predict(slow.id, batch) for _ in range(4)))
    took_s = time.monotonic() - started
    alone_ms = [one.decode_ms + one.predict_ms for one in scored]
    assert took_s < sum(alone_ms) / 1000 * 0.85
    # Two threads share the decoding, once it is known to take long.
    assert scored[-1].decode_ms < 350
    assert all(200 <= one.predict_ms < 400 for one in scored)
    assert all(later.queue_ms > earlier.queue_ms for earlier, later in pairwise(scored))


async def test_a_caller_may_leave_and_its_slot_comes_back(host: DeviceHost) -> None:
    link = await open_link(host, LinkOptions(inline_bytes=0, arena_bytes=1 << 20))
    session = link._connected()
    assert session is not None
    busy = asyncio.create_task(link.predict(OBEDIENT.id, [b"sleep 0.3", bytes(100_000)]))
    waiting = [
        asyncio.create_task(link.predict(OBEDIENT.id, [b"sleep 5", bytes(1000)])) for _ in range(5)
    ]
    await until(lambda: session.in_flight == 6, "all in flight")
    for task in (busy, *waiting):
        task.cancel()
    for task in (busy, *waiting):
        with suppress(asyncio.CancelledError):
            await task
    assert session._arena.free_bytes < 1 << 20
    started = time.monotonic()
    assert decode(await link.predict(OBEDIENT.id, [b"x"])) == [expected(b"x")]
    assert time.monotonic() - started < 3
    assert session._arena.free_bytes == 1 << 20
    assert session.in_flight == 0
    await link.close()


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n\r\n", random.Random(1).randbytes(100)])
async def test_a_stranger_is_hung_up_on_and_nobody_else_notices(
    host: DeviceHost, link: DeviceLink, data: bytes
) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(stranger, str(host.socket_path))
        if data:
            await loop.sock_sendall(stranger, data)
            async with asyncio.timeout(5):
                with suppress(ConnectionResetError):
                    assert await loop.sock_recv(stranger, 1) == b""
    assert decode(await link.predict(OBEDIENT.id, [b"x"])) == [expected(b"x")]


async def test_a_process_that_is_too_busy_to_say_hello_is_tried_again_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "_HELLO_TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(tmp_path / "busy"))
        busy.listen()
        link = DeviceLink(tmp_path / "busy")
        connecting = asyncio.create_task(link.connect())
        told = "no connection to the device process (TimeoutError: no hello from it in 0.05 s)"
        await until(lambda: f"{told}; trying again" in caplog.text, "a word of it")
        await link.close()
        with pytest.raises(DeviceError, match="closed"):
            await connecting


async def test_a_closed_link_fails_its_callers_and_stays_closed(host: DeviceHost) -> None:
    link = await open_link(host)
    call = asyncio.create_task(link.predict(OBEDIENT.id, [b"sleep 0.2"]))
    await until(lambda: (session := link._connected()) and session.in_flight, "in flight")
    await link.close()
    with pytest.raises(Exception, match="link to the device process is closed"):
        await call
    with pytest.raises(Exception, match="link to the device process is closed"):
        await link.predict(OBEDIENT.id, [b"x"])
    await link.close()
