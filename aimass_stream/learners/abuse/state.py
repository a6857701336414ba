"""The state of a guard: each user's rhythm and way, what is usual, and who is kept out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.abuse.company import Company, Items, Together, way_of
from aimass_stream.learners.abuse.declaration import AbuseGuard
from aimass_stream.learners.abuse.rhythm import Rhythm, towards_most
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.records import Action, Verdict, read_behaviour
from aimass_stream.records.verdict import KEPT_OUT_FROM, Offence

_FIRST_MOST = 10.0
_MOST_RATIO = 1e6


class Sentence(NamedTuple):
    """What a user is kept out for.

    Attributes:
        until_ms: event time at which it is forgiven.
        code: of the offence.
        score: of the offence.
        reason: likewise, for people.
        told: whether an alarm was raised for it.
    """

    until_ms: int
    code: Offence
    score: float
    reason: str
    told: bool = True


class User(NamedTuple):
    """What is kept of a user.

    Attributes:
        rhythm: how fast and evenly they act.
        way: their latest items, oldest first.
        sentence: what they are kept out for, if anything.
    """

    rhythm: Rhythm = Rhythm()
    way: Items = ()
    sentence: Sentence | None = None


_NEW = User()


class _Judged(NamedTuple):
    """An action, its user behind it, and what is made of it."""

    action: Action
    user: User
    together: Together
    verdict: Verdict


class AbuseGuardState:
    """The `LearnerState` of `AbuseGuard`. An action is judged by the state before its block."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        guard = self._guard = AbuseGuard("guard", **settings)
        self._users: OrderedDict[str, User] = OrderedDict()
        self._company = Company(guard.farm_users, guard.farm_s * 1000, guard.items, guard.sequences)
        self._most = _FIRST_MOST
        self._learnt = 0
        self._open = OpenBlock(list[_Judged | None], self._answer)

    def read(self, event: Event) -> Action:
        """A behaviour event.

        Raises:
            RecordError: it is none.
        """
        return read_behaviour(event.value, event.timestamp_ms)

    def score(self, inputs: Sequence[Action]) -> list[Verdict | None]:
        """Whether each action may be learnt from; None for a position."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[Action]) -> None:
        """Remember what was done, and who is to be kept out."""
        judged = self._open.ahead(inputs)
        self._open.close()
        for one in judged:
            if one is not None:
                self._learn(one)
        while len(self._users) > self._guard.users:
            self._users.popitem(last=False)

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        users = [[name, *_plain(user)] for name, user in self._users.items()]
        data = {
            "users": users,
            "company": self._company.snapshot(),
            "most": self._most,
            "learnt": self._learnt,
        }
        return Snapshot({}, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down."""
        data = snapshot.data
        self._users = OrderedDict(
            (name, _user(rhythm, way, sentence)) for name, rhythm, way, sentence in data["users"]
        )
        self._company.restore(data["company"])
        self._most, self._learnt = data["most"], data["learnt"]
        self._open.close()

    def _answer(
        self, ahead: list[_Judged | None], inputs: Sequence[Action]
    ) -> list[Verdict | None]:
        judged = [self._judge(action) for action in inputs]
        ahead += judged
        return [one and one.verdict for one in judged]

    def _judge(self, action: Action) -> _Judged | None:
        if action.item is None:
            return None
        before = self._users.get(action.user, _NEW)
        rhythm = before.rhythm.after(action.time_ms)
        way = way_of(before.way, action.item)
        together = self._company.beside(way, action.user, action.time_ms)
        sentence = self._offence(rhythm, together, action.time_ms)
        now_ms = rhythm.last_ms
        serving = before.sentence if before.sentence and now_ms < before.sentence.until_ms else None
        held = serving if sentence.score < KEPT_OUT_FROM else sentence
        told = held or sentence
        verdict = Verdict(
            action.user,
            action.kind,
            action.item,
            action.time_ms,
            kept_out=held is not None,
            is_alarm=held is not None and not (serving and serving.told),
            code=told.code if held else "",
            score=told.score,
            reason=told.reason if held else "as usual",
        )
        return _Judged(
            action, User(rhythm, way, held and held._replace(told=True)), together, verdict
        )

    def _offence(self, rhythm: Rhythm, together: Together, time_ms: int) -> Sentence:
        """The worst that an action shows, an offence or not."""
        guard = self._guard
        usual = max(self._most, rhythm.usual)
        tolerated = max(guard.least_burst, guard.burst_times * usual)
        uneven = rhythm.unevenness
        ratios: dict[Offence, float] = {
            "impossible": rhythm.second / guard.most_per_s,
            "burst": rhythm.minute / tolerated,
            "regular": min(guard.even_share / uneven, _MOST_RATIO) if uneven else _MOST_RATIO,
            "in_step": together.ratio if self._learnt >= guard.warm_records else 0.0,
        }
        code = max(ratios, key=lambda name: ratios[name])
        reasons: dict[Offence, str] = {
            "impossible": f"{rhythm.second:.0f} actions in a second",
            "burst": f"{rhythm.minute:.0f} actions in a minute, usually under {usual:.0f}",
            "regular": f"intervals of {rhythm.gap_s:.3g} s, alike within {uneven:.1%}",
            "in_step": f"{len(together.users)} users with the same {together.items} items in order",
        }
        until_ms = max(time_ms, rhythm.last_ms) + round(guard.forgive_s * 1000)
        return Sentence(until_ms, code, ratios[code] / (1 + ratios[code]), reasons[code])

    def _learn(self, judged: _Judged) -> None:
        action, user, together, verdict = judged
        self._company.see(user.way, action.user, action.time_ms)
        rhythm = user.rhythm
        if not verdict.kept_out:
            rhythm = rhythm.learnt()
            self._most = towards_most(self._most, rhythm.minute)
            self._company.learn(user.way, action.time_ms)
            self._learnt += 1
        self._users[action.user] = user._replace(rhythm=rhythm)
        self._users.move_to_end(action.user)
        if user.sentence is not None and together.ratio >= 1 and verdict.code == "in_step":
            # Who went first was not in company yet.
            for name in together.users:
                other = self._users.get(name)
                if other is not None and other.sentence is None:
                    self._users[name] = other._replace(sentence=user.sentence._replace(told=False))


def _plain(user: User) -> list[Any]:
    sentence = None if user.sentence is None else list(user.sentence)
    *rhythm, gaps_ms = user.rhythm
    return [[*rhythm, list(gaps_ms)], list(user.way), sentence]


def _user(rhythm: Sequence[Any], way: Sequence[str], sentence: Sequence[Any] | None) -> User:
    last_ms, second, minute, usual, gaps_ms = rhythm
    return User(
        Rhythm(last_ms, second, minute, usual, tuple(gaps_ms)),
        tuple(way),
        None
        if sentence is None
        else Sentence(*cast(tuple[int, Offence, float, str, bool], sentence)),
    )
