"""An agent's own body over dead letters, outside any worker and consumer group.

The records come from the letters, at the places they had; what the body yields, what fails
again, and the outcomes go where a worker would put them, so that a reader of the topics sees
one outcome for each record: the latest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from aimass_stream.kafka.agent_run import AgentRun
from aimass_stream.kafka.dead_letters import take_back
from aimass_stream.kafka.delivery import Outlet
from aimass_stream.kafka.letters import Letter
from aimass_stream.kafka.replays import Outcome
from aimass_stream.kafka.revival import Revived
from aimass_stream.records import Chunk, Limits
from aimass_stream.runtime.body import Agent
from aimass_stream.runtime.failure_limit import FailureLimit
from aimass_stream.runtime.handover import Unit, Work


class Rerun:
    """Runs one agent over dead letters.

    Args:
        agent: the agent that could not answer them.
        outlet: where outputs go; it says that records are replayed.
        limits: bounds for records that no model checks.

    Use from one event loop: `run` as often as wanted, then `close`.
    """

    def __init__(self, agent: Agent, outlet: Outlet, limits: Limits) -> None:
        self._agent = agent
        self._outlet = outlet
        self._limits = limits
        self._runs: dict[tuple[str, int], AgentRun] = {}
        self._fates: dict[str, Outcome] = {}
        self._settled = asyncio.Event()
        self._error: BaseException | None = None

    async def run(self, revived: Sequence[Revived]) -> list[Outcome]:
        """Have letters answered; their outcomes are on the broker when this returns.

        Args:
            revived: any of this agent's, no record twice.

        Returns:
            What came of each.

        Raises:
            AimassError: the agent cannot go on, a model cannot be had, or the broker refuses.
        """
        self._fates = {}
        for work in _works(revived):
            self._run_of(work.chunk).put(work)
        while len(self._fates) < len(revived):
            if self._error is not None:
                raise self._error
            self._settled.clear()
            await self._settled.wait()
        return [self._fates[each.letter.source] for each in revived]

    async def close(self) -> None:
        """End the agent's runs."""
        await asyncio.gather(*(run.cancel() for run in self._runs.values()))

    def end(self, error: BaseException) -> None:
        """Let `run` raise this: what the agent runs on is gone."""
        self._error = self._error or error
        self._settled.set()

    def _run_of(self, chunk: Chunk) -> AgentRun:
        place = (chunk.topic, chunk.partition)
        run = self._runs.get(place)
        if run is None:
            run = AgentRun(
                self._agent,
                self._outlet,
                self._limits,
                # A person chose these letters, and is told which fail again.
                FailureLimit(self._agent.name, share=1.0, window=1),
                self._note,
                self.end,
                lambda: False,
            )
            self._runs[place] = run
            run.start()
        return run

    def _note(self, unit: Unit) -> None:
        chunk = unit.work.chunk
        dead = {failure.row for failure in unit.failures}
        answered = {row for answers in unit.answers for row in answers.rows}
        for row in range(unit.first_row, unit.end_row):
            source = f"{chunk.topic}/{chunk.partition}/{chunk.offsets[row]}"
            fate: Outcome = "answered" if row in answered else "quiet"
            self._fates[source] = "dead_lettered" if row in dead else fate
        self._settled.set()


def _works(revived: Iterable[Revived]) -> Iterable[Work]:
    """Letters as works, each of records side by side: an outcome speaks of ranges of offsets."""
    stretch: list[Revived] = []
    for each in sorted(revived, key=lambda each: _key(each.letter)):
        if stretch and not _adjoins(stretch[-1].letter, each.letter):
            yield _work(stretch)
            stretch = []
        stretch.append(each)
    if stretch:
        yield _work(stretch)


def _key(letter: Letter) -> tuple[str, int, int]:
    return letter.topic, letter.partition, letter.offset


def _adjoins(first: Letter, second: Letter) -> bool:
    return _key(second) == (first.topic, first.partition, first.offset + 1)


def _work(stretch: Sequence[Revived]) -> Work:
    first = stretch[0].letter
    chunk = Chunk(
        first.topic,
        first.partition,
        [each.letter.offset for each in stretch],
        [each.letter.timestamp_ms for each in stretch],
        [each.record.key for each in stretch],
        [each.value for each in stretch],
        [take_back(each.record.headers) for each in stretch],
    )
    # Taken from the start, so that no stretch is joined to the one before it.
    return Work(chunk, 0, is_taken=True)
