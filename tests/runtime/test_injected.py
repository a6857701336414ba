"""Models that fail on purpose, in a real device process, as a plan says."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest
import pytest_asyncio

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.model import ModelSpec
from aimass_stream.records import Claim, Embedding, Entity, Image, Limits, Prediction
from aimass_stream.runtime.answers import AnswerReader
from aimass_stream.runtime.blocks import BlockLearner
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.injected import _without_numbers, inject_state
from aimass_stream.runtime.injection_plan import (
    FAULTS,
    Injection,
    Kind,
    Plan,
    PlanFile,
    digest_of,
    payload_digest,
    short_id,
)
from aimass_stream.runtime.link import BatchFailed, DeviceLink, LinkOptions
from tests.runtime.adapters import Answer
from tests.runtime.helpers import ROOT, decode, spec, until

MODEL, OTHER = spec("struck", timeout_s=1.0), spec("spared", timeout_s=20.0)
VICTIM, GOOD = b"victim", [b"a", b"b", b"c"]
TIMEOUT_S = 0.4


class Bench:
    """A device process that is given a plan, and a link to it."""

    def __init__(self, host: DeviceHost, link: DeviceLink, file: PlanFile, said: bytearray) -> None:
        self.host = host
        self.link = link
        self.file = file
        self.said = said

    def plan(self, kind: Kind, **options: object) -> None:
        one = Injection(kind=kind, model=MODEL.id, victims=frozenset({digest_of(VICTIM)}))
        self.file.write(
            Plan(timeout_s=TIMEOUT_S, injections=(msgspec.structs.replace(one, **options),))
        )

    def repair(self) -> None:
        self.file.write(Plan(timeout_s=TIMEOUT_S))

    async def fail(self) -> BatchFailed:
        with pytest.raises(BatchFailed) as failed:
            await self.link.predict(MODEL.id, [*GOOD, VICTIM])
        return failed.value

    async def is_whole(self, model: ModelSpec, limit_s: float = 5.0) -> None:
        """Good payloads are answered, if need be after a process has died."""
        async with asyncio.timeout(limit_s):
            while True:
                with suppress(BatchFailed):
                    answers = decode(await self.link.predict(model.id, GOOD))
                    break
        assert answers == [Answer(1, payload, payload) for payload in GOOD]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    file, said = PlanFile(tmp_path_factory.mktemp("faults") / "plan.json"), bytearray()
    file.write(Plan(timeout_s=TIMEOUT_S))
    options = HostOptions(rss_limit_bytes=300 << 20, on_stderr=said.extend)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FAULTS, str(file.path))
        host = DeviceHost(ROOT, models_package="", options=options)
        await host.start()
        link = DeviceLink(host.socket_path, LinkOptions(grace_s=0.5))
        await link.connect()
        await link.load(MODEL)
        await link.load(OTHER)
        yield Bench(host, link, file, said)
        await link.close()
        await host.stop()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("kind", "reason", "detail"),
    [
        ("raise", Reason.MODEL_ERROR, "InjectedError: told to raise"),
        ("wrong_count", Reason.INVALID_OUTPUT, "the model gave 3 answers for 4 records"),
        ("hang", Reason.MODEL_TIMEOUT, "predict of struck@1 did not end within 0.4 s"),
        ("freeze", Reason.MODEL_TIMEOUT, "the device process gave no sign of life and was killed"),
        ("crash", Reason.MODEL_CRASH, "the device process died"),
    ],
)
async def test_a_victim_fails_its_batch_and_nobody_else(
    bench: Bench, kind: Kind, reason: Reason, detail: str
) -> None:
    await until(lambda: bench.host.spare_pid, "a warm spare")
    bench.plan(kind)
    await bench.is_whole(MODEL)
    failed = await bench.fail()
    assert (failed.reason, failed.detail) == (reason, detail)
    await bench.is_whole(OTHER)
    await bench.is_whole(MODEL)
    bench.repair()
    assert len(decode(await bench.link.predict(MODEL.id, [VICTIM]))) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_balloon_is_pricked_by_the_limit_on_memory(bench: Bench) -> None:
    await until(lambda: bench.host.spare_pid, "a warm spare")
    deaths = len(bench.host.deaths)
    bench.plan("balloon")
    # Killed for its memory, before the watchdog's time is up or by it on a busy machine.
    assert (await bench.fail()).reason in {Reason.MODEL_CRASH, Reason.MODEL_TIMEOUT}
    await until(lambda: len(bench.host.deaths) > deaths, "a death")
    bench.repair()
    await bench.is_whole(MODEL)


@pytest.mark.asyncio(loop_scope="module")
async def test_answers_without_numbers_and_slow_calls(bench: Bench) -> None:
    bench.plan("nan")
    scored = await bench.link.predict(MODEL.id, [b"a", VICTIM])
    good, bad = AnswerReader(Answer).read(scored.answers)
    assert good == Answer(1, b"a", b"a")
    assert isinstance(bad, RecordError)
    assert bad.reason is Reason.INVALID_OUTPUT
    bench.plan("slow", victims=frozenset(), slow_ms=150.0)
    started = time.monotonic()
    await bench.is_whole(MODEL)
    assert time.monotonic() - started >= 0.15
    bench.repair()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_model_that_always_fails_is_repaired_by_a_new_plan(bench: Bench) -> None:
    bench.plan("raise", victims=frozenset())
    for payload in GOOD:
        with pytest.raises(BatchFailed, match="told to raise"):
            await bench.link.predict(MODEL.id, [payload])
    await bench.is_whole(OTHER)
    bench.repair()
    await bench.is_whole(MODEL)


@pytest.mark.asyncio(loop_scope="module")
async def test_calls_are_noted_and_the_process_says_that_it_fails_on_purpose(bench: Bench) -> None:
    before = len(bench.file.calls())
    bench.plan("raise")
    await bench.fail()
    await bench.is_whole(MODEL)
    await bench.is_whole(OTHER)
    bench.repair()
    await bench.is_whole(MODEL)
    first, second = bench.file.calls()[before:]
    assert first.struck == {short_id(digest_of(VICTIM)): "raise"}
    assert second.struck == {}
    assert [len(call.rows) for call in (first, second)] == [4, 3]
    assert first.model == MODEL.id
    assert first.pid == bench.host.pid
    assert first.at_s < second.at_s < time.monotonic()
    assert b"FAULTS ARE INJECTED INTO struck@1" in bench.said


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Prediction("cat", 0.9, {"cat": 0.9, "dog": 0.1}), Prediction),
        (Embedding.of(np.ones(3)), Embedding),
        (Entity("city", 0, 3, "Bern", 0.5), Entity),
        (17, int),
    ],
)
def test_an_answer_loses_its_numbers(answer: object, kind: type[object]) -> None:
    encoded = msgspec.msgpack.encode(_without_numbers(answer))
    (outcome,) = AnswerReader(kind).read([encoded])
    assert isinstance(outcome, RecordError)
    assert outcome.reason is Reason.INVALID_OUTPUT


def test_an_embedding_that_is_no_whole_vector_is_no_answer() -> None:
    good, short = Embedding.of(np.ones(3)), Embedding(b"\0\0\0\0", 3)
    infinite = Embedding.of(np.array([1.0, math.inf]))
    encoded = [msgspec.msgpack.encode(answer) for answer in (good, short, infinite)]
    outcomes = AnswerReader(Embedding).read(encoded)
    assert outcomes[0] == good
    assert all(isinstance(outcome, RecordError) for outcome in outcomes[1:])


def test_victims_by_share_are_drawn_once_and_for_all() -> None:
    digests = [digest_of(b"%d" % number) for number in range(4000)]
    tenth = Injection(kind="raise", share=0.1)
    first = [Plan(seed=1).is_victim(tenth, digest) for digest in digests]
    assert first == [Plan(seed=1).is_victim(tenth, digest) for digest in digests]
    assert first != [Plan(seed=2).is_victim(tenth, digest) for digest in digests]
    assert sum(first) == pytest.approx(400, rel=0.15)


def test_a_plan_is_read_again_when_it_changes_and_a_broken_one_changes_nothing(
    tmp_path: Path,
) -> None:
    writer, reader = PlanFile(tmp_path / "plan"), PlanFile(tmp_path / "plan")
    assert reader.read() == Plan()
    for seed in range(1, 50):
        writer.write(Plan(seed=seed))
        assert reader.read() == Plan(seed=seed)
    assert reader.read() is reader.read()
    (tmp_path / "plan").write_text("{")
    assert reader.read() == Plan(seed=49)


@pytest.mark.parametrize("form", ["raw", "json", "claim"])
def test_the_digest_is_of_the_payload_in_whatever_form_it_is_sent(form: str) -> None:
    payload = next(e.value for e in Image.examples(50) if e.headers[0][1] == b"image/png")
    claim = Claim("file:///a", digest_of(payload), len(payload), "image/png")
    value, headers = {
        "raw": lambda: Image.encode_raw(payload),
        "json": lambda: Image.encode_json(payload),
        "claim": lambda: Image.encode_claim(claim),
    }[form]()
    record = Image("topic", 0, 0, 0, None, value, headers)
    assert payload_digest(record, Limits()) == digest_of(payload)


class Sum:
    """A learner that answers with the sum of what it learnt."""

    def __init__(self) -> None:
        self.learnt = 0.0

    def read(self, event: Event) -> float:
        return float(event.value)

    def score(self, inputs: Sequence[float]) -> list[float]:
        return [self.learnt + one for one in inputs]

    def learn(self, inputs: Sequence[float]) -> None:
        self.learnt += math.fsum(inputs)

    def snapshot(self) -> Snapshot:
        return Snapshot({}, {"learnt": self.learnt})

    def restore(self, snapshot: Snapshot) -> None:
        self.learnt = snapshot.data["learnt"]


def test_a_learner_never_learns_a_victim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = PlanFile(tmp_path / "plan")
    monkeypatch.setitem(os.environ, FAULTS, str(file.path))
    victims: dict[bytes, Kind] = {b"2": "raise", b"3": "nan", b"5": "wrong_count"}
    injections = tuple(
        Injection(kind=kind, model="sum@1", victims=frozenset({digest_of(value)}))
        for value, kind in victims.items()
    )
    file.write(Plan(injections=injections))
    own = Sum()
    state = inject_state(ModelSpec("sum", "1", "", ""), lambda settings: own)({})
    learner = BlockLearner(state, 2, 0)
    events = [Event(at, "t", 0, f"t/0/{at}", None, b"%d" % at) for at in range(8)]
    answers, _ = learner.take([(event, state.read(event)) for event in events])
    reasons = [answer.reason if isinstance(answer, RecordError) else None for answer in answers]
    bad, wrong = Reason.MODEL_ERROR, Reason.INVALID_OUTPUT
    assert reasons == [None, None, bad, wrong, None, wrong, None, None]
    assert own.learnt == 0 + 1 + 4 + 6
