"""How well detectors detect: the Numenta benchmark, and ROC-AUC over labelled tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import islice
from math import erfc
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from aimass_stream.learner import Event, Learner, LearnerState
from aimass_stream.learners.anomaly import ValueDetector
from benchmarks.learning.nab import Series, Sweep, normalised, sweep

Floats = NDArray[np.float64]


class Measured:
    """A learner at work on a log: its scores, and CPU seconds of all its threads.

    Args:
        declaration: what to make a state of.
    """

    def __init__(self, declaration: Learner[Any]) -> None:
        module, _, name = declaration.adapter.partition(":")
        self._state: LearnerState[Any, Any] = getattr(import_module(module), name)(
            declaration.settings
        )
        self._rows = declaration.block_rows
        self.cpu_s = 0.0
        self.records = 0

    def scores(self, events: Iterator[Event]) -> Floats:
        """Score, then learn, block by block: `(events,)`."""
        found: list[float] = []
        while block := list(islice(events, self._rows)):
            begun = time.process_time()
            inputs = [self._state.read(event) for event in block]
            answers = self._state.score(inputs)
            self._state.learn(inputs)
            self.cpu_s += time.process_time() - begun
            self.records += len(block)
            found += [0.0 if answer is None else answer.score for answer in answers]
        return np.array(found)

    @property
    def us_per_record(self) -> float:
        """CPU microseconds a record: read, score and learn."""
        return self.cpu_s / max(self.records, 1) * 1e6


FALSE_ALARM_RATES: Floats = np.geomspace(1e-3, 1.0, 61)
"""Shares of ordinary records at which a ROC curve is kept; what counts lies at the low end."""


def hit_rates(is_anomaly: NDArray[np.bool_], scores: Floats) -> list[float]:
    """A ROC curve: the share of anomalies found at each of `FALSE_ALARM_RATES`."""
    false, hits, _ = roc_curve(is_anomaly, scores)
    rates: list[float] = np.interp(FALSE_ALARM_RATES, false, hits).round(4).tolist()
    return rates


def value_scores(series: Sequence[Series]) -> tuple[dict[str, Floats], float]:
    """Scores of `ValueDetector`, all series interleaved in one log; CPU microseconds a record."""
    longest = max(len(one.values) for one in series)
    places = [
        (which, row)
        for row in range(longest)
        for which, one in enumerate(series)
        if row < len(one.values)
    ]
    measured = Measured(ValueDetector("values", keys=len(series)))
    found = measured.scores(_value_event(i, series[w], row) for i, (w, row) in enumerate(places))
    scores = {one.name: np.zeros(len(one.values)) for one in series}
    for (which, row), score in zip(places, found, strict=True):
        scores[series[which].name][row] = score
    return scores, measured.us_per_record


def _value_event(offset: int, series: Series, row: int) -> Event:
    value = orjson.dumps({"value": float(series.values[row])})
    time_ms = int(series.times_ms[row])
    return Event(offset, "t", time_ms, f"t/0/{offset}", series.name.encode(), value)


def vector_events(rows: Floats) -> Iterator[Event]:
    """Rows as a log of vectors."""
    for i, row in enumerate(rows.tolist()):
        yield Event(i, "t", i, f"t/0/{i}", str(i).encode(), orjson.dumps({"x": row}))


def leave_category_out(series: Sequence[Series], scores: dict[str, Floats]) -> float:
    """The score with each category at the threshold that is best for the others.

    Categories that differ by `NoAnomaly` for `WithAnomaly` are one, since one without windows
    cannot be judged alone. Raw points are pooled, and normalised once. Nothing else is fitted
    to labels when a detector runs; its constants were chosen once, for all.
    """
    groups: dict[str, list[Series]] = {}
    for one in series:
        groups.setdefault(one.category.replace("NoAnomaly", "WithAnomaly"), []).append(one)
    earned, windows = 0.0, 0
    for name, left_out in groups.items():
        others = [one for group, ones in groups.items() if group != name for one in ones]
        if not any(one.windows for one in left_out) or not any(one.windows for one in others):
            continue
        judged = sweep(left_out, scores)
        earned += judged.earned_at(sweep(others, scores).threshold)
        windows += judged.windows
    return normalised(earned, windows) if windows else float("nan")


def check_scorer(series: Sequence[Series]) -> dict[str, Sweep]:
    """The two detectors whose scores are known: by range, and the windowed Gaussian."""
    makers = {"range": range_scores, "windowed gaussian": gaussian_scores}
    return {
        name: sweep(series, {one.name: make(one.values) for one in series})
        for name, make in makers.items()
    }


def range_scores(values: Floats) -> Floats:
    """How far values lie outside all before, as a share `s` of their range: `s / (1 + s)`."""
    low = np.minimum.accumulate(np.concatenate([values[:1], values[:-1]]))
    high = np.maximum.accumulate(np.concatenate([values[:1], values[:-1]]))
    outside = np.maximum(np.maximum(low - values, values - high), 0.0)
    share = np.where(high > low, outside / np.where(high > low, high - low, 1.0), 0.0)
    scores: Floats = share / (1 + share)
    return scores


_WINDOW, _SLIDE, _DIGITS = 6_400, 100, 12


def gaussian_scores(values: Floats) -> Floats:
    """Numenta's windowed Gaussian: 1 less the tail of a normal fitted on the last 6,400 rows.

    Its best threshold lies within the last bits below 1. Numenta's result files hold twelve
    digits, where those bits are all 1; at full precision it earns 3.7 points more here.
    """
    scores = np.zeros(len(values))
    for i in range(1, len(values)):
        # Behind the first window it slides in steps of a hundred rows.
        end = i if i <= _WINDOW else _WINDOW + (i - _WINDOW) // _SLIDE * _SLIDE
        if i <= _WINDOW or (i - _WINDOW) % _SLIDE == 0 or i == _WINDOW + 1:
            window = values[max(0, end - _WINDOW) : end]
            mean, spread = float(window.mean()), float(window.std()) or 1e-6
        scores[i] = 1 - 0.5 * erfc(abs(values[i] - mean) / spread / 2**0.5)
    return np.round(scores, _DIGITS)
