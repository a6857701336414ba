"""A guard keeps programs and farms out of what others learn, and leaves people in."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import pytest

from aimass_stream.errors import ConfigError
from aimass_stream.learner import Event
from aimass_stream.learners.abuse import AbuseGuard
from aimass_stream.learners.abuse.state import AbuseGuardState
from aimass_stream.learners.recommendation import Recommender
from aimass_stream.learners.recommendation.state import RecommenderState
from aimass_stream.records import Alert, Behaviour, Limits, Verdict
from tests.learners.crowds import PUSHED, SCRIPT, Doing, every, farm, log_of, people

ITEMS = 200
HOUR_S = 3600.0


def state_of(**settings: Any) -> AbuseGuardState:
    return AbuseGuardState(AbuseGuard("guard", **settings).settings)


def judged(state: AbuseGuardState, events: Iterable[Event]) -> list[Verdict]:
    verdicts = []
    for event in events:
        rows = [state.read(event)]
        (verdict,) = state.score(rows)
        assert verdict is not None
        verdicts.append(verdict)
        state.learn(rows)
    return verdicts


def out_of(verdicts: list[Verdict]) -> dict[str, set[str]]:
    """Who was kept out, by code."""
    found: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        if verdict.kept_out:
            found[verdict.code].add(verdict.user)
    return dict(found)


def uneven(user: str, gap_s: float, start_s: float, actions: int) -> list[Doing]:
    rng = np.random.default_rng(3)
    times = start_s + np.cumsum(rng.exponential(gap_s, actions))
    return [(float(at), user, f"i{rng.integers(ITEMS)}") for at in times]


def test_each_offence_has_its_code_and_people_commit_none() -> None:
    verdicts = judged(
        state_of(),
        log_of(
            people(120, ITEMS, 2),
            farm(20, 1.5 * HOUR_S, 3),
            every("even", 5.0, 1.5 * HOUR_S, 100, ITEMS),
            uneven("scraper", 0.25, 1.5 * HOUR_S, 600),
            uneven("flood", 0.01, 1.5 * HOUR_S, 100),
        ),
    )
    found = out_of(verdicts)
    honest = {verdict.user for verdict in verdicts if verdict.user.startswith("u")}
    wronged = honest & set[str]().union(*found.values())
    assert len(wronged) < 0.01 * len(honest)
    assert found["in_step"] - wronged == {f"farm{i}" for i in range(20)}
    assert found["regular"] - wronged == {"even"}
    assert found["burst"] - wronged == {"scraper"}
    assert "flood" in found["impossible"]
    alarms = [verdict.user for verdict in verdicts if verdict.is_alarm]
    assert sorted(alarms) == sorted(set[str]().union(*found.values()))
    shares = {
        name: np.mean([one.kept_out for one in verdicts if one.user.startswith(name)])
        for name in ("farm", "even", "scraper", "flood")
    }
    assert min(shares.values()) > 0.7


def test_a_farm_does_not_move_a_recommender_that_is_fed_through_a_guard() -> None:
    honest = people(50, 60, 2)
    guard = state_of(warm_records=500)
    fed = {name: RecommenderState(Recommender("shop").settings) for name in ("raw", "kept", "own")}
    events = list(log_of(honest, farm(30, HOUR_S, 6)))
    for event, verdict in zip(events, judged(guard, events), strict=True):
        admitted = {
            "raw": True,
            "kept": not verdict.kept_out,
            "own": not verdict.user.startswith("farm"),
        }
        for name, state in fed.items():
            if admitted[name]:
                state.learn([state.read(event)])
    pushed = {
        name: sum(
            PUSHED in [item.item for item in state.recommend_to([item]).items]
            for item in SCRIPT[:-1]
        )
        for name, state in fed.items()
    }
    assert pushed["raw"] >= 4
    assert pushed["kept"] == pushed["own"] == 0


def test_an_offence_is_forgiven_after_a_time() -> None:
    state = state_of(forgive_s=600.0)
    flood = uneven("u", 0.01, 0.0, 40)
    after = [(60.0, "u", "i1"), (500.0, "u", "i2"), (1_200.0, "u", "i3")]
    verdicts = judged(state, log_of(flood, after))
    last = verdicts[-3:]
    assert [verdict.kept_out for verdict in last] == [True, True, False]
    assert [verdict.code for verdict in last] == ["impossible", "impossible", ""]
    assert sum(verdict.is_alarm for verdict in verdicts) == 1
    assert last[0].score >= 0.5 > last[2].score
    assert "actions in a second" in last[0].reason


def test_the_way_that_everybody_goes_is_no_farm() -> None:
    way = [f"i{at}" for at in range(6)]
    rng = np.random.default_rng(0)
    crowd = [
        (start_s + at * pace_s, f"u{user}", item)
        for user, (start_s, pace_s) in enumerate(rng.uniform((0, 4), (6 * HOUR_S, 12), (2_000, 2)))
        for at, item in enumerate(way)
    ]
    verdicts = judged(state_of(), log_of(sorted(crowd)))
    assert not out_of(verdicts)
    assert any(verdict.score > 0.1 for verdict in verdicts)


def test_who_went_first_is_kept_out_with_the_others() -> None:
    farmers = [(55.0 * user + at, f"f{user}", f"i{at}") for user in range(10) for at in range(5)]
    state = state_of(warm_records=0)
    verdicts = judged(state, log_of(farmers, [(650.0, "f0", "other"), (651.0, "someone", "i0")]))
    assert [verdict.kept_out for verdict in verdicts[-3:]] == [True, True, False]
    assert "users with the same 4 items in order" in verdicts[-2].reason


def test_a_verdict_reads_as_the_event_it_is_about_and_makes_an_alert() -> None:
    flood = uneven("u", 0.01, 0.0, 40)
    verdict = next(one for one in judged(state_of(), log_of(flood)) if one.is_alarm)
    record = Behaviour("verdicts", 0, 7, 1, None, msgspec.json.encode(verdict), ())
    record.check(Limits())
    assert (record.user, record.item, record.time_ms) == ("u", verdict.item, verdict.time_ms)
    assert record.metadata["code"] == "impossible"
    assert msgspec.json.decode(record.bytes, type=Verdict) == verdict
    assert Alert.of(record, verdict.surprise).reason == verdict.reason


@pytest.mark.parametrize("settings", [{"farm_users": 1}, {"forgive_s": 0.0}, {"users": 0}])
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="guard"):
        AbuseGuard("guard", **settings)
