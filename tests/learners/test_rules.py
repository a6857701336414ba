"""What rules let through, how they arrange an answer, and what they say of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from aimass_stream.errors import ConfigError
from aimass_stream.learner import Event
from aimass_stream.learners.recommendation import Recommender, Rules
from aimass_stream.learners.recommendation.state import RecommenderState
from aimass_stream.records import RecommendedItem
from tests.learners.events import event_of, shopping

CATEGORIES = {f"i{item}": "odd" if item % 2 else "even" for item in range(30)}


def shop(
    rules: Rules, *, top: int = 6, described: Mapping[str, str] = CATEGORIES
) -> RecommenderState:
    """A state that has seen people walk through a catalogue of two categories."""
    state = RecommenderState(Recommender("shop", top=top, rules=rules).settings)
    learn(state, shopping(600, 15, 30))
    learn(state, [event_of(0, {"item": item, "category": of}) for item, of in described.items()])
    return state


def learn(state: RecommenderState, events: list[Event]) -> None:
    for event in events:
        state.learn([state.read(event)])


def shown(state: RecommenderState, user: str = "u3") -> list[RecommendedItem]:
    return state.recommend(user).items


def names(state: RecommenderState, user: str = "u3") -> list[str]:
    return [item.item for item in shown(state, user)]


def categories(state: RecommenderState) -> list[str]:
    return [CATEGORIES[item] for item in names(state)]


@pytest.fixture(scope="module")
def plain() -> list[str]:
    """What is shown where there is no rule."""
    return names(shop(Rules()))


def test_what_is_denied_by_name_or_category_is_not_shown(plain: list[str]) -> None:
    assert plain[0] not in names(shop(Rules(never_shown=(plain[0],))))
    assert set(categories(shop(Rules(never_shown_categories=("odd",))))) == {"even"}


def test_where_something_is_allowed_nothing_else_is_shown(plain: list[str]) -> None:
    allowed = tuple(reversed(plain[:3]))
    assert sorted(names(shop(Rules(only_shown=allowed)))) == sorted(allowed)
    assert set(categories(shop(Rules(only_shown_categories=("odd",))))) == {"odd"}
    assert names(shop(Rules(only_shown_categories=("unheard-of",)))) == []


def test_pinned_items_stand_first_also_where_nobody_had_them(plain: list[str]) -> None:
    items = shown(shop(Rules(pinned=("unheard-of", plain[4]))))
    assert [(item.item, item.rank, item.reason) for item in items[:2]] == [
        ("unheard-of", 1, "pinned"),
        (plain[4], 2, "pinned"),
    ]
    assert [item.item for item in items[2:]] == plain[:4]
    assert not {item.reason for item in items[2:]} & {"pinned", "boosted", "various"}


def test_a_pinned_item_is_not_shown_again_to_who_bought_it() -> None:
    state = shop(Rules(pinned=("i7",)))
    assert names(state, "me")[0] == "i7"
    learn(state, [event_of(0, {"user": "me", "kind": "buy", "item": "i7"})])
    assert "i7" not in names(state, "me")


def test_a_pin_does_not_go_before_what_is_denied() -> None:
    denied = ("unheard-of", "i7", "i8")
    for rules in (
        Rules(pinned=denied, never_shown_categories=("odd",), never_shown=("nobody's",)),
        Rules(pinned=denied, only_shown=("unheard-of", "i8")),
    ):
        assert names(shop(rules))[:2] == ["unheard-of", "i8"]
    assert names(shop(Rules(pinned=denied, only_shown_categories=("even",))))[0] == "i8"


def test_a_boost_brings_an_item_in_and_says_so() -> None:
    first, *_, last = names(shop(Rules(), top=20))
    boosted = shown(shop(Rules(boosted={last: 1_000.0})))
    assert (boosted[0].item, boosted[0].reason) == (last, "boosted")
    damped = shown(shop(Rules(boosted={first: 1e-6})))
    assert first not in [item.item for item in damped]
    assert not {item.reason for item in damped} & {"boosted", "various"}


def test_a_boosted_category_comes_first_where_items_have_factors_too() -> None:
    state = shop(Rules(boosted_categories={"odd": 1e6}))
    assert set(categories(state)) == {"odd"}
    best = names(state)[0]
    both = Rules(boosted_categories={"odd": 1e6}, boosted={best: 1e-12})
    assert best not in names(shop(both))


@pytest.mark.parametrize("most", [1, 2])
def test_no_category_has_more_places_than_it_may(most: int, plain: list[str]) -> None:
    state = shop(Rules(most_of_category=most))
    assert sorted(categories(state)) == ["even"] * most + ["odd"] * most
    pinned = shop(Rules(most_of_category=most, pinned=(plain[0],)))
    assert sorted(categories(pinned)) == ["even"] * most + ["odd"] * most


def test_what_a_cap_lets_in_has_a_reason(plain: list[str]) -> None:
    same = dict.fromkeys(plain[:2], "same")
    first, *others = names(shop(Rules(), described=same))
    items = shown(shop(Rules(most_of_category=1), described=same))
    assert [item.item for item in items[:5]] == [first, *(i for i in others if i not in same)]
    assert items[5].item not in (first, *others)
    assert items[5].reason == "various"
    assert "various" not in {item.reason for item in items[:5]}


def test_items_that_the_same_users_had_do_not_stand_together() -> None:
    # Two circles: who is in one has nothing of the other, and a newcomer who saw both.
    circles = [
        event_of(0, {"user": f"{circle}{user}", "kind": "view", "item": f"{circle}{item}"})
        for item in range(6)
        for circle, users in (("a", 30), ("b", 20))
        for user in range(users)
    ]
    seen = [
        event_of(0, {"user": "me", "kind": "buy", "item": item}, after_ms=1_000)
        for item in ("b0", "a0")
    ]
    firsts = {}
    for diversity in (0.0, 0.99):
        declared = Recommender("shop", top=2, rules=Rules(diversity=diversity))
        state = RecommenderState(declared.settings)
        learn(state, [*circles, *seen])
        firsts[diversity] = {name[0] for name in names(state, "me")}
    assert len(firsts[0.0]) == 1
    assert firsts[0.99] == {"a", "b"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"diversity": 1.0},
        {"diversity": -0.1},
        {"most_of_category": -1},
        {"boosted": {"i1": 0.0}},
        {"boosted_categories": {"odd": -1.0}},
        {"pinned": ("i1",), "never_shown": ("i1",)},
        {"pinned": ("i1", "i1")},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="Rules"):
        Rules(**wrong)
