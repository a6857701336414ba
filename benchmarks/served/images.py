"""An image classifier fine-tuned on half of a folder of classes, scored on the other half."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import msgspec

from aimass_stream.records import Prediction
from aimass_stream.training.images import fine_tune_folder
from aimass_stream.verify.oracle import Watched
from benchmarks.served.application import Served, serve

MODEL = "digits-resnet"
"""The name under which the application's page looks for its model."""
WATCHED = Watched("classify", "images", "predictions.images")

_prediction = msgspec.json.Decoder(Prediction)


def run(url: str, state: Path, data: Path) -> dict[str, Any]:
    """Train, serve every file, and count on those that were not trained on."""
    files = sorted(
        f"{path.parent.name}/{path.name}"
        for path in data.glob("*/*")
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
    )
    train = set(random.Random(0).sample(files, len(files) // 2))
    started = time.monotonic()
    trained = fine_tune_folder(data, state / "models", MODEL, train_files=train)
    train_s = time.monotonic() - started
    served = asyncio.run(serve(url, state, ["images", str(data)], WATCHED, len(files)))
    right, held_out = _score(served, train)
    return {
        **served.counts(),
        "train_rows": trained.train_rows,
        "train_s": round(train_s, 1),
        "held_out_rows": held_out,
        "accuracy": round(right / held_out, 4),
        "baseline": round(1 / len({file.partition("/")[0] for file in files}), 4),
        "baseline_is": "one class in as many as there are",
    }


def _score(served: Served, train: set[str]) -> tuple[int, int]:
    right = held_out = 0
    for place, record in served.records.items():
        label = record.header("meta-label")
        if f"{label}/{record.header('meta-file')}" in train or record.header("meta-file") in train:
            continue
        held_out += 1
        answer = served.account.answers.get(place)
        right += answer is not None and _prediction.decode(answer).label == label
    return right, held_out
