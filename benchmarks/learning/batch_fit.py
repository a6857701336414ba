"""`python -m benchmarks.learning.batch_fit`: what one pass over a stream costs against a batch fit.

Learners that see each record once, in a random order, beside scikit-learn's own fit of the same
family on the same records, which sees them as often as it likes. Both are asked about records
that neither has seen: three tenths of each of the sets inside scikit-learn's wheel, in several
splits. Settings are those that are shipped.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aimass_stream.learner import Event
from aimass_stream.learners.online import OnlineClassifier
from aimass_stream.learners.online.state import ClassifierState

SETS: Mapping[str, Callable[..., Any]] = {
    "digits": load_digits,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
}
BATCH: Mapping[str, Callable[[], ClassifierMixin]] = {
    "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000)),
    "nearest-neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(10)),
    "mondrian-forest": lambda: RandomForestClassifier(10, random_state=0),
}
"""The batch fit of each kind's family; forests have as many trees as the online one."""

HELD_OUT = 0.3


def main() -> None:
    """Measure, print, and write `learning-batch-fit.json`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--splits", type=int, default=3, help="random splits (%(default)s)")
    parser.add_argument("--only", nargs="*", choices=list(BATCH), default=list(BATCH))
    options = parser.parse_args()
    found: dict[str, Any] = {"splits": options.splits, "held_out": HELD_OUT, "kinds": {}}
    for kind in options.only:
        found["kinds"][kind] = {
            name: compare(kind, load, options.splits) for name, load in SETS.items()
        }
        for name, one in found["kinds"][kind].items():
            print(
                f"{kind} on {name}: online {one['online']:.3f}, batch {one['batch']:.3f}, "
                f"{100 * one['behind']:+.1f} points behind",
                flush=True,
            )
    found["threads"] = os.environ.get("OMP_NUM_THREADS", "")
    options.out.mkdir(parents=True, exist_ok=True)
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2)
    (options.out / "learning-batch-fit.json").write_bytes(text + b"\n")


def compare(kind: str, load: Callable[..., Any], splits: int) -> dict[str, float]:
    """Mean accuracy of both on held-out records over some random splits."""
    rows, labels = load(return_X_y=True)
    online, batch = [], []
    for seed in range(splits):
        parts = train_test_split(
            rows, labels, test_size=HELD_OUT, random_state=seed, stratify=labels
        )
        train_rows, test_rows, train_labels, test_labels = parts
        model: Any = BATCH[kind]().fit(train_rows, train_labels)
        batch.append(float(model.score(test_rows, test_labels)))
        online.append(streamed(kind, train_rows, train_labels, test_rows, test_labels))
    means = float(np.mean(online)), float(np.mean(batch))
    return {"online": means[0], "batch": means[1], "behind": means[1] - means[0]}


def streamed(kind: str, rows: Any, labels: Any, held_out_rows: Any, held_out_labels: Any) -> float:
    """Learn each record once, then answer those held out, as a learner process does."""
    declared = OnlineClassifier(
        "bench",
        labels=tuple(str(label) for label in sorted(set(labels.tolist()))),
        dimensions=rows.shape[1],
        kind=kind,  # type: ignore[arg-type]  # one of the names it takes
    )
    state = ClassifierState(declared.settings)
    for at, (row, label) in enumerate(zip(rows.tolist(), labels.tolist(), strict=True)):
        state.learn([state.read(_event(at, {"x": row, "label": str(label)}))])
    right = 0
    for at, (row, label) in enumerate(
        zip(held_out_rows.tolist(), held_out_labels.tolist(), strict=True)
    ):
        (answer,) = state.score([state.read(_event(len(rows) + at, {"x": row}))])
        right += answer is not None and answer.label == str(label)
    return right / len(held_out_rows)


def _event(at: int, value: Mapping[str, Any]) -> Event:
    return Event(at, "t", at, f"t/0/{at}", None, orjson.dumps(value))


if __name__ == "__main__":
    main()
