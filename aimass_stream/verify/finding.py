"""What was found under a fault, and the report it becomes."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What a fault ends with."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    SKIPPED = "skipped"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of a fault has shown. The oracle counts over all agents.

    Attributes:
        records: sent to the source topics.
        in_hand: records without an outcome at the moment the fault struck.
        lost: records without an outcome that the topics bear out.
        duplicated: answers and dead letters beyond the first of an id.
        may_repeat: how many that may be: what was not committed when the fault struck.
        differing: those repeats that disagree with the first.
        dead_lettered: records on the dead letter topic, over all agents.
        recovery_s: from the fault until each agent had an outcome for a record that came after
            it; None where no agent stands still.
        longest_wait_s: the longest that a record waited for its outcome, counted from the fault.
        problems: what is not as promised; none is a pass.
        measured: further figures, each with its unit in its name.
        foreign: records on topics that the engine writes which no engine wrote, by topic; they
            are left out.
    """

    records: int = 0
    in_hand: int = 0
    lost: int = 0
    duplicated: int = 0
    may_repeat: int = 0
    differing: int = 0
    dead_lettered: int = 0
    recovery_s: float | None = None
    longest_wait_s: float | None = None
    problems: list[str] = []
    measured: dict[str, float] = {}
    foreign: dict[str, int] = {}


class Row(Finding, frozen=True, kw_only=True):
    """A finding as a row of the table and the report.

    Attributes:
        fault: its name.
        row: of the fault matrix; empty where it is in none.
        verdict: of the row.
        why: what is wrong, or why it was skipped; empty for a pass.
        seconds: it took.
    """

    fault: str
    row: str
    verdict: Verdict
    why: str = ""
    seconds: float = 0.0


def judged(fault: str, row: str, finding: Finding, seconds: float) -> Row:
    """The row of a finding: it passes when nothing is wrong."""
    verdict = Verdict.FAIL if finding.problems else Verdict.PASS
    return Row(
        **msgspec.structs.asdict(finding),
        fault=fault,
        row=row,
        verdict=verdict,
        why="; ".join(finding.problems),
        seconds=round(seconds, 1),
    )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--report` writes.

    Attributes:
        app: the application's id.
        seed: of every choice by chance.
        command: what to type to run the same again.
        start_s: how long the application took from its start to an outcome for every input.
        rate: records a second that were sent.
        passed: whether nothing failed, and something passed.
        error: why the run ended before its end; empty where it did not.
        seconds: the whole run.
        versions: of Python and the packages that matter.
        machine: what it ran on.
        faults: a row for each, in the order they were run.
    """

    app: str
    seed: int
    command: str
    start_s: float
    rate: float
    passed: bool
    error: str
    seconds: float
    versions: dict[str, str]
    machine: dict[str, str]
    faults: list[Row]
