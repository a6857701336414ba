"""What an account adds up to: each record of an agent in one column, and what is wrong with any."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from aimass_stream.kafka.reader import Offsets
from aimass_stream.verify.oracle import Account, Watched


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

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, and no repeat disagrees."""
        return not self.lost and not self.differing


def audit(watched: Watched, account: Account, committed: Offsets) -> Audit:
    """Add up an account.

    Args:
        watched: the agent.
        account: what its topics say, read to ends that were asked for after `committed`.
        committed: where the app's group stood.
    """
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
    )
