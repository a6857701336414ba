"""`python -m benchmarks.learning.batch_fit`: what one pass over a stream costs against a batch fit.

Learners that are given each record once, in a random order, beside scikit-learn's own fit of the
same family on the same records, at its defaults. Both are asked about records that neither has
seen: three tenths of each set, in ten splits, or as many more as make 3,000 answers: a set of few
records says little in ten. Sets lie inside the wheels of scikit-learn and
River; settings are those that are shipped. Labels are measured by accuracy, numbers by R².
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from river import datasets
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from aimass_stream.learner import Event
from aimass_stream.learners.online import OnlineClassifier, OnlineRegressor
from aimass_stream.learners.online.state import ClassifierState, OnlineState, RegressorState
from aimass_stream.records import Estimate, Prediction

Rows = tuple[NDArray[np.float64], NDArray[Any]]
Made = Callable[[], Any]


def _of_river(made: Any) -> Rows:
    pairs = list(made)
    rows = [[float(number) for number in numbers.values()] for numbers, _ in pairs]
    return np.array(rows), np.array([target for _, target in pairs], np.float64)


def _chicks() -> Rows:
    # The number of a chick is a name, and no number.
    rows, weights = _of_river(datasets.ChickWeights())
    return rows[:, [0, 2]], weights


LABELS: Mapping[str, Callable[[], Rows]] = {
    "digits": lambda: load_digits(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "breast_cancer": lambda: load_breast_cancer(return_X_y=True),
}
NUMBERS: Mapping[str, Callable[[], Rows]] = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "chick_weights": _chicks,
    "trump_approval": lambda: _of_river(datasets.TrumpApproval()),
}


def _scaled(make: Made) -> Made:
    return lambda: make_pipeline(StandardScaler(), make())


LABEL_FITS: Mapping[str, Made] = {
    "random-forest": lambda: RandomForestClassifier(random_state=0),
    "extra-trees": lambda: ExtraTreesClassifier(random_state=0),
    "decision-tree": lambda: DecisionTreeClassifier(random_state=0),
    "support-vectors": _scaled(SVC),
    "nearest-neighbours": _scaled(lambda: KNeighborsClassifier(10)),
    "regression": _scaled(lambda: LogisticRegression(max_iter=2_000)),
    "perceptron": _scaled(lambda: Perceptron(random_state=0)),
    "linear": _scaled(lambda: LogisticRegression(max_iter=2_000)),
    "mondrian-forest": lambda: RandomForestClassifier(random_state=0),
}
"""The batch fit of each kind's family."""

NUMBER_FITS: Mapping[str, Made] = {
    "regression": _scaled(LinearRegression),
    "random-forest": lambda: RandomForestRegressor(random_state=0),
}

HELD_OUT = 0.3
LEAST_SPLITS, LEAST_ANSWERS = 10, 3_000


def main() -> None:
    """Measure, print, and write `learning-batch-fit.json`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    found: dict[str, Any] = {
        "held_out": HELD_OUT,
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "labels": compared(LABELS, LABEL_FITS),
        "numbers": compared(NUMBERS, NUMBER_FITS),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2)
    (options.out / "learning-batch-fit.json").write_bytes(text + b"\n")


def compared(
    sets: Mapping[str, Callable[[], Rows]], fits: Mapping[str, Made]
) -> dict[str, dict[str, Any]]:
    """Every kind on every set."""
    found: dict[str, dict[str, Any]] = {}
    for kind, fit in fits.items():
        for name, load in sets.items():
            found.setdefault(kind, {})[name] = one = compare(kind, fit, load())
            print(
                f"{kind} on {name}: online {one['online']:.3f}, batch {one['batch']:.3f}, "
                f"{100 * one['behind']:+.1f} points behind",
                flush=True,
            )
    return found


def compare(kind: str, fit: Made, data: Rows) -> dict[str, float]:
    """Both on held-out records, the mean over some random splits."""
    rows, targets = data
    # River's numbers are floats, and scikit-learn's labels are integers.
    tells_labels = targets.dtype.kind == "i"
    measure = accuracy_score if tells_labels else r2_score
    online, batch = [], []
    splits = max(LEAST_SPLITS, math.ceil(LEAST_ANSWERS / (HELD_OUT * len(rows))))
    for seed in range(splits):
        parts = train_test_split(
            rows,
            targets,
            test_size=HELD_OUT,
            random_state=seed,
            stratify=targets if tells_labels else None,
        )
        train_rows, test_rows, train_targets, test_targets = parts
        said = fit().fit(train_rows, train_targets).predict(test_rows)
        batch.append(float(measure(test_targets, said)))
        streamed = answers(kind, train_rows, train_targets, test_rows)
        online.append(float(measure(test_targets, streamed)))
    means = float(np.mean(online)), float(np.mean(batch))
    return {
        "online": means[0],
        "batch": means[1],
        "behind": means[1] - means[0],
        "splits": splits,
    }


def answers(kind: Any, rows: Any, targets: Any, held_out: Any) -> list[float]:
    """Learn each record once, then answer those held out, as a learner process does."""
    state, target = declared(kind, rows.shape[1], targets)
    for at, (row, found) in enumerate(zip(rows.tolist(), targets.tolist(), strict=True)):
        value = {"x": row, target: found if target == "value" else str(found)}
        state.learn([state.read(_event(at, value))])
    asked = [
        state.read(_event(len(rows) + at, {"x": row})) for at, row in enumerate(held_out.tolist())
    ]
    return [_number(answer) for answer in state.score(asked)]


def _number(answer: Prediction | Estimate | None) -> float:
    if isinstance(answer, Prediction):
        return float(answer.label)
    return float("nan") if answer is None else answer.value


def declared(
    kind: Any, numbers: int, targets: Any
) -> tuple[OnlineState[Prediction] | OnlineState[Estimate], str]:
    """A learner of the kind for the targets, and the field that tells it one."""
    if targets.dtype.kind == "i":
        labels = tuple(str(label) for label in sorted(set(targets.tolist())))
        classifier = OnlineClassifier("bench", labels=labels, dimensions=numbers, kind=kind)
        return ClassifierState(classifier.settings), classifier.target
    regressor = OnlineRegressor("bench", dimensions=numbers, kind=kind)
    return RegressorState(regressor.settings), regressor.target


def _event(at: int, value: Mapping[str, Any]) -> Event:
    return Event(at, "t", at, f"t/0/{at}", None, orjson.dumps(value))


if __name__ == "__main__":
    main()
