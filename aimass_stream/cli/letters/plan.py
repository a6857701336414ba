"""What a replay says before it begins, and when it has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aimass_stream.cli.app_report import AgentReport
from aimass_stream.cli.letters.replaying import Pick, Replaying
from aimass_stream.cli.record_text import escape
from aimass_stream.cli.units import count_text
from aimass_stream.kafka.replays import Outcome

NAMED = 5
"""How many of a kind are named."""
_FATES: tuple[tuple[Outcome, str], ...] = (
    ("sent", "sent to where they came from"),
    ("answered", "answered"),
    ("quiet", "quiet"),
    ("dead_lettered", "dead-lettered again"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A replay to be.

    Attributes:
        pick: the letters.
        to_model: `name@version`, where a model was chosen.
        agents: those of the app; none where it is not known.
    """

    pick: Pick
    to_model: str | None
    agents: Sequence[AgentReport]


def plan_lines(plan: Plan) -> list[str]:
    """What would be done, for people."""
    pick = plan.pick
    if not (pick.letters or pick.replayed or pick.impossible):
        return ["No letter meets these filters; aimass dlq list shows what there is."]
    lines = [f"To replay: {count_text(len(pick.letters), 'letter')}{_merged(pick)}."]
    if pick.replayed:
        lines.append(
            f"Replayed before: {count_text(pick.replayed, 'letter')}, left out; "
            "--again replays them once more."
        )
    if pick.impossible:
        lines.append(f"Cannot be replayed: {count_text(len(pick.impossible), 'letter')}")
        lines += named(f"{place}: {why}" for place, why in pick.impossible)
    kinds = Counter((letter.agent, letter.topic) for letter in pick.letters)
    for (agent, topic), count in kinds.most_common():
        what = (
            f"through agent {agent}, with {plan.to_model}"
            if plan.to_model
            else f"of agent {agent}, to topic {topic}"
        )
        lines.append(f"  {count:>7,}  {escape(what)}")
    if not plan.to_model:
        lines += _bystanders(plan, {topic for _, topic in kinds})
    return lines


def end_lines(replaying: Replaying, to_model: str | None, *, stopped: bool) -> list[str]:
    """How a replay ended, for people; `stopped` by one of them, or by itself."""
    tally, outcomes = replaying.tally, replaying.outcomes
    parts = [f"{outcomes[fate]:,} {words}" for fate, words in _FATES if outcomes[fate]]
    done = f": {', '.join(parts)}" if parts else ""
    with_model = f" with {to_model}" if to_model else ""
    lines = [f"Replayed {count_text(tally.acknowledged, 'letter')}{with_model}{done}."]
    if outcomes["sent"]:
        lines.append("With a worker running, aimass dlq list shows those that fail again.")
    if tally.unsendable:
        lines.append(f"Not replayed: {count_text(len(tally.unsendable), 'letter')}")
        lines += named(f"{place}: {why}" for place, why in tally.unsendable)
    rest = tally.total - tally.done
    if rest:
        hint = " The same command goes on with them." if stopped else ""
        lines.append(f"Not yet replayed: {rest:,}.{hint}")
    return lines


def named(texts: Iterable[str]) -> list[str]:
    """The first few, and how many more."""
    every = list(texts)
    lines = [f"  {escape(text)}" for text in every[:NAMED]]
    return [*lines, f"  and {len(every) - NAMED:,} more"] if len(every) > NAMED else lines


def _merged(pick: Pick) -> str:
    count = sum(map(len, pick.repeats.values()))
    return f", and with them {count_text(count, 'other')} of the same records" if count else ""


def _bystanders(plan: Plan, topics: set[str]) -> list[str]:
    """Agents that will see the records again although they had no trouble with them."""
    concerned = {letter.agent for letter in plan.pick.letters}
    concerned |= {other.agent for held in plan.pick.repeats.values() for other in held}
    names = [a.name for a in plan.agents if a.topic in topics and a.name not in concerned]
    if not names:
        return []
    return [
        f"Read there by others too: {', '.join(sorted(names))}. They answer these records again,",
        "under the same ids; one that learns from that topic itself learns them a second time.",
    ]
