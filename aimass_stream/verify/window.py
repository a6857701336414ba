"""The records of one fault: what was sent, when it struck, and what became of every record.

A window begins where all topics end, on an application that has settled, and has an oracle of
its own. So memory stays flat over any number of faults, and no fault is blamed for another.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from aimass_stream.kafka.groups import read_committed
from aimass_stream.kafka.reader import Offsets
from aimass_stream.kafka.sender import Sender
from aimass_stream.verify.errors import VerifyError
from aimass_stream.verify.evidence import (
    Evidence,
    Strikes,
    first_new_ms,
    judge,
    now_ms,
    repeats,
)
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.load import Load
from aimass_stream.verify.oracle import Account, Oracle

if TYPE_CHECKING:
    from aimass_stream.verify.scene import Scene

SETTLE_S = 120.0
"""How long the last record may take once nothing more is sent."""
UNTIL_S = 90.0
LOOK_EVERY_S = 0.25


class Window(Load):
    """What happens from one quiet moment of the application to the next.

    One task follows, the fault's own; others only send.

    Args:
        scene: the running application.
        oracle: entered, and standing where the topics ended.
        sender: entered.
        since: where the topics ended.

    Attributes:
        strikes: when the fault struck.
        failing: models whose dead letters the fault itself counts.
        may_repeat: answers that may come twice by now, by agent.
        problems: what a fault itself found wrong.
        measured: what it measured, with the unit in the name.
    """

    def __init__(self, scene: Scene, oracle: Oracle, sender: Sender, since: Offsets) -> None:
        super().__init__(sender, scene.next_record, scene.rate)
        self._scene = scene
        self._since = since
        self._app = scene.app
        self._oracle = oracle
        self._last_look = 0.0
        self._unsettled = True
        self.strikes = Strikes()
        self.failing: frozenset[str] = frozenset()
        self.may_repeat: Counter[str] = Counter()
        self.problems: list[str] = []
        self.measured: dict[str, float] = {}

    # -- following -----------------------------------------------------------------------

    @property
    def accounts(self) -> dict[str, Account]:
        """What the oracle knows, by agent."""
        return self._oracle.accounts

    def outcomes(self) -> int:
        """Outcomes so far, over all agents."""
        return sum(len(account.settled_ms) for account in self.accounts.values())

    def arrivals(self) -> int:
        """Records on the agents' topics so far, counted once for each agent."""
        return sum(len(account.arrived_ms) for account in self.accounts.values())

    def unburied(self) -> list[str]:
        """Victims that have no dead letter for their model by now."""
        return self.evidence.unburied()

    def reasons_of_victims(self) -> set[str]:
        """What victims are dead-lettered for."""
        return {
            burial.reason
            for account in self.accounts.values()
            for burial in account.burials.values()
            if burial.root in self.victims
        }

    def lost(self) -> int:
        """Records seen that have no outcome by now, over all agents."""
        return sum(len(account.lost()) for account in self.accounts.values())

    async def follow(self) -> None:
        """Read what arrived.

        Raises:
            VerifyError: the application has ended by itself.
        """
        self._scene.workers.check()
        await self._oracle.follow(timeout_ms=50)

    async def ends(self) -> Offsets:
        """Where the topics end now."""
        return await self._oracle.ends()

    async def until(
        self, reached: Callable[[], object], what: str, within_s: float = UNTIL_S
    ) -> float:
        """Follow until something holds; the seconds it took.

        Raises:
            VerifyError: it does not hold in time.
        """
        start = time.monotonic()
        while not reached():
            if time.monotonic() - start > within_s:
                raise VerifyError(f"not within {within_s:.0f} s: {what}")
            await self.follow()
        return time.monotonic() - start

    async def watch(self, seconds: float) -> None:
        """Follow for so long."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            await self.follow()

    async def catch_in_hand(self, count: int | None = None) -> None:
        """Send a burst, and return while a share of it, drawn by the seed, is in hand.

        Args:
            count: records of the burst; some seconds' worth at the scene's rate when not given.
        """
        count = count or self._scene.burst
        share = self._scene.draw.uniform(0.1, 0.6)
        await self.until(lambda: self.outcomes() > 0, "the first outcome")
        await self.follow()
        before = self.outcomes()
        await self.send_burst(count)
        await self.acknowledged()
        await self.until(
            lambda: self.outcomes() - before >= share * count, "outcomes of a burst of records"
        )

    async def note_strike(self, *, repeats: bool) -> None:
        """The fault strikes now; with `repeats` what is not committed may be answered again."""
        if repeats:
            await self._note_exposed()
        self.strikes.struck_ms.append(now_ms())

    def note_struck(self) -> None:
        """The fault has struck, as a call has shown, and is over: recovery counts from here."""
        self.strikes.struck_ms.append(now_ms())
        self.note_over()

    def allow_repeats(self, topic: str, count: int) -> None:
        """So many records of a topic that agents write are there twice."""
        self.may_repeat += repeats(self._app, {topic: count})
        # The copies carry the ids of those who wrote them.
        self.may_repeat.update({writer.agent: count for writer in self._app.writers(topic)})

    def note_over(self) -> None:
        """The fault is over: recovery counts from here."""
        self.strikes.over_ms = now_ms()

    async def _note_exposed(self) -> None:
        """Count what is not committed: these records, and what comes of them, may be repeated."""
        committed, ends = await asyncio.gather(
            read_committed(self._scene.broker.url, self._app.id), self._oracle.ends()
        )
        # What arrives between this count and the strike is exposed too.
        exposed: Counter[str] = Counter({topic: math.ceil(self._scene.rate) for topic, _ in ends})
        for place, end in ends.items():
            exposed[place[0]] += max(0, end - max(committed.get(place, 0), self._start(place)))
        self.may_repeat += repeats(self._app, exposed)

    def _start(self, place: tuple[str, int]) -> int:
        return self._since.get(place, 0)

    async def until_flowing(self, within_s: float) -> None:
        """Follow until every agent had an outcome for a record that came after the fault.

        An agent that gets no records of late is waited for until the bound, and no longer.
        """
        start = time.monotonic()
        while time.monotonic() - start < within_s + 5 and not self._flows():
            await self.follow()

    def _flows(self) -> bool:
        return all(
            first_new_ms(account, self.strikes.over_ms) for account in self.accounts.values()
        )

    async def settle(self, within_s: float = SETTLE_S) -> None:
        """Wait until every record sent is accounted for and committed, or the time is up.

        Raises:
            VerifyError: the broker does not show what it has acknowledged.
        """
        self._scene.say("settling")
        deadline = time.monotonic() + within_s
        await self.acknowledged(within_s)
        while time.monotonic() < deadline:
            await self.follow()
            if not self.unsettled():
                # What one agent writes another may read, so settled is what stays so.
                await self._oracle.catch_up()
                self._last_look = 0
                if not self.unsettled() and await self._is_committed():
                    return
        if missing := self._unseen():
            raise VerifyError(f"the broker does not show what it has acknowledged: {missing}")

    def _unseen(self) -> dict[str, int]:
        seen = {a.topic: len(self.accounts[a.agent].arrived_ms) for a in self._app.agents}
        return {t: sent - seen[t] for t, sent in self.sent.items() if sent > seen[t]}

    def unsettled(self) -> bool:
        """Whether a record sent has no outcome yet. Looked at seldom: it goes through them all."""
        if time.monotonic() - self._last_look > LOOK_EVERY_S:
            self._unsettled = bool(self._unseen()) or not self._oracle.settled()
            self._last_look = time.monotonic()
        return self._unsettled

    async def _is_committed(self) -> bool:
        """Whether the next window begins where the group goes on."""
        committed = await read_committed(self._scene.broker.url, self._app.id)
        topics = {agent.topic for agent in self._app.agents}
        ends = await self._oracle.ends()
        return all(
            committed.get(place, 0) >= end
            for place, end in ends.items()
            if place[0] in topics and end > self._start(place)
        )

    # -- what it shows -------------------------------------------------------------------

    def problem(self, text: str) -> None:
        """Note what is not as promised."""
        self.problems.append(text)

    def measure(self, name: str, figure: float) -> None:
        """Note a figure for the report, with its unit in its name."""
        self.measured[name] = round(figure, 3)

    @property
    def evidence(self) -> Evidence:
        """All that a judgement goes by."""
        return Evidence(
            self._app,
            self.accounts,
            self.strikes,
            self.bad,
            self.may_repeat,
            self.victims,
            self.failing,
        )

    def find(self, *, recovers_within_s: float | None = None) -> Finding:
        """Sum up and judge.

        Args:
            recovers_within_s: bound on the recovery; None where nothing has to recover.

        Raises:
            MissedError: it struck, and nothing was in hand.
        """
        finding = judge(self.evidence, self.sent.total(), recovers_within_s)
        return msgspec.structs.replace(
            finding,
            problems=[*self.problems, *finding.problems],
            measured=self.measured,
            foreign=dict(self._oracle.foreign),
        )
