"""A classifier of spoken words trained on half of a folder, scored on the other half."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import msgspec

from aimass_stream.records import Prediction
from aimass_stream.training.audio import SOUNDS, fine_tune_audio_folder
from aimass_stream.verify.oracle import Watched
from benchmarks.served.application import serve

WATCHED = Watched("listen", "audio", "predictions.audio")

_prediction = msgspec.json.Decoder(Prediction)


def run(url: str, state: Path, data: Path) -> dict[str, Any]:
    """Train, serve every file, and count on those that were not trained on.

    A file's label is its name up to the first underscore.
    """
    files = sorted(path.name for path in data.glob("*.wav"))
    train = set(random.Random(0).sample(files, len(files) // 2))
    started = time.monotonic()
    trained = fine_tune_audio_folder(
        data, state / "models", SOUNDS, labels="prefix", train_files=train
    )
    train_s = time.monotonic() - started
    served = asyncio.run(serve(url, state, ["audio", str(data)], WATCHED, len(files)))
    right = held_out = 0
    for place, record in served.records.items():
        name = record.header("meta-file") or ""
        if name not in train:
            held_out += 1
            answer = served.account.answers.get(place)
            label = None if answer is None else _prediction.decode(answer).label
            right += label == name.partition("_")[0]
    return {
        **served.counts(),
        "train_rows": trained.train_rows,
        "train_s": round(train_s, 1),
        "held_out_rows": held_out,
        "accuracy": round(right / held_out, 4),
        "baseline": round(1 / len({name.partition("_")[0] for name in files}), 4),
        "baseline_is": "one word in as many as there are",
    }
