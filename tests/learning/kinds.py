"""Every kind of learner of the package, as it is killed on a broker: a case for each.

Kinds that learn alike by construction share a run, as the members of an ensemble do: each is a
state of its own in there, laid down and restored with the whole.
"""

from __future__ import annotations

from dataclasses import replace

from tests.learners.cases import CASES, Case, proposer
from tests.learners.events import homes

SNAPSHOT_ROWS = 20
"""So few that a kill finds some snapshots behind it, and records behind the last of them."""

KINDS: dict[str, Case] = {
    name: replace(case, learner=replace(case.learner, name=name, snapshot_rows=SNAPSHOT_ROWS))
    for name, case in {**CASES, "proposer": Case(proposer(), lambda: homes(200))}.items()
}
