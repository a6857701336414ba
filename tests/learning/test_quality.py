"""Quality of a model on a real topic: figures live, a drift as an alert, labels of every kind."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest

from aimass_stream.errors import RecordError
from aimass_stream.learners.quality.state import QualityState
from aimass_stream.records import Quality
from aimass_stream.runtime.blocks import BlockLearner
from aimass_stream.runtime.learning import event_of
from aimass_stream.verify.oracle import Watched
from tests.delivery.harness import running_app, send
from tests.learning.learners import LABELS, quality
from tests.learning.test_learning import kill_learner_process
from tests.learning.uninterrupted import answers_on, read_all

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]

RECORDS = 1_200
CHANGED = 800


def guess(truth: str, wrong: float, draw: random.Random) -> bytes:
    """What a model is to say of a record, wrong so often, and what it should have been."""
    said = LABELS[1 - LABELS.index(truth)] if draw.random() < wrong else truth
    answer = {"label": said, "score": 0.9, "scores": {said: 0.9}}
    return orjson.dumps({**answer, "truth": truth})


async def unlabelled(url: str, topic: str, known: set[str]) -> list[dict[str, str]]:
    """The right feedback on each record that is not among those known, which it then is."""
    found = []
    for chunks in (await read_all(url, topic)).values():
        for chunk in chunks:
            for offset, value in zip(chunk.offsets, chunk.values, strict=True):
                place = f"{chunk.topic}/{chunk.partition}/{offset}"
                if place not in known:
                    found.append({"record": place, "label": orjson.loads(value or b"")["truth"]})
    known |= {one["record"] for one in found}
    return found


def said_of(right: list[dict[str, str]]) -> list[dict[str, str]]:
    """Labels as people give them: some never, some twice, some wrong at first."""
    said = []
    for at, one in enumerate(right):
        if at % 11 == 0:
            said.append({**one, "label": LABELS[1 - LABELS.index(one["label"])]})
        if at % 7:
            said += [one] * (1 + (at % 5 == 0))
    return said


async def replayed(url: str, log: str) -> tuple[dict[str, Quality], Quality | None]:
    """Drifts by their record, and the last answer, of a watch that nobody interrupts."""
    state = QualityState(quality.settings)
    block: BlockLearner[Any] = BlockLearner(state, quality.block_rows, 0)
    drifts: dict[str, Quality] = {}
    latest = None
    for chunk in (await read_all(url, log))[0]:
        rows = []
        for row in range(len(chunk)):
            event = event_of(chunk, row)
            try:
                rows.append((event, state.read(event)))
            except RecordError:
                continue
        for (event, _), answer in zip(rows, block.take(rows)[0], strict=True):
            if isinstance(answer, Quality):
                latest = answer
                if answer.drift is not None:
                    drifts[f"{log}/0/{event.offset}"] = answer
    return drifts, latest


def gauges(port: int) -> dict[str, float]:
    """What a worker's metrics say of the model."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        page = answer.read().decode()
    found = re.findall(r'^(aimass_\w+)\{model="guess@1"(?:,outcome="(\w+)")?\} (\S+)$', page, re.M)
    return {f"{name} {outcome}".strip(): float(value) for name, outcome, value in found}


async def test_a_model_that_gets_worse_raises_an_alert_and_its_figures_are_live(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    name, draw = topic_name, random.Random(3)
    log = f"{name}.quality.log"
    topics = {f"{name}.{part}": 4 for part in ("source", "guesses", "feedback")}
    topics |= {f"{name}.alerts": 1, log: 1}
    watched = [
        Watched("guess", f"{name}.source", f"{name}.guesses"),
        Watched(f"quality.{name}.guesses", f"{name}.guesses", log),
        Watched(f"quality.{name}.feedback", f"{name}.feedback", log),
        Watched("watch", log, f"{name}.alerts"),
    ]
    async with running_app(
        "tests.learning.quality_app", name, broker_url, worker_env, tmp_path, topics, watched
    ) as harness:
        harness.give_models_of_its_own()
        accounts = harness.oracle.accounts
        worker = harness.start_worker()
        known: set[str] = set()
        labels = 0
        for first, last, wrong in ((0, CHANGED, 0.05), (CHANGED, RECORDS, 0.6)):
            values = [guess(draw.choice(LABELS), wrong, draw) for _ in range(first, last)]
            await send(broker_url, f"{name}.source", values)
            await harness.until(lambda: len(accounts["watch"].arrived_ms) >= last + labels)  # noqa: B023 - awaited here
            if first:
                kill_learner_process(worker.pid)
            said = said_of(await unlabelled(broker_url, f"{name}.source", known))
            said += [{"record": f"{name}.source/0/{9_000 + first}", "label": "odd"}]
            said += [{"record": f"{name}.source/0/1", "label": "neither"}]
            await send(broker_url, f"{name}.feedback", [orjson.dumps(one) for one in said])
            labels += len(said)
            await harness.until(
                lambda: (
                    len(accounts["watch"].arrived_ms) >= last + labels  # noqa: B023 - awaited here
                    and harness.oracle.settled()
                ),
                deadline_s=240,
            )
        shown = await asyncio.to_thread(gauges, harness.ports[-1])
        assert await harness.stop(worker, signal.SIGTERM) == 0
        assert sorted(accounts["watch"].dead.values()) == ["bad_envelope"] * 2
        assert all(account.lost() == [] for account in accounts.values())
        drifts, latest = await replayed(broker_url, log)
        alerts = await answers_on(broker_url, f"{name}.alerts")
    assert latest is not None
    (model,) = latest.models
    of_quality = {name: shown[name] for name in shown if "aimass_records_" not in name}
    assert of_quality == {
        "aimass_accuracy_ratio": model.accuracy,
        "aimass_brier_score": model.brier,
        "aimass_calibration_error_ratio": model.calibration_error,
        "aimass_answer_distance_ratio": model.distance,
        "aimass_labels learnt": model.labels,
        "aimass_labels corrected": model.corrected,
        "aimass_labels unlabelled": model.unlabelled,
    }
    assert model.corrected > 50
    assert alerts.keys() == drifts.keys()
    told_of = [orjson.loads(value) for values in alerts.values() for value in values]
    assert any(alert["reason"].startswith("errors rose from") for alert in told_of)
    assert {alert["detector"] for alert in told_of} == {"quality@1"}
