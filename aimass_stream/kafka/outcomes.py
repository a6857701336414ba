"""The outcomes topic: one small record per run of rows whose fate is established.

It is written after the outputs are on the broker and before the offsets are committable, so a
reader of topics alone can tell a quiet record from a lost one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from aimass_stream.runtime.handover import Unit


class Outcomes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one agent made of the records of one partition from `first` to `last`.

    Ranges are inclusive offsets, in order. An offset in no range is a hole of the log. Of several
    outcomes of one record the latest counts: a record read again after a crash has the same as
    before, one that was replayed by hand may have another.

    Attributes:
        answered: records with at least one output.
        quiet: records no output was due for, tombstones among them.
        dead_lettered: records on the dead letter topic.
        replayed: somebody had dead letters of these records answered anew.
    """

    agent: str
    topic: str
    partition: int
    first: int
    last: int
    answered: list[tuple[int, int]]
    quiet: list[tuple[int, int]]
    dead_lettered: list[tuple[int, int]]
    replayed: bool = False


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Outcomes).decode


def outcomes_topic(app_id: str) -> str:
    """Name of the outcomes topic of an app."""
    return f"{app_id}.outcomes"


def outcomes_of(agent: str, unit: Unit, *, replayed: bool = False) -> Outcomes:
    """The outcomes of a unit's rows."""
    chunk = unit.work.chunk
    offsets = chunk.offsets
    rows = range(unit.first_row, unit.end_row)
    dead_rows = {failure.row for failure in unit.failures}
    answered_rows = _answered_rows(unit, dead_rows)
    if len(answered_rows) == len(rows):
        quiet_rows = []
    else:
        known = dead_rows.union(answered_rows)
        quiet_rows = [row for row in rows if row not in known]
    return Outcomes(
        agent=agent,
        topic=chunk.topic,
        partition=chunk.partition,
        first=offsets[unit.first_row],
        last=offsets[unit.end_row - 1],
        answered=_ranges(answered_rows, offsets),
        quiet=_ranges(quiet_rows, offsets),
        dead_lettered=_ranges(sorted(dead_rows), offsets),
        replayed=replayed,
    )


def count_outcomes(unit: Unit) -> dict[str, int]:
    """How many rows of a unit have which outcome."""
    dead_rows = {failure.row for failure in unit.failures}
    answered = len(_answered_rows(unit, dead_rows))
    quiet = unit.end_row - unit.first_row - answered - len(dead_rows)
    return {"answered": answered, "quiet": quiet, "dead_lettered": len(dead_rows)}


def join_adjacent(each: Iterable[Outcomes]) -> Iterator[Outcomes]:
    """The same said in fewer: outcomes of one agent and partition, where no offset lies between."""
    joined: list[Outcomes] = []
    for outcomes in each:
        if joined and joined[-1].last + 1 != outcomes.first:
            yield _join(joined)
            joined = []
        joined.append(outcomes)
    if joined:
        yield _join(joined)


def _join(outcomes: Sequence[Outcomes]) -> Outcomes:
    if len(outcomes) == 1:
        return outcomes[0]
    return msgspec.structs.replace(
        outcomes[0],
        last=outcomes[-1].last,
        answered=_join_ranges(one.answered for one in outcomes),
        quiet=_join_ranges(one.quiet for one in outcomes),
        dead_lettered=_join_ranges(one.dead_lettered for one in outcomes),
    )


def _join_ranges(each: Iterable[Sequence[tuple[int, int]]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in chain.from_iterable(each):
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _answered_rows(unit: Unit, dead_rows: Collection[int]) -> list[int]:
    """Rows with an answer and no failure, ascending."""
    if len(unit.answers) == 1 and not dead_rows:
        return unit.answers[0].rows
    answered = {row for answers in unit.answers for row in answers.rows}
    return sorted(answered.difference(dead_rows))


def _ranges(rows: Sequence[int], offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of neighbouring rows as inclusive offset ranges."""
    if rows and rows[-1] - rows[0] + 1 == len(rows):
        return [(offsets[rows[0]], offsets[rows[-1]])]
    runs: list[tuple[int, int]] = []
    first = last = -2
    for row in rows:
        if row != last + 1:
            if last >= 0:
                runs.append((offsets[first], offsets[last]))
            first = row
        last = row
    if last >= 0:
        runs.append((offsets[first], offsets[last]))
    return runs
