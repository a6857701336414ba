"""What a recommender finds, hides and forgets."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import orjson
import pytest

from aimass_stream.errors import ConfigError
from aimass_stream.learner import Event
from aimass_stream.learners.recommendation import Recommender, Rules
from aimass_stream.learners.recommendation.events import Described
from aimass_stream.learners.recommendation.state import RecommenderState
from aimass_stream.records import Recommendation
from tests.learners.events import event_of, shopping


def state_of(**settings: Any) -> RecommenderState:
    return RecommenderState(Recommender("shop", **settings).settings)


def learn(state: RecommenderState, events: list[Event], block: int = 8) -> None:
    for i in range(0, len(events), block):
        state.learn([state.read(event) for event in events[i : i + block]])


def did(user: str, item: str, kind: str = "view", after_ms: int = 0) -> Event:
    return event_of(0, {"user": user, "kind": kind, "item": item}, after_ms=after_ms)


def answer_to(state: RecommenderState, event: Event) -> Recommendation:
    (answer,) = state.score([state.read(event)])
    assert answer is not None
    return answer


def test_it_beats_popularity_on_a_catalogue_where_items_follow_items() -> None:
    events = shopping(2400, 40, 150)
    state = state_of(hide_bought_events=0)
    shown: dict[str, list[str]] = {}
    favourites: Counter[str] = Counter()
    hits: dict[str, int] = defaultdict(int)
    for i, event in enumerate(events):
        action = state.read(event)
        assert not isinstance(action, Described)
        assert action.item is not None
        if i >= 1400:
            hits["all"] += 1
            hits["blend"] += action.item in shown.get(action.user, [])
            hits["popular"] += action.item in [item for item, _ in favourites.most_common(10)]
        state.learn([action])
        favourites[action.item] += 1
        shown[action.user] = [item.item for item in state.recommend(action.user).items]
    assert hits["blend"] / hits["all"] > 0.5
    assert hits["blend"] > 1.5 * hits["popular"]


def test_an_answer_is_ranked_and_says_why() -> None:
    state = state_of(top=5)
    learn(state, shopping(800, 20, 50))
    answer = answer_to(state, did("u1", "i7"))
    assert answer.user == "u1"
    assert [item.rank for item in answer.items] == [1, 2, 3, 4, 5]
    scores = [item.score for item in answer.items]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= min(scores) <= max(scores) <= 1
    assert {item.reason for item in answer.items} <= {
        "follows",
        "similar",
        "popular",
        "taste",
        "again",
    }
    assert len({item.item for item in answer.items}) == 5


def test_the_event_itself_counts_before_it_is_learnt() -> None:
    state = state_of()
    for i in range(60):
        learn(state, [did(f"a{i}", "left"), did(f"a{i}", "left-next")])
        learn(state, [did(f"b{i}", "right"), did(f"b{i}", "right-next")])
    rows = [state.read(did("new", "left")), state.read(did("other", "right"))]
    left, right = state.score(rows)
    assert left is not None
    assert right is not None
    assert left.items[0].item == "left-next"
    assert right.items[0].item == "right-next"


def test_what_was_bought_is_not_shown_for_a_while() -> None:
    state = state_of(hide_bought_events=3)
    learn(state, shopping(400, 10, 8))
    learn(state, [did("me", "i1"), did("me", "i2", "buy")])
    shown = [{item.item for item in state.recommend("me").items}]
    for _ in range(3):
        learn(state, [did("me", "i1")])
        shown.append({item.item for item in state.recommend("me").items})
    assert ["i2" in items for items in shown] == [False, False, False, True]


def test_what_is_never_shown_is_learnt_all_the_same() -> None:
    state, open_state = state_of(rules=Rules(never_shown=("i2", "unheard-of"))), state_of()
    for one in (state, open_state):
        for i in range(30):
            learn(one, [did(f"u{i}", "i1"), did(f"u{i}", "i2"), did(f"u{i}", "i3")])
    assert open_state.recommend_to(["i1"]).items[0].item == "i2"
    assert [item.item for item in state.recommend_to(["i1"]).items] == ["i3", "i1"]
    assert state.recommend_to(["i2"]).items[0].item == "i3"


def test_positions_are_passed_over() -> None:
    state = state_of()
    events = shopping(100, 5, 20, positions=True)
    answers = state.score([state.read(event) for event in events[:10]])
    kinds = [orjson.loads(event.value)["kind"] for event in events[:10]]
    assert [answer is None for answer in answers] == [kind == "position" for kind in kinds]


def test_nobody_and_nothing_known_is_an_empty_list() -> None:
    assert answer_to(state_of(), did("me", "i1")).items == []


def test_forgotten_items_leave_no_trace() -> None:
    state = state_of(items=20, users=5, sessions=10, baskets=5)
    learn(state, shopping(500, 10, 60))
    assert state.items_seen <= 20
    fresh = [did("me", f"fresh{i}", after_ms=i) for i in range(60)]
    learn(state, fresh)
    names = {item.item for item in state.recommend("me").items}
    assert names
    assert all(name.startswith("fresh") for name in names)


@pytest.mark.parametrize("settings", [{"top": 0}, {"items": 3}, {"session_gap_s": 0.0}])
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="shop"):
        Recommender("shop", **settings)


def test_users_who_know_much_get_more_than_what_is_popular() -> None:
    state = state_of()
    events = shopping(2000, 20, 100)
    learn(state, events)
    reasons = Counter(
        item.reason for user in range(20) for item in state.recommend(f"u{user}").items[:3]
    )
    assert reasons["follows"] + reasons["similar"] > 0.6 * np.sum(list(reasons.values()))
