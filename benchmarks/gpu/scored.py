"""Ours: records through the scorer and a device process, without Kafka.

    python -m benchmarks.gpu.scored KIND REGISTRY COUNT

Prints its figures as JSON. Those of the GPU are from its own clock: when it computed, and when
it was sent something.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimass_stream import Prediction, Record, Transformers
from aimass_stream.registry.folder import resolve
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import DeviceLink
from aimass_stream.runtime.scorer import Scorer
from aimass_stream.runtime.shared_device import stages_of
from benchmarks.gpu.kinds import DTYPE, KINDS, Kind
from benchmarks.gpu.timed import NOTES

_CHUNK = 512
_OPEN_CHUNKS = 16
_WARM_SHARE = 0.1

Spans = list[tuple[float, float]]


@dataclass(frozen=True, init=False)
class Timed(Transformers[Prediction]):
    """A declaration whose adapter notes when the GPU was at work."""

    @property
    def adapter(self) -> str:  # type: ignore[override]  # as in the class it derives from
        """`module:Class` of its `Predictor`."""
        name = "TimedImages" if self.task.startswith("image") else "TimedText"
        return f"benchmarks.gpu.timed:{name}"


async def run(kind: Kind, registry: Path, count: int, device: str) -> dict[str, float]:
    """Score so many records and say how quickly that went."""
    declare: Any = Timed if device.startswith("cuda") else Transformers
    model = declare(kind.task, f"models://{kind.model}", dtype=DTYPE, max_batch_rows=1024)
    records = [
        kind.record("bench", 0, number, 0, None, payload, ())
        for number, payload in enumerate(kind.draw(count))
    ]
    host = DeviceHost(Path.cwd(), device, "benchmarks.gpu", HostOptions(spare=False))
    await host.start()
    link = DeviceLink(host.socket_path)
    await link.connect()
    scorer = Scorer(link, buffer_bytes=256 << 20, stages=stages_of(device))
    try:
        await scorer.add(model, resolve(model, registry))
        return await _score(scorer, model, records)
    finally:
        await scorer.close()
        await link.close()
        await host.stop()


async def _score(scorer: Scorer, model: Any, records: Sequence[Record]) -> dict[str, float]:
    open_chunks = asyncio.Semaphore(_OPEN_CHUNKS)
    warm, answered, begun_s = int(_WARM_SHARE * len(records)), 0, 0.0

    async def score(chunk: Sequence[Record], behind: int) -> None:
        nonlocal answered, begun_s
        submission = await scorer.submit(model, chunk, lag=behind)
        row = 0
        while row < len(chunk):
            row = await submission.wait(row)
        assert all(isinstance(one, Prediction) for one in submission.outcomes)
        answered += len(chunk)
        if not begun_s and answered >= warm:
            begun_s, counted[0] = time.perf_counter(), answered
        open_chunks.release()

    counted, tasks = [0], set[asyncio.Task[None]]()
    cpu_s = time.process_time()
    for first in range(0, len(records), _CHUNK):
        await open_chunks.acquire()
        chunk = records[first : first + _CHUNK]
        task = asyncio.create_task(score(chunk, len(records) - first - len(chunk)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    took_s = time.perf_counter() - begun_s
    return {
        "records_per_s": round((len(records) - counted[0]) / took_s, 1),
        "worker_cpu_us_per_record": round((time.process_time() - cpu_s) / len(records) * 1e6, 2),
    }


def gpu_figures(notes: Path) -> dict[str, float]:
    """What a GPU's own clock says of the run, behind its first tenth."""
    computed, sent = _read(notes, "compute"), _read(notes, "send")
    begin_ms, end_ms = computed[int(_WARM_SHARE * len(computed))][0], computed[-1][1]
    computed = [span for span in computed if span[0] >= begin_ms]
    sent = [span for span in sent if begin_ms <= span[0] <= end_ms]
    copy_ms, hidden_ms = sum(end - begin for begin, end in sent), sum(_hidden(sent, computed))
    return {
        "busy_share": round(sum(end - begin for begin, end in computed) / (end_ms - begin_ms), 4),
        "compute_ms_per_batch": round(
            sum(end - begin for begin, end in computed) / len(computed), 3
        ),
        "copy_ms_per_batch": round(copy_ms / len(computed), 3),
        "copy_hidden_share": round(hidden_ms / copy_ms, 4) if copy_ms else 1.0,
    }


def _read(notes: Path, what: str) -> Spans:
    lines = (line.split() for line in notes.read_text().splitlines())
    return sorted((float(begin), float(end)) for name, begin, end in lines if name == what)


def _hidden(sent: Spans, computed: Spans) -> Iterator[float]:
    """How much of each copy went on while something was computed."""
    first = 0
    for begin, end in sent:
        while first < len(computed) and computed[first][1] <= begin:
            first += 1
        place, hidden = first, 0.0
        while place < len(computed) and computed[place][0] < end:
            hidden += min(end, computed[place][1]) - max(begin, computed[place][0])
            place += 1
        yield hidden


def main() -> None:
    """Parse the arguments and print the figures."""
    name, registry, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    device = sys.argv[4] if len(sys.argv) > 4 else "cuda:0"
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        os.environ[NOTES] = str(notes)
        figures = asyncio.run(run(KINDS[name], registry, count, device))
        if notes.exists():
            figures.update(gpu_figures(notes))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
