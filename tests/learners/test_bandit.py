"""A bandit draws as it says, learns from rewards as they come, and is judged by its log."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.bandit import Bandit
from aimass_stream.learners.bandit.off_policy import Logged, earned, worths
from aimass_stream.learners.bandit.policy import draw, greedy_shares, shares_of
from aimass_stream.learners.bandit.state import BanditState
from aimass_stream.records import Choice
from tests.learners.events import HOUR_MS, event_of

ARMS = ("a", "b", "c")


def declared(**told: Any) -> Bandit:
    return Bandit("slots", arms=ARMS, **{"fields": ("x", "y"), **told})


def state(**told: Any) -> BanditState:
    return BanditState(declared(**told).settings)


def take(bandit: BanditState, event: Event) -> Choice | None:
    one = bandit.read(event)
    (answer,) = bandit.score([one])
    bandit.learn([one])
    return answer


def ask(bandit: BanditState, number: int, x: float = 0.0, y: float = 0.0) -> Choice:
    answer = take(bandit, event_of(number, {"x": x, "y": y}))
    assert answer is not None
    return answer


def reward(bandit: BanditState, number: int, earned: float, after_ms: int = 0) -> None:
    value = {"record": f"made-up/0/{number}", "reward": earned}
    assert take(bandit, event_of(100_000 + number, value, after_ms=after_ms)) is None


def chances(x: float, y: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How probable a click is: which arm is best depends on where the record lies."""
    return np.clip([0.5 + 0.35 * x, 0.5 - 0.35 * x, 0.5 + 0.35 * y], 0.05, 0.95)


def simulate(bandit: BanditState, records: int, seed: int = 1) -> list[tuple[Choice, float, Any]]:
    """Choices, clicks that come seven records late, and the chance that each arm had."""
    rng, late = np.random.default_rng(seed), 7
    found: list[tuple[Choice, float, Any]] = []
    for i in range(records):
        x, y = rng.uniform(-1, 1, size=2).tolist()
        choice = ask(bandit, i, x, y)
        click = float(rng.uniform() < chances(x, y)[ARMS.index(choice.arm)])
        found.append((choice, click, chances(x, y)))
        if i >= late:
            reward(bandit, i - late, found[i - late][1])
    return found


def regret(found: list[tuple[Choice, float, Any]]) -> float:
    return float(np.mean([best.max() - best[ARMS.index(one.arm)] for one, _, best in found]))


@pytest.mark.parametrize("policy", ["inverse-gap", "epsilon-greedy"])
def test_regret_falls_well_below_that_of_drawing_uniformly(policy: Any) -> None:
    found = simulate(state(policy=policy), 2_000)
    uniform = float(np.mean([best.max() - best.mean() for _, _, best in found]))
    early, late = regret(found[:200]), regret(found[-1_000:])
    assert late < 0.4 * uniform
    assert late < 0.7 * early


@pytest.mark.parametrize("policy", ["inverse-gap", "epsilon-greedy"])
def test_arms_are_drawn_as_often_as_their_propensities_say(policy: Any) -> None:
    bandit = declared(policy=policy, explore=0.2, seed=5)
    shares = shares_of(bandit, np.array([0.2, 0.5, 0.45]), rewards=50)
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    assert shares.min() >= 0.2 / 3
    rows = 20_000
    drawn = Counter(draw(shares, bandit.seed, f"pages/0/{i}") for i in range(rows))
    for arm, share in enumerate(shares):
        assert drawn[arm] / rows == pytest.approx(share, abs=4 * np.sqrt(share / rows))


def test_the_inverse_gap_is_that_of_the_paper() -> None:
    shares = shares_of(declared(explore=1e-12), np.array([0.2, 0.5, 0.4]), rewards=25)
    assert shares[[0, 2]] == pytest.approx([1 / (3 + 50 * 0.3), 1 / (3 + 50 * 0.1)])
    assert shares[1] == pytest.approx(1 - shares[0] - shares[2])


def test_equally_good_arms_are_drawn_alike() -> None:
    assert greedy_shares(np.array([0.5, 0.5, 0.1])).tolist() == [0.5, 0.5, 0]
    assert ask(state(), 0).propensity == pytest.approx(1 / 3)


def test_the_answer_says_the_probability_with_which_its_arm_was_drawn() -> None:
    bandit = state(explore=0.3)
    simulate(bandit, 40)
    answer = ask(bandit, 5_000, 0.3, -0.4)
    shares = shares_of(declared(explore=0.3), np.array([*answer.scores.values()]), 33)
    assert tuple(answer.scores) == ARMS
    assert answer.propensity == shares[ARMS.index(answer.arm)]


def test_another_seed_draws_otherwise_and_the_same_seed_the_same() -> None:
    one, same, other = (
        [ask(made, i).arm for i in range(40)] for made in (state(), state(), state(seed=1))
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("said", "after_ms", "learnt", "unmatched"),
    [
        ([(0, 1.0)], HOUR_MS, 1, 0),
        ([(0, 1.0)], HOUR_MS + 1, 0, 1),
        ([(0, 1.0), (0, 0.0)], 0, 1, 1),
        ([(77, 1.0)], 0, 0, 1),
    ],
    ids=["in-time", "late", "twice", "unknown"],
)
def test_a_reward_counts_once_and_in_time(
    said: list[tuple[int, float]], after_ms: int, learnt: int, unmatched: int
) -> None:
    bandit = state(keep_s=3_600)
    first = ask(bandit, 0).arm
    for number, earns in said:
        reward(bandit, number, earns, after_ms)
    assert bandit.counts == {"learnt": learnt, "unmatched": unmatched, "unrewarded": 0}
    # Whatever came behind the first reward has not moved what is expected.
    expected = (1.0 + 1.0) / 2 if learnt else 0.5
    assert ask(bandit, 1).scores[first] == pytest.approx(expected)


def test_choices_that_nobody_rewards_make_room_and_are_counted() -> None:
    bandit = state(keep_records=3)
    for i in range(5):
        ask(bandit, i)
    reward(bandit, 1, 1.0)
    assert bandit.counts == {"learnt": 0, "unmatched": 1, "unrewarded": 2}


def test_lines_are_those_of_a_ridge_regression() -> None:
    rng = np.random.default_rng(3)
    bandit = state(explore=1.0, fields=("x",), ridge=2.0)
    rows: list[tuple[str, float, float]] = []
    for i in range(60):
        x = float(rng.normal(1e6, 5))
        answer = take(bandit, event_of(i, {"x": x}))
        assert answer is not None
        rows.append((answer.arm, x, float(rng.uniform())))
        reward(bandit, i, rows[-1][2])
    every = np.array([x for _, x, _ in rows])
    own = np.array([(x, earned) for arm, x, earned in rows if arm == "b"])
    z, earned = (own[:, 0] - own[:, 0].mean()) / every.std(), own[:, 1]
    slope = z @ (earned - earned.mean()) / (z @ z + 2)
    common = np.mean([earned for _, _, earned in rows])
    height = (earned.sum() + 2 * common) / (len(own) + 2)
    asked = take(bandit, event_of(900, {"x": 1e6 + 3}))
    assert asked is not None
    expected = height + slope * (1e6 + 3 - own[:, 0].mean()) / every.std()
    assert asked.scores["b"] == pytest.approx(expected, abs=1e-7)


def test_one_huge_number_does_not_blind_it() -> None:
    bandit = state()
    simulate(bandit, 300)
    ask(bandit, 4_000, 1e30, -1e30)
    reward(bandit, 4_000, 0.0)
    scores = ask(bandit, 4_001, 0.9, -0.9).scores
    assert scores["a"] > scores["b"] + 0.2


@pytest.mark.parametrize(
    "value",
    [
        {"x": 1},
        {"x": 1, "y": "2"},
        {"x": 1, "y": 1e31},
        {"record": "made-up/0/1", "reward": 1.5},
        {"record": "made-up/0/1", "reward": True},
        {"record": "made-up", "reward": 1},
        {"record": "made-up/0/1"},
    ],
)
def test_what_is_neither_record_nor_reward_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        state().read(event_of(0, value))


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"arms": ("a",)}, "at least two"),
        ({"arms": ("a", "a")}, "each once"),
        ({"fields": ("reward",)}, "must differ"),
        ({"policy": "thompson"}, "must be one of"),
        ({"explore": 0.0}, "explore"),
        ({"lowest": 1.0}, "lowest"),
        ({"ridge": 1e-9}, "ridge"),
        ({"seed": 2**64}, "seed"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(told: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Bandit("slots", **{"arms": ARMS, **told})


def logged_of(found: list[tuple[Choice, float, Any]]) -> Logged:
    return Logged(
        np.array([ARMS.index(choice.arm) for choice, _, _ in found]),
        np.array([choice.propensity for choice, _, _ in found]),
        np.array([earned for _, earned, _ in found]),
        np.array([[*choice.scores.values()] for choice, _, _ in found]),
    )


def test_what_other_policies_would_have_earned_is_found_within_three_deviations() -> None:
    found = simulate(state(explore=0.3), 3_000)
    logged = logged_of(found)
    every = np.array([best for _, _, best in found])
    greedy = np.argmax(logged.scores, axis=1)
    truths = {f"always {arm}": every[:, i].mean() for i, arm in enumerate(ARMS)}
    truths |= {"uniform": every.mean(), "greedy": every[np.arange(len(found)), greedy].mean()}
    said = worths(logged, ARMS)
    assert [one.policy for one in said] == [*truths]
    for one in said:
        assert 200 < one.effective < len(found)
        for estimated in (one.ips, one.self_normalised, one.doubly_robust):
            assert estimated is not None
            assert _width(estimated) < 0.2
            off = abs(estimated.mean - truths[one.policy])
            assert off < 3 * _width(estimated) / (2 * 1.96)
        assert _width(one.doubly_robust) < _width(one.ips)
    as_it_was = earned(logged)
    assert as_it_was is not None
    assert as_it_was.mean == pytest.approx(logged.rewards.mean())


def _width(estimated: Any) -> float:
    return float(estimated.high - estimated.low)


def test_intervals_hold_as_often_as_they_say() -> None:
    held = np.zeros(3)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        arms = rng.choice(2, 400, p=[0.8, 0.2])
        rewards = (rng.uniform(size=400) < np.array([0.3, 0.6])[arms]).astype(float)
        logged = Logged(arms, np.array([0.8, 0.2])[arms], rewards, np.full((400, 2), 0.5))
        one = worths(logged, ("a", "b"))[1]
        estimates = (one.ips, one.self_normalised, one.doubly_robust)
        held += [each is not None and each.low < 0.6 < each.high for each in estimates]
    # 95 of a hundred; of two hundred tries, three deviations are nine.
    assert held.min() >= 181


def test_of_an_arm_that_was_never_drawn_nothing_is_said() -> None:
    logged = Logged(np.array([0, 0]), np.ones(2), np.array([0.0, 1.0]), np.zeros((2, 2)))
    known, unknown = worths(logged, ("a", "b"))[:2]
    assert known.ips is not None
    assert known.effective == 2
    assert (unknown.effective, unknown.ips, unknown.doubly_robust) == (0, None, None)
