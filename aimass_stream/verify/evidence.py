"""From what the oracle saw under a fault to a finding: figures, bounds, and what is wrong. Pure."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aimass_stream.kafka.sender import Place
from aimass_stream.verify.application import Application
from aimass_stream.verify.errors import MissedError
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.oracle import Account


@dataclass(slots=True)
class Strikes:
    """When a fault struck, and when it was over; wall clock, as records have it.

    Attributes:
        struck_ms: each strike.
        over_ms: what recovery counts from; 0 while nothing has struck.
    """

    struck_ms: list[int] = field(default_factory=list)
    over_ms: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a window has gathered.

    Attributes:
        accounts: the oracle's, by agent.
        bad: where the records lie that are to be dead-lettered, by source topic.
        may_repeat: answers that may come twice, by agent.
        victims: sources of the records that a model is to fail on, and that model.
        failing: models whose dead letters the fault itself counts.
    """

    app: Application
    accounts: Mapping[str, Account]
    strikes: Strikes
    bad: Mapping[str, set[Place]]
    may_repeat: Mapping[str, int]
    victims: Mapping[str, str]
    failing: frozenset[str] = frozenset()

    def first_strike_ms(self) -> int:
        """0 where nothing struck."""
        return self.strikes.struck_ms[0] if self.strikes.struck_ms else 0

    def in_hand(self) -> int:
        """Records that were on their topic and had no outcome when the fault struck first."""
        struck_ms = self.first_strike_ms()
        return sum(
            arrived_ms <= struck_ms < account.settled_ms.get(place, struck_ms + 1)
            for account in self.accounts.values()
            for place, arrived_ms in account.arrived_ms.items()
        )

    def recovery_s(self) -> float | None:
        """From the end of the fault until the slowest agent had an outcome for a later record."""
        over_ms = self.strikes.over_ms
        firsts = [first_new_ms(account, over_ms) for account in self.accounts.values()]
        known = [first for first in firsts if first is not None]
        return max(0.0, (max(known) - over_ms) / 1000) if known and over_ms else None

    def longest_wait_s(self) -> float | None:
        """The longest that a record waited, from the first strike where it came before that."""
        struck_ms = self.first_strike_ms()
        waits = [
            settled_ms - max(account.arrived_ms[place], struck_ms)
            for account in self.accounts.values()
            for place, settled_ms in account.settled_ms.items()
            if place in account.arrived_ms and settled_ms > struck_ms
        ]
        return max(waits) / 1000 if waits else None

    def dead_good(self) -> dict[str, int]:
        """Reasons of the dead letters of records that nothing was wrong with."""
        reasons: Counter[str] = Counter()
        for agent in self.app.agents:
            bad = self.bad.get(agent.topic, set())
            burials = self.accounts[agent.agent].burials
            reasons.update(
                burial.reason
                for place, burial in burials.items()
                if place not in bad
                and burial.root not in self.victims
                and burial.model not in self.failing
            )
        return dict(reasons)

    def unburied(self) -> list[str]:
        """Victims without a dead letter that names their model."""
        buried = {
            (burial.root, burial.model)
            for account in self.accounts.values()
            for burial in account.burials.values()
        }
        return [root for root, model in self.victims.items() if (root, model) not in buried]

    def spared(self) -> int:
        """Bad records that some agent did not dead-letter."""
        return sum(
            place not in self.accounts[agent.agent].dead
            for agent in self.app.agents
            for place in self.bad.get(agent.topic, ())
        )


def judge(evidence: Evidence, sent: int, recovers_within_s: float | None) -> Finding:
    """What a fault has shown, and what of that is not as promised.

    Args:
        evidence: of its window.
        sent: records sent to the source topics.
        recovers_within_s: bound on the recovery; None where nothing has to recover.

    Raises:
        MissedError: it struck, and nothing was in hand.
    """
    struck, accounts = bool(evidence.strikes.struck_ms), evidence.accounts.values()
    in_hand = evidence.in_hand() if struck else 0
    if struck and not in_hand:
        raise MissedError("nothing was in hand when it struck")
    recovery_s = evidence.recovery_s() if recovers_within_s is not None else None
    problems = [*_broken_laws(evidence), *_slowness(recovery_s, recovers_within_s)]
    return Finding(
        records=sent,
        in_hand=in_hand,
        lost=sum(len(account.lost()) for account in accounts),
        duplicated=sum(account.duplicated for account in accounts),
        may_repeat=sum(evidence.may_repeat.values()),
        differing=sum(account.differing for account in accounts),
        dead_lettered=sum(len(account.dead) for account in accounts),
        recovery_s=recovery_s,
        longest_wait_s=evidence.longest_wait_s(),
        problems=problems,
    )


def _broken_laws(evidence: Evidence) -> Iterator[str]:
    for agent, account in evidence.accounts.items():
        if lost := account.lost():
            yield f"{agent} lost {len(lost)}, the first at {lost[0]}"
        if account.differing:
            yield f"{agent} repeated {account.differing} differently"
        may_repeat = evidence.may_repeat.get(agent, 0)
        if account.duplicated > may_repeat * _outputs(account):
            yield f"{agent} repeated {account.duplicated}, and {may_repeat} were not committed"
    if reasons := evidence.dead_good():
        yield f"good records are dead-lettered: {reasons}"
    if spared := evidence.spared():
        yield f"{spared} bad records are not dead-lettered"
    if unburied := evidence.unburied():
        yield f"{len(unburied)} records that a model fails on are not dead-lettered for it"


def _slowness(recovery_s: float | None, within_s: float | None) -> Iterator[str]:
    if within_s is None:
        return
    if recovery_s is None:
        yield "no record that came after the fault has an outcome"
    elif recovery_s > within_s:
        yield f"recovery took {recovery_s:.1f} s, and {within_s:.0f} s are promised"


def first_new_ms(account: Account, over_ms: int) -> int | None:
    """When the first record that came after the fault had its outcome."""
    return min(
        (
            settled_ms
            for place, settled_ms in account.settled_ms.items()
            if account.arrived_ms.get(place, 0) >= over_ms
        ),
        default=None,
    )


def repeats(app: Application, exposed: Mapping[str, int]) -> Counter[str]:
    """How many records each agent may see again, given how many are not committed by topic.

    A repeated answer is a further record for whoever reads the answers' topic.
    """
    found: Counter[str] = Counter()
    for topic in _upstream_first(app):
        of_writers = sum(found[writer.agent] for writer in app.writers(topic))
        for reader in app.readers(topic):
            found[reader.agent] = exposed.get(topic, 0) + of_writers
    return found


def _upstream_first(app: Application) -> list[str]:
    """The agents' topics, those that others are written from first; a circle as it comes."""
    order: list[str] = []
    waiting = sorted({agent.topic for agent in app.agents})
    while waiting:
        free = [
            topic
            for topic in waiting
            if not any(writer.topic in waiting for writer in app.writers(topic))
        ]
        order += free or waiting
        waiting = [topic for topic in waiting if topic not in order]
    return order


def _outputs(account: Account) -> int:
    """Outputs of a record on average, rounded up."""
    return max(1, math.ceil(len(account.ids) / max(1, len(account.answers) + len(account.dead))))


def now_ms() -> int:
    """Wall clock, as records have it."""
    return time.time_ns() // 1_000_000
