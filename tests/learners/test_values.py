"""What the detector for single values finds, and how it says it."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from aimass_stream.errors import ConfigError
from aimass_stream.learner import Event
from aimass_stream.learners.anomaly import ValueDetector
from aimass_stream.learners.anomaly.values.memory import Ahead, Field, Memory, SeriesMemory
from aimass_stream.learners.anomaly.values.reasons import PARTS
from aimass_stream.learners.anomaly.values.state import ValueState, rarity_of, score_of
from aimass_stream.learners.features import Floats
from aimass_stream.records import Surprise
from aimass_stream.testing.alike import fingerprint
from tests.learners.events import event_of, value_log

HOUR_MS = 3_600_000


def run(detector: ValueDetector, events: Sequence[Event]) -> list[Surprise]:
    state = ValueState(detector.settings)
    answers: list[Surprise] = []
    for i in range(0, len(events), detector.block_rows):
        block = [state.read(event) for event in events[i : i + detector.block_rows]]
        answers += state.score(block)
        state.learn(block)
    return answers


def series(values: Iterable[float], *, every_ms: int = HOUR_MS // 6) -> list[Event]:
    return [
        event_of(i, {"value": float(value)}, key="s", after_ms=i * every_ms)
        for i, value in enumerate(values)
    ]


def test_planted_jumps_ring_in_series_of_every_size() -> None:
    events, planted = value_log(1_000, 8)
    answers = run(ValueDetector("values"), events)
    rings = np.array([answer.is_alarm for answer in answers])
    assert rings[planted].mean() > 0.5
    assert rings[~planted].mean() < 0.005
    usual = np.array([answer.score for answer in answers])[4_000:][~planted[4_000:]]
    assert (usual > 0.9).mean() < 0.2


def test_an_event_rings_once() -> None:
    rng = np.random.default_rng(0)
    values = 5 + rng.normal(size=900)
    values[700:720] += 40
    answers = run(ValueDetector("values"), series(values))
    assert [i for i, a in enumerate(answers) if a.is_alarm and 690 <= i < 800] == [700]
    assert answers[701].score < answers[701].threshold <= answers[700].score


def test_a_day_without_its_peak_is_unusual() -> None:
    rng = np.random.default_rng(0)
    values = 10 + 0.1 * rng.normal(size=144 * 10)
    peak = np.arange(len(values)) % 144 >= 96
    values[peak] += 20
    missing = peak & (np.arange(len(values)) // 144 == 8)
    values[missing] -= 20
    scores = np.array([answer.score for answer in run(ValueDetector("values"), series(values))])
    # Every value of that day was seen before, at other hours.
    assert scores[missing].max() > 0.97 > scores[144 * 4 : 144 * 8].max()


def test_an_alarm_says_which_part_and_what_was_usual() -> None:
    rng = np.random.default_rng(0)
    values = 5 + rng.normal(size=601)
    values[600] = 95
    answer = run(ValueDetector("values"), series(values))[600]
    assert answer.is_alarm
    assert answer.reason.startswith(("value 95", "change", "mean"))
    assert " to " in answer.reason or "nearest so far" in answer.reason
    assert set(answer.parts) <= set(PARTS)
    assert list(answer.parts.values()) == sorted(answer.parts.values(), reverse=True)


def test_a_series_that_never_moves_is_no_anomaly() -> None:
    answers = run(ValueDetector("values"), series([45.0] * 600))
    assert max(answer.score for answer in answers) == 0.0


@pytest.mark.parametrize("value", [1e30, -1e30, 1e-300])
def test_extreme_numbers_leave_scores_finite(value: float) -> None:
    values = [0.0, 1.0, 2.0] * 100 + [value] * 3 + [1.0] * 10
    scores = [answer.score for answer in run(ValueDetector("values"), series(values))]
    assert np.isfinite(scores).all()


def test_blocks_of_any_size_give_the_same_answers() -> None:
    events, _ = value_log(100, 5)
    small = run(ValueDetector("values", block_rows=7), events)
    large = run(ValueDetector("values", block_rows=250), events)
    assert np.allclose([a.score for a in small], [a.score for a in large], atol=1e-9)


@pytest.mark.parametrize("piece", [1, 3, 64])
def test_a_block_that_comes_in_pieces_is_answered_and_learnt_bit_for_bit(piece: int) -> None:
    events, _ = value_log(100, 5)
    detector = ValueDetector("values", block_rows=100, keys=3)
    whole, pieces = ValueState(detector.settings), ValueState(detector.settings)
    for begin in range(0, len(events), 100):
        block = [whole.read(event) for event in events[begin : begin + 100]]
        answers = whole.score(block)
        for end in [*range(piece, 100, piece), 100]:
            assert pieces.score(block[:end]) == answers[:end]
        whole.learn(block)
        pieces.learn(block)
        assert fingerprint(pieces.snapshot()) == fingerprint(whole.snapshot())


def test_a_record_that_comes_behind_others_is_walked_through_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[int] = []
    walked = ValueState._step

    def count(state: ValueState, memory: Memory, values: Floats, times: Any) -> Any:
        steps.append(len(values))
        return walked(state, memory, values, times)

    monkeypatch.setattr(ValueState, "_step", count)
    state = ValueState(ValueDetector("values").settings)
    block = [state.read(event) for event in value_log(20, 5)[0]]
    for end in range(1, len(block) + 1):
        state.score(block[:end])
    assert steps == [1] * len(block)
    # A shorter block, or one without a record that could not be answered, is another.
    state.score([*block[:3], *block[4:]])
    assert sum(steps) == 2 * len(block) - 1


def test_scores_and_rarities_are_two_scales_of_one_thing() -> None:
    assert score_of(np.array([rarity_of(0.99)]))[0] == pytest.approx(0.99)
    assert score_of(np.array([0.0]))[0] == 0.0


def test_the_longest_silent_series_is_forgotten() -> None:
    memory = SeriesMemory({"sum": Field()}, 3)
    for keys in (["a", "b"], ["c"], ["a", "d"]):
        ahead = Ahead(memory)
        batch = ahead.take(keys)
        batch.memory["sum"] += 1
        ahead.put(batch)
        ahead.keep()
    arrays, keys = memory.snapshot()
    assert keys == ["c", "a", "d"]
    assert arrays["sum"].tolist() == [1, 2, 1]


@pytest.mark.parametrize("settings", [{"alarm_score": 1.0}, {"warm_records": 0}, {"keys": 0}])
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="values"):
        ValueDetector("values", **settings)
