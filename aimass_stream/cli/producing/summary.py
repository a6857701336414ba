"""What a run of `aimass produce` ends with: what was sent, what was not, what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import typer

from aimass_stream.cli.producing.sending import Tally
from aimass_stream.cli.record_text import escape
from aimass_stream.cli.units import count_text, duration_text, size_text

NAMED = 5
"""How many of a kind are named."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended, beside its counts.

    Attributes:
        stopped: somebody stopped it.
        left_out: names in the folder that are no items.
        answers: the topics where answers will come; none when no app says.
    """

    noun: str
    topic: str
    url: str
    seconds: float
    stopped: bool
    left_out: Sequence[str]
    answers: Sequence[str]


def print_summary(tally: Tally, ending: Ending) -> None:
    """Print the summary on standard output."""
    for line in summary(tally, ending):
        typer.echo(line)


def summary(tally: Tally, ending: Ending) -> list[str]:
    """The lines of the summary."""
    lines = [_sent(tally, ending)]
    if tally.doubtful:
        names = [f"{name} ({doubt})" for name, doubt in tally.doubtful]
        lines.append(f"Sent as they are, and likely to be dead-lettered: {len(tally.doubtful):,}")
        lines += _named(names)
    if tally.unsendable:
        lines.append(f"Not sent: {len(tally.unsendable):,}")
        lines += _named([f"{name}: {reason}" for name, reason in tally.unsendable])
    if ending.left_out:
        lines.append(f"Left out, no {ending.noun} by name: {len(ending.left_out):,}")
        lines += _named(ending.left_out)
    rest = tally.total - tally.done
    if rest:
        lines.append(f"Not yet sent: {rest:,}. The same command sends them.")
    elif not ending.stopped and (tally.acknowledged or tally.before):
        lines += _next(ending.answers or [ending.topic])
    return lines


def _next(topics: Sequence[str]) -> list[str]:
    """What to type; one topic is watched at a time."""
    first, *more = [f"aimass watch {topic}" for topic in topics]
    return [f"Next: {first}", *(f"  or: {one}" for one in more)]


def _sent(tally: Tally, ending: Ending) -> str:
    if tally.total and len(tally.unsendable) == tally.total:
        refused = f"all {count_text(tally.total, ending.noun)} were refused"
        if tally.total == 1:
            refused = f"the only {ending.noun} was refused"
        return f"Nothing was sent to {ending.topic}: {refused}."
    if not tally.acknowledged:
        return f"Nothing new was sent to {ending.topic}; {tally.before:,} were sent before."
    sent = count_text(tally.acknowledged, ending.noun)
    rate = tally.acknowledged / max(ending.seconds, 0.001)
    whole = f" ({tally.before + tally.acknowledged:,} in all)" if tally.before else ""
    return (
        f"Sent {sent}{whole} to {ending.topic}, all acknowledged: "
        f"{size_text(tally.size_bytes)} in {duration_text(ending.seconds)}, {rate:,.0f}/s"
    )


def _named(names: Iterable[str]) -> list[str]:
    every = list(names)
    lines = [f"  {escape(name)}" for name in every[:NAMED]]
    if len(every) > NAMED:
        lines.append(f"  and {len(every) - NAMED:,} more")
    return lines
