"""What an account adds up to: each record of an agent in one column, and what is wrong with any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from aimass_stream.kafka.letters import parse_place
from aimass_stream.kafka.reader import Offsets
from aimass_stream.kafka.replays import Replay
from aimass_stream.verify.oracle import Account, Watched
from aimass_stream.verify.written import Place


@dataclass(frozen=True, slots=True)
class Audit:
    """The records of one agent; those that came are the sum of the first six counts after `came`.

    Attributes:
        agent: its name.
        topic: what it reads.
        came: records that the source topic holds.
        answered: there is an answer.
        quiet: no answer was due.
        dead_lettered: there is a dead letter.
        waiting: without an outcome, and not committed: their turn comes.
        unborne: of an outcome that speaks of an answer or a dead letter which its topic does not
            hold: old ones are deleted there, those of a compacted topic overwritten.
        lost: without an outcome although they are committed.
        repeats: answers and dead letters beyond the first of an id.
        differing: repeats that disagree with the first.
        replays: of those that came, records of dead letters that were sent again.
        answered_since: of those dead-lettered, records that were sent again and then answered,
            or quiet.
        foreign: records that no engine wrote, by topic: of its answers, and of the outcomes and
            dead letters of its app. They are left out of all counts but `came`.
    """

    agent: str
    topic: str
    came: int
    answered: int
    quiet: int
    dead_lettered: int
    waiting: int
    unborne: int
    lost: int
    repeats: int
    differing: int
    replays: int = 0
    answered_since: int = 0
    foreign: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, and no repeat disagrees."""
        return not self.lost and not self.differing


def audit(
    watched: Watched,
    account: Account,
    committed: Offsets,
    replays: Sequence[Replay] = (),
    foreign: Mapping[str, int] = MappingProxyType({}),
) -> Audit:
    """Add up an account.

    Args:
        watched: the agent.
        account: what its topics say, read to ends that were asked for after `committed`.
        committed: where the app's group stood.
        replays: of the app's dead letters, oldest first.
        foreign: records that no engine wrote, by topic, on whichever topics of the app.
    """
    sent = list(_sent(watched.topic, replays))
    new_places = {to for _, to, _ in sent}
    without: Counter[str] = Counter()
    for partition, offset in account.lost():
        fate = account.fates.get((partition, offset))
        is_committed = offset < committed.get((watched.topic, partition), 0)
        without[fate or ("lost" if is_committed else "waiting")] += 1
    counts = account.counts()
    return Audit(
        agent=watched.agent,
        topic=watched.topic,
        came=counts["in"],
        answered=counts["answered"] - without["answered"],
        quiet=counts["quiet"],
        dead_lettered=counts["dead_lettered"] - without["dead_lettered"],
        waiting=without["waiting"],
        unborne=without["answered"] + without["dead_lettered"],
        lost=without["lost"],
        repeats=account.duplicated,
        differing=account.differing,
        replays=len(new_places & account.arrived_ms.keys()),
        answered_since=_answered_since(
            account, {old: to for old, to, agent in sent if agent == watched.agent}
        ),
        foreign=dict(foreign),
    )


def _sent(topic: str, replays: Sequence[Replay]) -> Iterator[tuple[Place, Place, str]]:
    """Records of a topic that were written to it again: where from, where to, for which agent."""
    for each in replays:
        if each.mode != "source":
            continue
        (named, *old), (_, *new) = parse_place(each.source), parse_place(each.to)
        # One goes behind the first in its partition; anything else no engine wrote.
        if named == topic and new > old:
            yield (old[0], old[1]), (new[0], new[1]), each.agent


def _answered_since(account: Account, became: Mapping[Place, Place]) -> int:
    """Dead-lettered records of which the latest sending has an outcome that is none of failure."""
    count = 0
    for place in account.dead.keys() & became.keys() & account.arrived_ms.keys():
        latest = place
        while latest in became:
            latest = became[latest]
        is_dead = account.fates.get(place) == "dead_lettered"
        count += is_dead and account.fates.get(latest) in ("answered", "quiet")
    return count
