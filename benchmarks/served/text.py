"""A text classifier trained on one file of questions, scored on another, through the topics."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec

from aimass_stream.records import Understanding
from aimass_stream.training.labelled_lines import read_labelled
from aimass_stream.training.message_models import INTENT
from aimass_stream.training.text import fine_tune_text_file
from aimass_stream.verify.oracle import Watched
from benchmarks.served.application import Served, serve

TRAIN, HELD_OUT, ENCODING = "TREC.train.all", "TREC.test.all", "latin-1"
WATCHED = Watched("understand", "text", "predictions.text")

_understanding = msgspec.json.Decoder(Understanding)


def run(url: str, state: Path, data: Path) -> dict[str, Any]:
    """Train, serve every line of both files, and count on those that were not trained on."""
    models = state / "models"
    started = time.monotonic()
    trained = fine_tune_text_file(
        data / TRAIN, models, INTENT, held_out_file=data / HELD_OUT, encoding=ENCODING
    )
    train_s = time.monotonic() - started
    files = [data / TRAIN, data / HELD_OUT]
    learnt, held_out = (read_labelled(file, ENCODING) for file in files)
    produce = ["text", *map(str, files), "--labelled", "--encoding", ENCODING]
    served = asyncio.run(serve(url, state, produce, WATCHED, len(learnt) + len(held_out)))
    labels = [one.label for one in held_out]
    most = max(labels.count(label) for label in set(labels))
    return {
        **served.counts(),
        "train_rows": trained.train_rows,
        "train_s": round(train_s, 1),
        "held_out_rows": len(held_out),
        "accuracy": round(_right(served) / len(held_out), 4),
        "baseline": round(most / len(held_out), 4),
        "baseline_is": "the label that is most frequent",
    }


def _right(served: Served) -> int:
    right = 0
    for place, record in served.records.items():
        answer = served.account.answers.get(place)
        if answer is not None and record.header("meta-file") == HELD_OUT:
            found = _understanding.decode(answer).intent
            right += found.label == record.header("meta-label")
    return right
