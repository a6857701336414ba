"""A run of the suite: which faults, in which order, and the rows they become."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from aimass_stream.errors import AimassError
from aimass_stream.verify.application import Need
from aimass_stream.verify.errors import MissedError
from aimass_stream.verify.fault import Fault
from aimass_stream.verify.faults import FAULTS
from aimass_stream.verify.finding import Finding, Row, Verdict, judged
from aimass_stream.verify.scene import Scene

TRIES = 3
"""How often a fault is run that struck while nothing was in hand."""
FAULT_S = 900.0
"""The longest a fault may take, a soak apart."""


class Audience(Protocol):
    """Whoever watches a run."""

    def begin(self, fault: type[Fault]) -> None:
        """A fault begins."""

    def end(self, row: Row) -> None:
        """A fault has ended, or was skipped."""


def choose(names: Sequence[str], *, quick: bool) -> list[type[Fault]]:
    """The faults to run.

    Args:
        names: only these; all when empty. A part of a name will do where it is of one fault.
        quick: only the quick ones, unless named.

    Raises:
        ValueError: a name is of no fault, or of several.
    """
    if not names:
        return [fault for fault in FAULTS if fault.quick or not quick]
    chosen = {_named(name) for name in names}
    return [fault for fault in FAULTS if fault in chosen]


def _named(name: str) -> type[Fault]:
    found = [fault for fault in FAULTS if fault.name == name]
    found = found or [fault for fault in FAULTS if name.lower() in fault.name.lower()]
    if len(found) != 1:
        known = "\n".join(f"  {fault.name}" for fault in found or FAULTS)
        what = "several faults" if found else "no fault"
        raise ValueError(f"{name!r} names {what}. Write one of:\n{known}")
    return found[0]


async def run_faults(
    scene: Scene, faults: Iterable[type[Fault]], rows: list[Row], audience: Audience
) -> None:
    """Run faults one after the other on an open scene.

    Args:
        scene: opened; the caller closes it.
        faults: which.
        rows: filled as they end, so that whoever is interrupted has the ones so far.
        audience: told of each.

    Raises:
        AimassError: the application cannot be started any more.
    """
    for fault in faults:
        row = _skipped(fault, scene.app.offers)
        if row is None:
            audience.begin(fault)
            row = await _run(scene, fault)
        rows.append(row)
        audience.end(row)


def _skipped(fault: type[Fault], offers: frozenset[Need]) -> Row | None:
    missing = sorted(fault.needs - offers)
    if not missing:
        return None
    why = f"the application has not {' nor '.join(missing)}"
    return Row(fault=fault.name, row=fault.row, verdict=Verdict.SKIPPED, why=why)


async def _run(scene: Scene, fault: type[Fault]) -> Row:
    began = time.monotonic()
    try:
        async with asyncio.timeout(FAULT_S):
            finding = await _run_until_it_hits(scene, fault)
            await scene.wait_ready()
    except (AimassError, TimeoutError) as error:
        why = str(error) or f"not over within {FAULT_S:.0f} s"
        finding = Finding(problems=[why])
    # What failed may have left it in any state; the next fault is not to suffer from that.
    scene.in_doubt = scene.in_doubt or bool(finding.problems)
    return judged(fault.name, fault.row, finding, time.monotonic() - began)


async def _run_until_it_hits(scene: Scene, fault: type[Fault]) -> Finding:
    if scene.in_doubt or scene.workers.count != fault.workers:
        await scene.restart(fault.workers)
        scene.in_doubt = False
    for attempt in range(1, TRIES + 1):
        scene.say("coming to rest")
        await scene.rest()
        try:
            return await fault().run(scene)
        except MissedError as error:
            if attempt == TRIES:
                raise
            scene.say(f"{error}; once more")
    raise AssertionError("unreachable")
