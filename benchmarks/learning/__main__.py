"""`python -m benchmarks.learning DATA`: what learners reach on data of these kinds, and cost.

```
python -m benchmarks.learning DATA [--out DIR] [--only nab feed] [--part 1.0] [--records 6000]
```

Folders are found by their shape, wherever they lie under `DATA`:

* one with `windows.json` and CSV files of `timestamp,value`: the Numenta benchmark;
* npz files with `X` and `y`: ROC-AUC, shuffled with a seed, score then learn;
* `*train.jsonl` and `*test.jsonl`: next items in sessions;
* `ratings.csv`: the feed, prequentially; the same without each member, by rules, and from four
  partitions;
* `TREC.train.all`: questions that nobody has touched, by their text;
* `<word>_<speaker>_<number>.wav`: clusters of recordings, beside speakers and words; and a head on
  a backbone that was trained on other speakers;
* `stsa.binary.train`, `.dev` and `.test`: a head on a backbone that was trained on sentences.

Classifiers and regressors that learn record by record are measured on data sets inside River's
wheel; in `online-change` with all labels of one turned in the middle of the stream.

The parts `catalogue` and `incidents` make their events themselves.

The results are `learning.json`, and pictures of its curves beside it. One thread of NumPy and
torch should be set by the environment (`OMP_NUM_THREADS=1`); costs are CPU time, of all threads.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from sklearn.metrics import roc_auc_score

from aimass_stream.learners.online import KINDS
from aimass_stream.learners.online.declarations import REFITTED
from benchmarks.learning.anomalies import (
    FALSE_ALARM_RATES,
    Measured,
    check_scorer,
    hit_rates,
    leave_category_out,
    value_scores,
    vector_events,
)
from benchmarks.learning.cost import AT_ONCE, LEARNERS, cost
from benchmarks.learning.data import read_series, series_folders, tables
from benchmarks.learning.detectors import table_detectors
from benchmarks.learning.heads import digits, sentences
from benchmarks.learning.incidents import incidents
from benchmarks.learning.nab import sweep
from benchmarks.learning.online import (
    changed_rows,
    classify,
    estimate,
    labelled_rows,
    numbered_rows,
)
from benchmarks.learning.recommend.cold import cold, read_questions
from benchmarks.learning.recommend.members import feed_members, session_members
from benchmarks.learning.recommend.partitions import partitions
from benchmarks.learning.recommend.protocols import catalogue, feed, sessions
from benchmarks.learning.recommend.rules import rules
from benchmarks.learning.sounds import group
from benchmarks.plots import plots_of
from models.behaviour_anomaly import behaviour_anomaly
from models.behaviour_extremes import behaviour_extremes

Results = dict[str, Any]
Run = Callable[[argparse.Namespace, Results], None]


def run_nab(chosen: argparse.Namespace, results: Results) -> None:
    """Every series under the data folder, as one corpus."""
    series = [one for folder in series_folders(chosen.data) for one in read_series(folder)]
    if not any(one.windows for one in series):
        return
    checks = {name: found.score for name, found in check_scorer(series).items()}
    results["nab_check"] = checks
    print("nab, to check the scorer: " + ", ".join(f"{k} {v:.1f}" for k, v in checks.items()))
    scores, us_per_record = value_scores(series)
    found = sweep(series, scores)
    results["nab"], results["nab_threshold"] = found.score, found.threshold
    results["nab_leave_category_out"] = leave_category_out(series, scores)
    results["nab_us_per_record"] = us_per_record
    print(
        f"nab {found.score:.1f}, category left out {results['nab_leave_category_out']:.1f}, "
        f"{len(series)} series, {us_per_record:.0f} us a record",
        flush=True,
    )


def run_tabular(chosen: argparse.Namespace, results: Results) -> None:
    """Every table, by every detector of vectors; the ensemble is what `tabular` names."""
    by_learner: dict[str, dict[str, float]] = {}
    curves: dict[str, dict[str, list[float]]] = {}
    for name, rows, labels in tables(chosen.data):
        order = np.random.default_rng(chosen.seed).permutation(len(rows))
        order = order[: int(len(order) * chosen.part)]
        for learner, declaration in table_detectors(rows.shape[1]).items():
            measured = Measured(declaration)
            scores = measured.scores(vector_events(rows[order]))
            area = float(roc_auc_score(labels[order] > 0, scores))
            by_learner.setdefault(learner, {})[name] = area
            curves.setdefault(learner, {})[name] = hit_rates(labels[order] > 0, scores)
            cpu = measured.us_per_record
            print(f"{name}: {learner} {area:.4f}, {cpu:.0f} us a record", flush=True)
    for areas in by_learner.values():
        areas["mean"] = float(np.mean(list(areas.values())))
    if by_learner:
        results["tabular"] = by_learner["ensemble"]
        results["tabular_by_learner"] = by_learner
        results["tabular_roc"] = {"false_alarm_rates": FALSE_ALARM_RATES.tolist(), **curves}


def of_sessions(measure: Callable[[Path, float], Results]) -> Run:
    """Measure on the first folder of sessions."""

    def run(chosen: argparse.Namespace, results: Results) -> None:
        for path in sorted(chosen.data.rglob("*train.jsonl"))[:1]:
            results |= measure(path.parent, chosen.part)

    return run


def run_incidents(chosen: argparse.Namespace, results: Results) -> None:
    """The reference application's detectors on what the demo plants; needs no data."""
    worlds = max(1, round(8 * chosen.part))
    found = incidents((behaviour_anomaly, behaviour_extremes), worlds)
    results["incidents"] = {name: each._asdict() for name, each in found.items()}
    for name, each in found.items():
        print(f"{name}: {each}", flush=True)


def of_ratings(measure: Callable[[Path, float], Results]) -> Run:
    """Measure on the first log of ratings."""

    def run(chosen: argparse.Namespace, results: Results) -> None:
        for path in sorted(chosen.data.rglob("ratings.csv"))[:1]:
            results |= measure(path.parent, chosen.part)

    return run


def run_cold(chosen: argparse.Namespace, results: Results) -> None:
    """Questions that hardly anybody has touched."""
    for path in sorted(chosen.data.rglob("TREC.train.all"))[:1]:
        results |= cold(read_questions(path), chosen.part)


def run_catalogue(chosen: argparse.Namespace, results: Results) -> None:
    """The recommender among 100,000 items; needs no data."""
    results |= catalogue(chosen.part)


def run_online(chosen: argparse.Namespace, results: Results) -> None:
    """Every kind of classifier and both ensembles, on the data sets inside River's wheel."""
    del chosen
    accuracies: dict[str, dict[str, float]] = {}
    costs: dict[str, dict[str, float]] = {}
    curves: dict[str, dict[str, list[float]]] = {}
    for data in labelled_rows():
        for kind in ("stacking", "voting", *KINDS):
            found = classify(data, kind)
            accuracies.setdefault(kind, {})[data.name] = found.accuracy
            curves.setdefault(kind, {})[data.name] = found.curve
            costs.setdefault(kind, {})[data.name] = found.us_per_record
            print(
                f"{data.name}: {kind} {found.accuracy:.4f}, {found.us_per_record:.0f} us a record",
                flush=True,
            )
    results["online_accuracy"], results["online_us_per_record"] = accuracies, costs
    results["online_curves"] = curves


def run_online_change(chosen: argparse.Namespace, results: Results) -> None:
    """The default, and the kinds that are fitted anew, where all labels change at once."""
    del chosen
    found = results["online_change"] = dict[str, dict[str, float]]()
    data = changed_rows()
    for kind in ("stacking", "adaptive-random-forest", *REFITTED):
        curve = classify(data, kind).curve
        half = len(curve) // 2
        found[kind] = {"before": curve[half - 1], "behind": curve[half], "last": curve[-1]}
        print(f"{data.name}: {kind} {found[kind]}", flush=True)


def run_online_numbers(chosen: argparse.Namespace, results: Results) -> None:
    """Every kind of regressor and both ensembles, on the data sets inside River's wheel."""
    del chosen
    errors: dict[str, dict[str, float]] = {}
    for data in numbered_rows():
        for kind in ("stacking", "voting", *(kind for kind in KINDS if kind != "perceptron")):
            error = errors.setdefault(kind, {})[data.name] = estimate(data, kind)
            print(f"{data.name}: {kind} off by {error:.3f}", flush=True)
    results["online_error"] = errors


def run_sounds(chosen: argparse.Namespace, results: Results) -> None:
    """Recordings named by word and speaker, without telling."""
    found = group(chosen.data, chosen.seed)
    if found is not None:
        results["sounds"] = found._asdict()
        print(f"sounds: {found}", flush=True)


def run_heads(chosen: argparse.Namespace, results: Results) -> None:
    """A head on a frozen backbone, and on none, with labels that come late and out of order."""
    found = {
        "digits": digits(chosen.data, chosen.part, chosen.seed),
        "sst2": sentences(chosen.data, chosen.seed),
    }
    measured = {name: each for name, each in found.items() if each is not None}
    if measured:
        results["heads"] = measured


def run_cost(chosen: argparse.Namespace, results: Results) -> None:
    """Every learner, with records that come many at once and one by one."""
    for figure in ("us_per_record", "us_per_record_one_by_one", "records_per_s"):
        results.setdefault(figure, {})
    for name, declared, make in LEARNERS:
        if chosen.learners and not name.startswith(tuple(chosen.learners)):
            continue
        events = make(chosen.records)
        spent, alone = cost(declared, events, AT_ONCE), cost(declared, events, 1)
        results["us_per_record"][name] = spent
        results["us_per_record_one_by_one"][name] = alone
        results["records_per_s"][name] = 1e6 / spent
        print(
            f"{name}: {spent:.0f} us a record, {1e6 / spent:,.0f} records/s; "
            f"one by one {alone:.0f} us",
            flush=True,
        )


PARTS: dict[str, Run] = {
    "nab": run_nab,
    "tabular": run_tabular,
    "incidents": run_incidents,
    "online": run_online,
    "online-numbers": run_online_numbers,
    "online-change": run_online_change,
    "sounds": run_sounds,
    "heads": run_heads,
    "cost": run_cost,
    "sessions": of_sessions(sessions),
    "feed": of_ratings(feed),
    "catalogue": run_catalogue,
    "feed-members": of_ratings(feed_members),
    "session-members": of_sessions(session_members),
    "rules": of_ratings(rules),
    "partitions": of_ratings(partitions),
    "cold": run_cold,
}
RESULT = "learning.json"


def main() -> None:
    """Run what was asked for; the file is written after each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--only", choices=PARTS, nargs="+", help="these parts; all if not given")
    parser.add_argument("--part", type=float, default=1.0, help="share of questions, of tables")
    parser.add_argument("--records", type=int, default=6_000, help="a learner's cost is over")
    parser.add_argument("--learners", nargs="+", help="cost: those whose names begin so")
    parser.add_argument("--seed", type=int, default=0, help="that tables are shuffled with")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.out.mkdir(parents=True, exist_ok=True)
    asked = [name for name in PARTS if not chosen.only or name in chosen.only]
    measure({name: PARTS[name] for name in asked}, chosen, chosen.out / RESULT)


def measure(parts: Mapping[str, Run], chosen: argparse.Namespace, file: Path) -> None:
    """Run parts; what the file says of others stays, where not all are run."""
    results: Results = {}
    if chosen.only and file.exists():
        results = orjson.loads(file.read_bytes())
    for name, run in parts.items():
        print(f"-- {name}", flush=True)
        run(chosen, results)
        file.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    print(f"{file}")
    for picture in plots_of(file):
        print(f"{picture}")


if __name__ == "__main__":
    main()
