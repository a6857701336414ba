"""What is extreme, and how improbable it is said to be."""

from collections.abc import Sequence

import numpy as np
import pytest

from aimass_stream.learner import Event
from aimass_stream.learners.anomaly import ExtremesDetector
from aimass_stream.learners.anomaly.extremes import ExtremesState, fit_tails
from aimass_stream.learners.anomaly.extremes import _chances as chances
from aimass_stream.learners.features import Floats
from aimass_stream.records import Surprise
from tests.learners.events import event_of


def run(rows: Floats) -> list[Surprise]:
    detector = ExtremesDetector("x", features="vector", dimensions=rows.shape[1], rest_records=0)
    state = ExtremesState(detector.settings)
    answers: list[Surprise] = []
    events: Sequence[Event] = [event_of(i, {"x": row.tolist()}) for i, row in enumerate(rows)]
    for at in range(0, len(rows), 64):
        block = [state.read(event) for event in events[at : at + 64]]
        answers += state.score(block)
        state.learn(block)
    return answers


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_is_wrong_it_is_all_but_silent(seed: int) -> None:
    answers = run(np.random.default_rng(seed).normal(size=(6_000, 4)))
    assert sum(answer.is_alarm for answer in answers) <= 12


@pytest.mark.parametrize("side", [-1, 1])
def test_one_number_out_of_all_proportion_is_an_alarm_that_names_it(side: int) -> None:
    rows = np.random.default_rng(0).normal(size=(2_000, 4))
    rows[1_500, 2] = side * 12
    answer = run(rows)[1_500]
    assert answer.is_alarm
    assert answer.score > 0.9999
    assert answer.reason.startswith("x[2]")


def test_a_lasting_change_becomes_usual() -> None:
    rows = np.random.default_rng(0).normal(size=(12_000, 2))
    rows[4_000:, 0] += 6
    rings = np.array([answer.is_alarm for answer in run(rows)])
    assert rings[4_000:4_064].mean() > 0.5
    assert rings[-2_000:].mean() < 0.01


@pytest.mark.parametrize("heavy", [False, True])
def test_chances_far_out_are_those_of_the_distribution(heavy: bool) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.pareto(4, 404_000) if heavy else rng.exponential(1, 404_000)
    tails, coming = fit_tails(drawn[:4_000, None]), drawn[4_000:]
    for chance in (1e-2, 1e-3, 1e-4):
        value = np.quantile(coming, 1 - chance)
        said = float(chances(tails, np.array([[value]]))[0, 0])
        assert chance / 4 < said < chance * 4
