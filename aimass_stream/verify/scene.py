"""The running application under verification: its workers, its scratch Kafka, its input.

Faults are done to a scene. It goes on from one to the next, since starting an application takes
long, and is started anew only where a fault has left it in doubt.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.reader import TopicReader
from aimass_stream.kafka.sender import MAX_BYTES, Place, Sender
from aimass_stream.kafka.topics import create_topics
from aimass_stream.records import Example
from aimass_stream.runtime.injection_plan import FAULTS, Injection, Plan, PlanFile
from aimass_stream.verify.application import Application, Need
from aimass_stream.verify.errors import VerifyError
from aimass_stream.verify.oracle import Oracle
from aimass_stream.verify.readiness import StartPatience, until_started
from aimass_stream.verify.scratch import ScratchBroker
from aimass_stream.verify.targets import Target, find_targets
from aimass_stream.verify.window import Window
from aimass_stream.verify.workers import Workers

START_S = 180.0
"""How long an application may take from its start to its first outcomes."""
READY_S = 30.0
USUAL_START_S = 10.0
IDLE_S = 30.0
WEB_PORTS = 10_000
ROUND = 2
"""Records of each source topic that show that an application works again."""
LOAD_SHARE = 0.2
"""The most of what an application has shown it can do that the steady load may ask of it."""
MIN_BURST = 40
MODEL_TIMEOUT_S = 10.0
"""The most that a call of a model may take here before it counts as hung."""
SNAPSHOT_ROWS = 20
"""The most that a learner learns here from one snapshot to the next."""
BURST_S = 4.0
"""Seconds' worth of the steady rate in the burst that a fault strikes in."""
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Setting:
    """How a scene is set.

    Attributes:
        seed: of every choice by chance.
        rate: records a second over all source topics.
        env: variables the workers get beside those that lead to the scratch Kafka and folder.
        say: told what happens now, in a few words.
        start_s: seconds that the application may take to start without getting further.
    """

    seed: int
    rate: float
    env: Mapping[str, str]
    say: Callable[[str], None]
    start_s: float


class Scene:
    """A running application. Lives on one event loop.

    Args:
        app: what runs.
        setting: how.
        broker: the scratch Kafka.
        folder: the scratch folder; workers keep state, logs and snapshots below it.

    Attributes:
        start_s: how long the application took from its start to an outcome for every input.
        rate: records a second that are sent; after `open`, what the application can bear.
        draw: what faults draw their moments and victims from.
        in_doubt: whether it is to be started anew before the next fault.
        window_now: of the fault that runs; None between two.
        app: what runs; after `open`, without those inputs that it dead-letters in any case.
        snapshots: the folder of its learners' snapshots.
        harm: what its models are told to do wrong.
        targets: models that can be struck; known from `open` on.
    """

    def __init__(
        self, app: Application, setting: Setting, broker: ScratchBroker, folder: Path
    ) -> None:
        self.app = app
        self.broker = broker
        self.folder = folder
        self.rate = setting.rate
        self.say = setting.say
        self._start_limit_s = setting.start_s
        self.draw = random.Random(setting.seed)  # noqa: S311 - a repeatable choice, no secret
        self.in_doubt = False
        self.start_s = 0.0
        self.window_now: Window | None = None
        state = folder / "state"
        self.snapshots = state / "snapshots"
        self.workers = Workers(
            app,
            {
                **setting.env,
                "AIMASS_BROKER": broker.url,
                "AIMASS_REPLICATION": "1",
                "AIMASS_STATE": str(state),
                "AIMASS_SNAPSHOTS": str(self.snapshots),
                "AIMASS_WEB_PORT": str(_web_port()),
                FAULTS: str(folder / "faults.json"),
                # torch makes a folder for compiled code as soon as some libraries are imported.
                "TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled"),
            },
            folder / "worker.log",
        )
        self.harm = PlanFile(folder / "faults.json")
        self.targets: list[Target] = []
        self._records = _rounds(app)
        self.left_out: dict[str, str] = {}

    # -- its life ------------------------------------------------------------------------

    @property
    def burst(self) -> int:
        """Records of a burst that a fault strikes in."""
        return max(MIN_BURST, int(self.rate * BURST_S))

    async def open(self) -> None:
        """Create the topics, start the application, and see every input through it once.

        Raises:
            VerifyError: it does not come to answer, or dead-letters all input of a topic.
        """
        await create_topics(self.broker.client, self.app.plans, 1)
        # Nothing is slowed down by this; but every call is noted, which shows who is given what.
        self.strike(Injection(kind="slow", slow_ms=0))
        began = time.monotonic()
        await self.start()
        self.say("trying every input once")
        self._leave_out(await self._try_inputs())
        self.start_s = time.monotonic() - began
        self.targets = find_targets(self.app, self.harm.calls())
        if any(not target.learns for target in self.targets):
            self.app = replace(self.app, offers=self.app.offers | {Need.STRIKABLE})
        self.repair()
        self.say("measuring what it can do")
        await self._find_rate()

    def bound_s(self, promised_s: float) -> float:
        """What a promise of time comes to here.

        A promise counts on processes that are back within `USUAL_START_S`. Where the application
        takes longer to start, because of its models or of the machine, it takes longer to recover.
        """
        return promised_s + max(0.0, self.start_s - USUAL_START_S)

    async def rest(self) -> None:
        """Wait until the application is ready, answers on every source topic, and is idle."""
        await self.wait_ready()
        async with self.window() as window:
            await window.send_burst(ROUND * len(self.app.sources))
            await window.settle(START_S)
            if window.lost():
                raise VerifyError(f"{window.lost()} records have no outcome, with no fault at all")
        await self.workers.until_idle(IDLE_S)

    async def start(self, workers: int = 1, env: Mapping[str, str] | None = None) -> None:
        """Start the application's workers, and wait until they are ready, while they get further.

        Raises:
            VerifyError: they are not; or the application has ended.
        """
        self.say("starting the application")
        self.workers.start(workers, env)
        limit_s = self._start_limit_s
        advice = (
            f"Look at the worker's log, {self.workers.log}. Is the machine busy? "
            f"Then give it longer: --start-within {2 * limit_s:.0f}"
        )
        patience = StartPatience(limit_s)
        await until_started(self._unready, self.workers.log_lines, patience, self.say, advice)

    async def restart(self, workers: int = 1, env: Mapping[str, str] | None = None) -> None:
        """Drain what runs, and start it again."""
        if self.workers.running:
            await self.workers.stop()
        await self.start(workers, env)

    async def close(self) -> None:
        """End the application; nothing of it is left."""
        self.say("stopping the application")
        await self.workers.stop()

    async def wait_ready(self) -> None:
        """Wait until every worker is there and ready, for 30 s or what that comes to here.

        Raises:
            VerifyError: one is not; or the application has ended.
        """
        within_s = self.bound_s(READY_S)
        deadline = time.monotonic() + within_s
        while reasons := await self._unready():
            if time.monotonic() > deadline:
                raise VerifyError(f"not ready within {within_s:.0f} s: {'; '.join(reasons)}")
            await asyncio.sleep(POLL_S)

    async def _unready(self) -> list[str]:
        reasons = await self.workers.unready()
        if reasons:
            self.workers.check()
        return reasons

    # -- its models ----------------------------------------------------------------------

    def strike(self, *injections: Injection) -> None:
        """Have its models do wrong from now on, in this way and no other."""
        self.harm.write(
            Plan(timeout_s=MODEL_TIMEOUT_S, snapshot_rows=SNAPSHOT_ROWS, injections=injections)
        )

    def repair(self) -> None:
        """Have its models work again."""
        self.strike()

    @contextmanager
    def holding_back(self, targets: Sequence[Target]) -> Iterator[list[Example]]:
        """An input for each target, which is not sent while the block runs unless by a fault.

        Raises:
            VerifyError: a topic has only one.
        """
        for target in targets:
            if len(self.app.inputs[target.topic]) < 2:
                raise VerifyError(
                    f"topic {target.topic} needs two inputs, one of them to fail on. "
                    f"Give more: --inputs {target.topic}=PATH"
                )
        held: dict[str, int] = {
            target.topic: self.draw.randrange(len(self.app.inputs[target.topic]))
            for target in targets
        }
        whole = self.app
        self._leave_out({topic: {number} for topic, number in held.items()})
        try:
            yield [whole.inputs[target.topic][held[target.topic]] for target in targets]
        finally:
            self.app = whole
            self._records = _rounds(whole)

    # -- its input -----------------------------------------------------------------------

    def next_record(self) -> tuple[str, Example]:
        """The next good record: the source topics take turns, each goes round its inputs."""
        return next(self._records)

    async def _try_inputs(self) -> dict[str, set[int]]:
        """Send every input once; numbers of those that an agent dead-letters, by topic."""
        async with self.window() as window:
            places: dict[str, dict[int, asyncio.Future[Place]]] = {}
            for topic, inputs in self.app.inputs.items():
                for number, record in enumerate(inputs):
                    placed = await window.send(topic, record)
                    places.setdefault(topic, {})[number] = placed
            await window.settle(START_S)
            if window.lost():
                raise VerifyError(
                    f"without any fault, {window.lost()} records have no outcome after "
                    f"{START_S:.0f} s. Log: {self.workers.log}"
                )
            dead = {
                (agent.topic, place)
                for agent in self.app.agents
                for place in window.accounts[agent.agent].dead
            }
            reasons = {
                agent.topic: why
                for agent in self.app.agents
                for why in window.accounts[agent.agent].dead.values()
            }
        self.left_out = {topic: why for topic, why in reasons.items() if topic in self.app.inputs}
        return {
            topic: {n for n, placed in of_topic.items() if (topic, placed.result()) in dead}
            for topic, of_topic in places.items()
        }

    async def _find_rate(self) -> None:
        """Ask no more of the application than it can do beside what a fault leaves behind."""
        async with self.window() as window:
            count = sum(len(records) for records in self.app.inputs.values())
            began = time.monotonic()
            await window.send_burst(count)
            await window.until(lambda: not window.unsettled(), "the outcomes of all inputs")
            can_do = count / (time.monotonic() - began)
            await window.settle()
        self.rate = min(self.rate, LOAD_SHARE * can_do)
        self.say(f"{can_do:.0f} records a second, so {self.rate:.0f} are sent")

    def _leave_out(self, dead: Mapping[str, set[int]]) -> None:
        """Go on with what the application answers when nothing is wrong."""
        inputs = {
            topic: [record for n, record in enumerate(records) if n not in dead.get(topic, ())]
            for topic, records in self.app.inputs.items()
        }
        for topic, records in inputs.items():
            if not records:
                raise VerifyError(
                    f"every input of topic {topic} is dead-lettered ({self.left_out[topic]}), so "
                    f"no fault can be shown on it. Give others: --inputs {topic}=PATH"
                )
        self.app = replace(self.app, inputs=inputs)
        self._records = _rounds(self.app)

    # -- its windows ---------------------------------------------------------------------

    @asynccontextmanager
    async def window(self, *, max_bytes: int = MAX_BYTES) -> AsyncIterator[Window]:
        """What happens from here on, with an oracle and a sender of its own.

        Args:
            max_bytes: the largest record that is sent.
        """
        read = {topic for a in self.app.agents for topic in (a.topic, a.to) if topic}
        own = {outcomes_topic(self.app.id), dead_letters_topic(self.app.id)}
        url = self.broker.url
        async with TopicReader(url, sorted(read | own)) as reader:
            since = await reader.end_offsets()
        async with (
            Oracle(url, self.app.id, self.app.agents, since) as oracle,
            Sender(url, max_bytes=max_bytes) as sender,
        ):
            window = Window(self, oracle, sender, since)
            self.window_now = window
            try:
                yield window
            finally:
                self.window_now = None


def _web_port() -> int:
    """Where the workers' ports begin: away from those of workers that run here in earnest."""
    return WEB_PORTS + os.getpid() % 1_000 * 9


def _rounds(app: Application) -> Iterator[tuple[str, Example]]:
    """The source topics in turn, and of each its inputs in turn, for ever."""
    rounds = {topic: cycle(records) for topic, records in sorted(app.inputs.items())}
    while True:
        for topic, records in rounds.items():
            yield topic, next(records)
