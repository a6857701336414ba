"""People of a small city who move and shop, about one event in a hundred planted."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from aimass_stream.cli.demo.acts import Accounts, Act, Item, share_of
from aimass_stream.kafka.sender import Place
from aimass_stream.records import Recommendation
from aimass_stream.records.behaviour import Action, read_behaviour
from aimass_stream.training.baselines import PopularityRecommender, SpeedAlarm
from aimass_stream.training.sessions import Truth, behaviour_events
from aimass_stream.verify.oracle import Watched

BROKEN_SHARE = 0.01
USERS = 100
SHOWN = 10
"""Items of a list that may hit."""

_recommendation = msgspec.json.Decoder(Recommendation)


class BehaviourAct(Act):
    """Clicks, buys and positions; alerts and recommendations come of them.

    Args:
        seed: of everything that is drawn.
    """

    topic = "behaviour"
    share = 0.55
    watched = (
        Watched("watch", "behaviour", "alerts"),
        Watched("recommender.behaviour", "behaviour", "aimass-demo.recommender.log"),
        Watched("recommend", "aimass-demo.recommender.log", "recommendations"),
        Watched("keep", "recommendations", "feeds"),
    )

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - noise, no secret
        # Learners begin anew, but may find what an earlier run left behind: that is of other
        # people, whose time does not go back.
        first_user = int(time.time()) % 1_000_000 * USERS
        self._events = behaviour_events(USERS, seed=seed, first_user=first_user)
        self._sent: dict[Place, tuple[Action, Truth]] = {}

    def next(self) -> Item:
        """The next event of somebody."""
        event = next(self._events)
        if self._draw.random() < BROKEN_SHARE:
            kind, value = self._break(event.value)
            return Item(self.topic, event.key, value, broken=kind)
        truth = (read_behaviour(event.value, event.time_ms), event.truth)
        return Item(self.topic, event.key, event.value, truth=truth)

    def note(self, place: Place, item: Item) -> None:
        """Remember what it was."""
        self._sent[place] = item.truth

    def judge(self, accounts: Accounts) -> dict[str, Any]:
        """Alerts against what was planted, recommendations against what came next."""
        return {
            "alerts": self._judge_alerts(accounts["watch"].answers),
            "recommendations": self._judge_recommendations(accounts["recommend"].roots),
        }

    def _in_order(self) -> list[tuple[Place, Action, Truth]]:
        """What was sent, by event time."""
        events = [(place, action, truth) for place, (action, truth) in self._sent.items()]
        return sorted(events, key=lambda event: event[1].time_ms)

    def _judge_alerts(self, alerts: Mapping[Place, bytes]) -> dict[str, Any]:
        """Precision over alerts, recall over incidents; echoes of an incident count as neither."""
        speed = SpeedAlarm()
        guessed = {place for place, action, _ in self._in_order() if speed.is_alarm(action)}
        model = _precision_and_recall(alerts.keys() & self._sent.keys(), self._sent)
        baseline = _precision_and_recall(guessed, self._sent)
        return {
            **model,
            **{f"baseline_{name}": figure for name, figure in baseline.items()},
            "baseline_is": "three deviations of speed",
            "records": len(alerts),
        }

    def _judge_recommendations(self, answers: Mapping[str, bytes]) -> dict[str, Any]:
        """Whether what a user turned to next was on the list just before."""
        popular, hits, popular_hits, asked = PopularityRecommender(), 0, 0, 0
        for (partition, offset), action, truth in self._in_order():
            answer = answers.get(f"{self.topic}/{partition}/{offset}")
            popular.learn(action)
            if truth.next_item is None or truth.next_item == action.item or answer is None:
                continue
            asked += 1
            items = [each.item for each in _recommendation.decode(answer).items[:SHOWN]]
            hits += truth.next_item in items
            popular_hits += truth.next_item in popular.recommend(SHOWN)
        return {
            "hit_rate": share_of(hits, asked),
            "baseline_hit_rate": share_of(popular_hits, asked),
            "baseline_is": "the most popular items",
            "records": asked,
        }

    def _break(self, value: bytes) -> tuple[str, bytes]:
        kind = self._draw.choice(("truncated", "noise", "empty", "nowhere", "nobody", "seconds"))
        fields = orjson.loads(value)
        if kind == "truncated":
            return kind, value[: len(value) // 2]
        if kind == "noise":
            return kind, self._draw.randbytes(100)
        if kind == "empty":
            return kind, b""
        if kind == "nowhere":
            return kind, orjson.dumps({**fields, "kind": "position", "lat": 91.0, "lon": 0.0})
        if kind == "nobody":
            return kind, orjson.dumps({**fields, "user": ""})
        return kind, orjson.dumps({**fields, "time_ms": fields["time_ms"] // 1000})


def _precision_and_recall(
    alarms: set[Place], sent: Mapping[Place, tuple[Action, Truth]]
) -> dict[str, float | None]:
    truths = [sent[place][1] for place in alarms]
    judged = [truth for truth in truths if not truth.is_echo]
    right = [truth for truth in judged if truth.anomaly is not None]
    planted = {truth.incident for _, truth in sent.values() if truth.incident is not None}
    found = {truth.incident for truth in right}
    return {
        "precision": share_of(len(right), len(judged)),
        "recall": share_of(len(found), len(planted)),
    }
