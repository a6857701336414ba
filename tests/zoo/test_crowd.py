"""Ten models of ten tasks on one device, all with a backlog, one of them slow: none starves."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import orjson
import psutil
import pytest

from aimass_stream.kafka.sender import Sender
from aimass_stream.verify.oracle import Watched
from tests.delivery.harness import Harness, running_app
from tests.projects import leave_models_out
from tests.zoo.case import Case, Zoo
from tests.zoo.declared import to_plain
from tests.zoo.zoo import CASES

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
PARTITIONS = 2
DEADLINE_S = 300.0
LOOK_MS = 50
HEAVY = "image-to-image-swin2sr"
CROWD = {
    HEAVY: 80,
    "automatic-speech-recognition-wav2vec2": 120,
    "image-classification-swin": 120,
    "image-segmentation-segformer": 120,
    "object-detection-yolos": 120,
    "question-answering-bert": 120,
    "sentence-embedding-bert": 120,
    "text-classification-bert": 120,
    "token-classification-bert": 120,
    "zero-shot-image-classification-clip": 120,
}
"""Records of each; one of the slow model's takes what tens of the others' take."""
TIMES_FAIR = 2.0
"""A model with work waits at most this much longer than if all had divided the device alike."""
GROWTH_BYTES = 256 << 20
"""Memory that the device process may take beyond what it has when each model answered once."""

_COUNTED = re.compile(
    r'^aimass_(records_answered|device_busy_seconds)_total\{model="([^"@]+)@[^"]*"\} (\S+)$', re.M
)


@dataclass
class Watch:
    """What was seen of the engine's own counters, look by look, and of the device's memory.

    Attributes:
        url: the worker's metrics.
        device: the device process, once it is known.
        answered: records answered, by model.
        busy_s: seconds of the device, by model.
        rss_bytes: memory of the device process.
    """

    url: str
    device: psutil.Process | None = None
    answered: list[dict[str, float]] = field(default_factory=list)
    busy_s: list[dict[str, float]] = field(default_factory=list)
    rss_bytes: list[int] = field(default_factory=list)

    async def look(self) -> None:
        """Read the counters; there are none while the worker starts."""
        if self.device is not None:
            self.rss_bytes.append(int(self.device.memory_info().rss))
        found: dict[str, dict[str, float]] = {"records_answered": {}, "device_busy_seconds": {}}
        for name, model, value in _COUNTED.findall(await asyncio.to_thread(self._read)):
            found[name][model] = float(value)
        self.answered.append(found["records_answered"])
        self.busy_s.append(found["device_busy_seconds"])

    def _read(self) -> str:
        try:
            # Of the worker itself, whose address the test chose.
            with urllib.request.urlopen(self.url, timeout=5) as page:  # noqa: S310
                return str(page.read(), "utf-8")
        except OSError:
            return ""

    def has_answered(self, counts: Mapping[str, int]) -> bool:
        """Whether each model has answered so many."""
        latest = self.answered[-1] if self.answered else {}
        return all(latest.get(model, 0) >= count for model, count in counts.items())

    def fair_parts(self, model: str, count: int) -> float:
        """How many times its fair share of the device's time went by while it had work.

        Of all that the device did for anyone from the last look before it was at it to the first
        at which it was done, over its own part of that times the number of models.
        """
        first = max(at for at, one in enumerate(self.answered) if one.get(model, 0) <= 1)
        last = min(at for at, one in enumerate(self.answered) if one.get(model, 0) >= count)
        begun, ended = self.busy_s[first], self.busy_s[last]
        all_s = sum(ended.values()) - sum(begun.values())
        return all_s / (len(CROWD) * (ended[model] - begun[model]))


@pytest.fixture
def env(zoo: Zoo, worker_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A project that has no models but these, whose batches are short but for the slow one's."""
    leave_models_out(tmp_path)
    declared = [
        {
            "name": case.name,
            "kind": case.kind.__name__,
            "model": to_plain(
                zoo.declared(case), timeout_s=300.0, max_batch_rows=16 if case.name == HEAVY else 2
            ),
        }
        for case in crowd()
    ]
    (tmp_path / "declared.json").write_bytes(orjson.dumps(declared))
    path = os.pathsep.join([str(ROOT), *sys.path])
    return {**worker_env, "PYTHONPATH": path, "TEST_ZOO": str(tmp_path), "OMP_NUM_THREADS": "1"}


def crowd() -> list[Case]:
    """The cases, the slow one first."""
    found = {case.name: case for case in CASES}
    return [found[name] for name in CROWD]


async def send(url: str, app: str, case: Case, count: int) -> None:
    """So many records for a model, over all partitions of its topic."""
    async with Sender(url) as sender:
        for at, value in enumerate(islice(cycle(case.values), count)):
            await sender.send(f"{app}.{case.name}", value, key=b"k%d" % (at % 64))


def device_of(harness: Harness) -> psutil.Process:
    """The process that has the models; a warm spare has none, and less memory."""
    children = psutil.Process(harness.workers[0].pid).children(recursive=True)
    found = [one for one in children if "aimass_stream.runtime.device" in " ".join(one.cmdline())]
    return max(found, key=lambda one: int(one.memory_info().rss))


async def look_until(harness: Harness, watch: Watch, counts: Mapping[str, int]) -> None:
    """Follow the topics and the counters until each model has answered so many."""

    async def follow() -> None:
        while not watch.has_answered(counts):
            await harness.oracle.follow(timeout_ms=LOOK_MS)
            await watch.look()
            assert harness.workers[0].poll() is None, harness.logs()

    await asyncio.wait_for(follow(), DEADLINE_S)


@pytest.mark.filterwarnings("ignore")
async def test_none_of_ten_models_starves_and_memory_is_bounded(
    zoo: Zoo, broker_url: str, topic_name: str, env: dict[str, str], tmp_path: Path
) -> None:
    sources = {name: f"{topic_name}.{name}" for name in CROWD}
    ends = ("", ".answers")
    topics = {f"{source}{end}": PARTITIONS for source in sources.values() for end in ends}
    watched = [Watched(name, source, f"{source}.answers") for name, source in sources.items()]
    async with running_app(
        "tests.zoo.app", topic_name, broker_url, env, tmp_path, topics, watched
    ) as harness:
        harness.cwd = tmp_path
        worker = harness.start_worker()
        watch = Watch(f"http://127.0.0.1:{harness.ports[0]}/metrics")
        for case in crowd():
            await send(broker_url, topic_name, case, 1)
        await look_until(harness, watch, dict.fromkeys(CROWD, 1))
        watch.device = device_of(harness)
        for case in crowd():
            await send(broker_url, topic_name, case, CROWD[case.name] - 1)
        await look_until(harness, watch, CROWD)
        oracle = harness.oracle
        await harness.until(
            lambda: (
                oracle.settled()
                and all(len(oracle.accounts[name].fates) == count for name, count in CROWD.items())
            )
        )
        assert device_of(harness) == watch.device
        assert await harness.stop(worker) == 0
    for name, count in CROWD.items():
        assert oracle.accounts[name].counts()["answered"] == count, name
    others = {name: count for name, count in CROWD.items() if name != HEAVY}
    parts = {name: watch.fair_parts(name, count) for name, count in others.items()}
    done = next(one for one in watch.answered if one.items() >= others.items())
    assert done[HEAVY] < CROWD[HEAVY]
    assert max(parts.values()) <= TIMES_FAIR, parts
    assert max(watch.rss_bytes) - watch.rss_bytes[0] <= GROWTH_BYTES
