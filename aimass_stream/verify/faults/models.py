"""Models that do wrong on one record: raise, answer nonsense, hang, crash, or grow.

The harm is done in the model process itself, see `runtime.injected`. Victims are inputs that are
not sent otherwise meanwhile, so what becomes of each record is known beforehand.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Protocol

from aimass_stream.errors import Reason
from aimass_stream.records import Example
from aimass_stream.runtime.injection_plan import Call, Injection, Kind
from aimass_stream.verify.application import Need
from aimass_stream.verify.evidence import first_new_ms
from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.roles import Role
from aimass_stream.verify.scene import MODEL_TIMEOUT_S, Scene
from aimass_stream.verify.targets import Target, one_a_topic
from aimass_stream.verify.usage import measure
from aimass_stream.verify.window import Window

BACK_S = 10.0
"""How long it takes a model process to be replaced, once it is known to be lost."""
DEVICE_MEMORY = "AIMASS_DEVICE_MEMORY_BYTES"
GATHER_MS = 100.0
"""How much slower a model is made, so that records gather and batches have several rows."""


class Notes(Protocol):
    """Takes what a fault finds; a `Window` does."""

    def measure(self, name: str, figure: float) -> None:
        """Note a figure."""

    def problem(self, text: str) -> None:
        """Note what is not as promised."""


class BadCall(Fault):
    """One record of each topic makes the call that it is in fail, for one model of the topic.

    Attributes:
        kind: what the model does.
        reason: what the record is dead-lettered for.
        counted: whether the calls that finding it takes are counted.
    """

    row = "8"
    needs = frozenset({Need.STRIKABLE})
    kind: ClassVar[Kind]
    reason: ClassVar[Reason]
    counted: ClassVar[bool] = True

    async def run(self, scene: Scene) -> Finding:
        """Send every input once, a victim in the middle of each topic's."""
        targets = one_a_topic(scene.targets, learns=False)
        targets += one_a_topic(scene.targets, learns=True)
        noted = len(scene.harm.calls())
        with scene.holding_back(targets) as victims:
            async with scene.window() as window:
                scene.strike(
                    *(
                        Injection(
                            kind=self.kind, model=t.model, victims=frozenset({t.digest(victim)})
                        )
                        for t, victim in zip(targets, victims, strict=True)
                    ),
                    *(
                        Injection(kind="slow", model=t.model, slow_ms=GATHER_MS)
                        for t in targets
                        if not t.learns
                    ),
                )
                try:
                    await _send_lap(scene, window, targets, victims)
                    await window.settle()
                finally:
                    scene.repair()
                self._judge(window, targets, scene.harm.calls()[noted:])
                return window.find()

    def _judge(self, window: Window, targets: Sequence[Target], calls: Sequence[Call]) -> None:
        _check_reasons(window, frozenset({self.reason}))
        for target in targets:
            of_model = [call for call in calls if call.model == target.model]
            failed = next((call for call in of_model if self.kind in call.struck.values()), None)
            if failed is None:
                window.problem(f"{target.model} was never struck")
            elif self.counted and not target.learns:
                count_calls(window, failed, of_model)


class RaisingModel(BadCall):
    """A model raises whenever a certain record is among those it is given."""

    name = "a model raises on one record"
    promise = "that record is dead-lettered in at most log2(n) + 2 calls; the others are answered"
    quick = True
    kind = "raise"
    reason = Reason.MODEL_ERROR


class MiscountingModel(BadCall):
    """A model gives one answer too few whenever a certain record is among those it is given."""

    name = "a model gives a wrong number of answers"
    row = "12"
    promise = "nobody gets another's answer; the culprit alone is dead-lettered, invalid_output"
    kind = "wrong_count"
    reason = Reason.INVALID_OUTPUT


class NanModel(BadCall):
    """A model answers a certain record with NaN."""

    name = "a model answers with NaN"
    row = "12"
    promise = "no answer holds NaN or infinity; that record alone is dead-lettered"
    quick = True
    kind = "nan"
    reason = Reason.INVALID_OUTPUT
    counted = False


class LostCall(Fault):
    """One record costs the process of its model, whenever it is given that record.

    Attributes:
        kind: what the model does.
        reasons: what the record may be dead-lettered for.
        noticed_s: how long it takes until the process is known to be lost.
    """

    needs = frozenset({Need.STRIKABLE})
    kind: ClassVar[Kind]
    reasons: ClassVar[frozenset[Reason]]
    noticed_s: ClassVar[float] = MODEL_TIMEOUT_S

    async def prepare(self, scene: Scene) -> None:
        """Bring about what the fault needs beside a running application."""

    async def run(self, scene: Scene) -> Finding:
        """Send one victim into a steady stream; others go on, and it is named."""
        await self.prepare(scene)
        target = scene.draw.choice(one_a_topic(scene.targets, learns=False))
        noted = len(scene.harm.calls())
        with scene.holding_back([target]) as victims:
            async with scene.window() as window:
                digest = target.digest(victims[0])
                scene.strike(
                    Injection(kind=self.kind, model=target.model, victims=frozenset({digest}))
                )
                try:
                    async with window.steady_load():
                        await window.until(window.outcomes, "the first outcome")
                        await window.send_victim(target.model, target.topic, victims[0])
                        await self._watch(scene, window, target, noted)
                finally:
                    scene.repair()
                await window.settle()
                _check_reasons(window, self.reasons)
                return window.find()

    async def _watch(self, scene: Scene, window: Window, target: Target, noted: int) -> None:
        def strikes() -> list[Call]:
            return [call for call in scene.harm.calls()[noted:] if call.struck]

        await window.until(strikes, f"a call of {target.model} with the victim")
        window.note_struck()
        began, back_s = time.monotonic(), scene.bound_s(self.noticed_s + BACK_S)
        others = [a.agent for a in scene.app.agents if a.topic in scene.app.inputs]
        others = [a for a in others if a not in {r.agent for r in scene.app.readers(target.topic)}]

        def are_back() -> bool:
            over_ms = window.strikes.over_ms
            return all(first_new_ms(window.accounts[agent], over_ms) for agent in others)

        if others:
            others_s = await window.until(are_back, "outcomes of other topics", 2 * back_s)
            window.measure("others_stood_still_s", others_s)
            if others_s > back_s:
                window.problem(f"other topics stood still for {others_s:.1f} s")
        rows = len(strikes()[0].rows)
        # The first call, one for each halving, and one alone on the device.
        rounds = (rows - 1).bit_length() + 2
        bound_s = rounds * back_s
        await window.until(lambda: not window.unburied(), "the victim's dead letter", 2 * bound_s)
        named_s = time.monotonic() - began
        window.measure("victim_named_s", named_s)
        window.measure("rows_of_its_batch", rows)
        window.measure("processes_lost", len(strikes()))
        if named_s > bound_s:
            window.problem(f"the victim was named after {named_s:.0f} s, not within {bound_s:.0f}")
        await window.until_flowing(back_s)


class HangModel(LostCall):
    """A call never returns."""

    name = "a model hangs in one call"
    row = "10"
    promise = "the call is given up; its culprit is named within (log2(n) + 2) timeouts + 10 s each"
    kind = "hang"
    reasons = frozenset({Reason.MODEL_TIMEOUT})


class FreezeModel(LostCall):
    """The process of a model stands still, its own watchdog included."""

    name = "a model process stands still"
    row = "10"
    promise = "its worker kills it; the culprit is named, other models go on"
    kind = "freeze"
    reasons = frozenset({Reason.MODEL_TIMEOUT})
    # The worker goes by what a model declares, 30 s unless told otherwise, and 3 s beside that.
    noticed_s = 33.0


class CrashModel(LostCall):
    """A call ends the process of its model."""

    name = "a model dies of SIGSEGV"
    row = "11"
    promise = "the worker lives, a successor answers; the culprit alone is dead-lettered"
    quick = True
    kind = "crash"
    reasons = frozenset({Reason.MODEL_CRASH})


class BalloonModel(LostCall):
    """A call takes more and more memory."""

    name = "a model's memory grows without end"
    row = "11"
    promise = "its process is killed at its limit or its timeout; the culprit is dead-lettered"
    restarts = True
    kind = "balloon"
    reasons = frozenset({Reason.MODEL_CRASH, Reason.MODEL_TIMEOUT})

    async def prepare(self, scene: Scene) -> None:
        """Start the application with a limit that its models keep to, unless told otherwise."""
        taken = max(measure(pid).rss_bytes for pid in scene.workers.find(Role.DEVICE))
        await scene.restart(env={DEVICE_MEMORY: str(2 * taken)})
        # It is started anew before the next fault, without that limit.
        scene.in_doubt = True
        await scene.rest()


async def _send_lap(
    scene: Scene, window: Window, targets: Sequence[Target], victims: Sequence[Example]
) -> None:
    """Every good input once, and in the middle of them the victims."""
    good = [(topic, one) for topic, inputs in scene.app.inputs.items() for one in inputs]
    scene.draw.shuffle(good)
    middle = len(good) // 2
    for topic, record in good[:middle]:
        await window.send(topic, record)
    for target, victim in zip(targets, victims, strict=True):
        await window.send_victim(target.model, target.topic, victim)
    for topic, record in good[middle:]:
        await window.send(topic, record)


def _check_reasons(window: Window, reasons: frozenset[Reason]) -> None:
    if others := window.reasons_of_victims() - reasons:
        window.problem(f"victims are dead-lettered for {', '.join(sorted(others))}")


def count_calls(window: Notes, failed: Call, calls: Sequence[Call]) -> None:
    """Count the calls with nothing but rows of the batch that failed, itself included.

    The search is over when the victim has been called for the last time. Records that were put
    back are called after that, in ordinary batches.
    """
    rows = Counter(failed.rows)
    victim = next(row for row, kind in failed.struck.items() if kind != "slow")
    over_s = max(call.at_s for call in calls if victim in call.rows)
    inside = [
        call for call in calls if failed.at_s <= call.at_s <= over_s and Counter(call.rows) <= rows
    ]
    allowed = (len(failed.rows) - 1).bit_length() + 2
    name = failed.model.partition("@")[0]
    window.measure(f"{name}_rows_of_batch", len(failed.rows))
    window.measure(f"{name}_calls", len(inside))
    if len(inside) > allowed:
        window.problem(
            f"{failed.model} was called {len(inside)} times for a batch of {len(failed.rows)}, "
            f"and {allowed} are promised"
        )
