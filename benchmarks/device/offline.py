"""The floor: the same model over the same files, all of them at hand, on one core.

    python -m benchmarks.device.offline KIND FOLDER COUNT CORE POLICY

Decoding or tokenising is part of it, as it is part of what a device process does. A policy that
ends with `, packed` has the layers computed as a device process has them, so that what is left
between the two is how full the device is kept. Prints its figures as JSON.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from benchmarks.device.kinds import PACKED

_WINDOW = 160

Ids = list[int]
"""The tokens of a text."""
Batch = tuple[dict[str, Any], int, int]
"""Arguments of a forward pass, its real cost and its padded cost."""


@dataclass(frozen=True)
class Offline:
    """What the batches of a kind are made from."""

    folder: Path
    payloads: Sequence[bytes]
    policy: str


def text_batches(given: Offline) -> Iterator[Batch]:
    """Tokens, in the batches that the policy says."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(given.folder)
    tokenizer.backend_tokenizer.enable_truncation(tokenizer.model_max_length)
    for batch in cut(_tokens(tokenizer.backend_tokenizer, given.payloads), given.policy):
        longest = max(map(len, batch))
        ids = torch.full((len(batch), longest), tokenizer.pad_token_id)
        mask = torch.zeros((len(batch), longest), dtype=torch.int64)
        for row, one in enumerate(batch):
            ids[row, : len(one)] = torch.tensor(one)
            mask[row, : len(one)] = 1
        real = sum(map(len, batch))
        yield {"input_ids": ids, "attention_mask": mask}, real, longest * len(batch)


def _tokens(backend: Any, payloads: Sequence[bytes]) -> Iterator[Ids]:
    for first in range(0, len(payloads), _WINDOW):
        texts = [one.decode() for one in payloads[first : first + _WINDOW]]
        yield from (one.ids for one in backend.encode_batch(texts))


def cut(rows: Iterator[Ids], policy: str) -> Iterator[Sequence[Ids]]:
    """Batches of `longest of 32`, as rows come, or of `window of 160, 1024 tokens`.

    The latter keeps 160 rows at hand. A batch is a run of rows of about one length, the oldest
    among them, that is within the budget when padded: the run with the smallest share of padding.
    """
    words = policy.split()
    if policy.startswith("longest"):
        while batch := list(islice(rows, int(words[-1]))):
            yield batch
        return
    budget, waiting = int(words[-2]), list[tuple[int, int, Ids]]()
    numbered = enumerate(rows)
    while True:
        for number, row in islice(numbered, _WINDOW - len(waiting)):
            insort(waiting, (len(row), number, row))
        if not waiting:
            return
        first, end = _least_padded(waiting, budget)
        yield [row for _, _, row in waiting[first:end]]
        del waiting[first:end]


def _least_padded(waiting: Sequence[tuple[int, int, Ids]], budget: int) -> tuple[int, int]:
    oldest = min(range(len(waiting)), key=lambda place: waiting[place][1])
    sums = list(accumulate((length for length, _, _ in waiting), initial=0))

    def padding(run: tuple[int, int]) -> float:
        first, end = run
        return 1 - (sums[end] - sums[first]) / ((end - first) * waiting[end - 1][0])

    ends = range(oldest + 1, len(waiting) + 1)
    runs = [(end - min(end, max(1, budget // waiting[end - 1][0])), end) for end in ends]
    return min((run for run in runs if run[0] <= oldest), key=padding)


def image_batches(given: Offline) -> Iterator[Batch]:
    """Pixels, decoded and resized image by image."""
    from PIL import Image
    from transformers.models.auto.image_processing_auto import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(given.folder, backend="pil")  # type: ignore[no-untyped-call]  # the library has no types
    for some in _chunks(given):
        images = [Image.open(io.BytesIO(one)).convert("RGB") for one in some]
        yield dict(processor(images, return_tensors="pt")), len(some), len(some)


def sound_batches(given: Offline) -> Iterator[Batch]:
    """Spectrograms, file by file."""
    import soundfile
    import soxr
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(given.folder)  # type: ignore[no-untyped-call]  # the library has no types
    rate_hz = extractor.sampling_rate
    for some in _chunks(given):
        waves = []
        for one in some:
            wave, file_rate_hz = soundfile.read(io.BytesIO(one), dtype="float32")
            mono = wave if wave.ndim == 1 else wave.mean(axis=1)
            waves.append(
                mono if file_rate_hz == rate_hz else soxr.resample(mono, file_rate_hz, rate_hz)
            )
        made = extractor(waves, sampling_rate=rate_hz, return_tensors="pt")
        yield dict(made), len(some), len(some)


def _chunks(given: Offline) -> Iterator[Sequence[bytes]]:
    rows = int(given.policy.rpartition(" ")[2])
    return (given.payloads[first : first + rows] for first in range(0, len(given.payloads), rows))


_KINDS: dict[str, tuple[str, Callable[[Offline], Iterator[Batch]]]] = {
    "text": ("AutoModelForSequenceClassification", text_batches),
    "images": ("AutoModelForImageClassification", image_batches),
    "audio": ("AutoModelForAudioClassification", sound_batches),
}


def run(kind: str, given: Offline) -> dict[str, float]:
    """Answer all of it and say how quickly that went."""
    import torch
    import transformers

    from aimass_stream.adapters.layout import ROWS_TRIED, lay_out
    from aimass_stream.adapters.packing import pack_linears

    auto_class, batches = _KINDS[kind]
    model = getattr(transformers, auto_class).from_pretrained(given.folder).eval()
    if given.policy.endswith(PACKED):
        given = replace(given, policy=given.policy.removesuffix(PACKED))
        pack_linears(model)
        if kind == "images":
            some, _, _ = next(batches(replace(given, payloads=given.payloads[:ROWS_TRIED])))
            lay_out(model, lambda: model(**some).logits)

    def answer(some: Offline) -> tuple[int, int]:
        real = padded = 0
        for arguments, real_cost, padded_cost in batches(some):
            torch.softmax(model(**arguments).logits, dim=1).topk(3, dim=1).indices.tolist()
            real, padded = real + real_cost, padded + padded_cost
        return real, padded

    with torch.inference_mode():
        answer(replace(given, payloads=given.payloads[:_WINDOW]))
        started, cpu = time.perf_counter(), time.process_time()
        real, padded = answer(given)
        took_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    count = len(given.payloads)
    return {
        "records_per_s": round(count / took_s, 2),
        "records_per_device_cpu_s": round(count / cpu_s, 2),
        "padding_share": round(1 - real / padded, 4),
    }


def main() -> None:
    """Parse the arguments, stay on the core, and print the figures."""
    kind, folder, count, core, policy = sys.argv[1:]
    if sys.platform == "linux" and int(core) >= 0:
        os.sched_setaffinity(0, {int(core)})
    os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
    import torch

    from benchmarks.device.inputs import DRAW

    torch.set_num_threads(1)
    payloads = DRAW[kind](int(count))
    print(json.dumps(run(kind, Offline(Path(folder), payloads, policy))))


if __name__ == "__main__":
    main()
