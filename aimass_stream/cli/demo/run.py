"""One run of the demo: what is started, in which order, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from aimass_stream.cli.app_report import AppQuestion
from aimass_stream.cli.demo.acts import Act
from aimass_stream.cli.demo.audio import AudioAct
from aimass_stream.cli.demo.behaviour import BehaviourAct
from aimass_stream.cli.demo.images import Images
from aimass_stream.cli.demo.patience import Patience
from aimass_stream.cli.demo.report import (
    agents_by_topic,
    encode_report,
    make_report,
    print_report,
)
from aimass_stream.cli.demo.stream import Stream
from aimass_stream.cli.demo.text import TextAct
from aimass_stream.cli.demo.training import train_missing
from aimass_stream.cli.demo.view import Gauges, View, observe, read_events, read_metrics
from aimass_stream.cli.terminal import hush_clients, make_console, say, use_broker
from aimass_stream.cli.worker import free_ports
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import Settings, load_settings
from aimass_stream.errors import AimassError
from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.groups import read_committed
from aimass_stream.kafka.notes import Notes, plan_state
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.reader import Offsets, TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.settings import replication
from aimass_stream.kafka.topics import create_topics
from aimass_stream.runtime.parent import SUPERVISED
from aimass_stream.runtime.processes import Command, KeptProcess
from aimass_stream.runtime.signals import told
from aimass_stream.verify.oracle import Oracle

APP = "aimass-demo"

STILL_S = 60.0
"""How long the demo waits for one more outcome; long enough for a broker to come back."""
STOP_S = 60.0
"""How long the worker has to end."""
NEXT_STEPS = """Next:
  aimass watch predictions.images --from beginning   # the answers; any topic above
  aimass dlq list --app-id aimass-demo               # what could not be answered, and why
README.md says how to make it your own."""
REFRESH_S = 0.25


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `aimass demo` was asked for; see its help."""

    seconds: float = 60.0
    rate: float = 250.0
    workers: int = 1
    report: Path | None = None
    seed: int = 0


class DemoError(AimassError):
    """The demo could not be run to its end."""


def run(options: DemoOptions) -> int:
    """Run the demo.

    Returns:
        0 when every record is accounted for, else 1: some are lost, or not answered yet.

    Raises:
        AimassError: something could not be started.
    """
    started_ms = time.time() * 1000
    conf = load_settings()
    console = make_console()
    hush_clients()
    with use_broker(conf) as url:
        demo = Demo(options, conf, url, console, started_ms)
        report = asyncio.run(demo.run())
    if options.report is not None:
        options.report.write_bytes(encode_report(report))
        console.print(f"Report written to {options.report}")
    if report["waiting"]:
        console.print(
            "What is not answered yet was sent faster than this machine answers. "
            f"Try: aimass demo --rate {max(1.0, options.rate / 2):g}",
            soft_wrap=True,
        )
    console.print(NEXT_STEPS, soft_wrap=True, highlight=False)
    return 1 if report["lost"] or report["waiting"] else 0


class Demo:
    """A run of the demo on a running broker."""

    def __init__(
        self,
        options: DemoOptions,
        conf: Settings,
        url: str,
        console: Console,
        started_ms: float,
    ) -> None:
        self._options = options
        self._conf = conf
        self._url = url
        self._console = console
        self._started_ms = started_ms
        self._payloads = PayloadStore(conf.payloads_folder)
        self._acts: list[Act] = [
            Images(self._payloads, options.seed),
            AudioAct(options.seed),
            TextAct(options.seconds, options.seed),
            BehaviourAct(options.seed),
        ]
        self._watched = [watched for act in self._acts for watched in act.watched]
        self._log = conf.state / "logs" / "demo.log"
        self._snapshots = conf.state.absolute() / "demo-snapshots"
        self._web_port = free_ports(conf.web_port, 1)[0]
        self._stopped = asyncio.Event()
        self._hurried = asyncio.Event()
        self._failed: asyncio.Future[str] | None = None

    async def run(self) -> dict[str, Any]:
        """Train, start the worker, stream, drain, report.

        Raises:
            TrainingError: a model cannot be trained.
            DemoError: the worker cannot run.
        """
        with told(self._on_signal):
            return await self._run()

    async def _run(self) -> dict[str, Any]:
        await self._create_topics()
        await self._forget()
        wanted = {name: what for act in self._acts for name, what in act.models.items()}
        training_ms = time.time() * 1000
        await train_missing(self._conf.models_folder, wanted, self._stopped)
        self._started_ms += time.time() * 1000 - training_ms
        worker = self._start_worker()
        try:
            return await self._stream_and_report()
        finally:
            self._console.print("Stopping the worker ...")
            await worker.stop(STOP_S)

    def _on_signal(self, _: signal.Signals) -> None:
        """The first ends the stream; one while it drains has the report be made at once."""
        (self._hurried if self._stopped.is_set() else self._stopped).set()

    @property
    def _topics(self) -> list[str]:
        """Every topic that the oracle reads."""
        read = {topic for each in self._watched for topic in (each.topic, each.to) if topic}
        return [*sorted(read), outcomes_topic(APP), dead_letters_topic(APP)]

    async def _create_topics(self) -> None:
        """The demo counts from where the topics end, so they must be there before the worker."""
        question = AppQuestion("agents")
        report = await asyncio.to_thread(question.answer)
        if report.id != APP:
            raise DemoError(
                f"aimass demo streams into the reference application, and the app of this folder "
                f"is {report.id}. Run it with aimass worker, and send to it with aimass produce."
            )
        client = {"bootstrap_servers": bootstrap_servers(self._url)}
        plans = [*report.plans, plan_state(APP)]
        await create_topics(client, plans, replication(self._conf))

    async def _forget(self) -> None:
        """Have nothing be learnt yet, so that the report says what this stream taught."""
        shutil.rmtree(self._snapshots, ignore_errors=True)
        client = {"bootstrap_servers": bootstrap_servers(self._url)}
        async with Sender(self._url) as sender:
            notes = Notes(APP, lambda: client, sender.deliver)
            # Else the workers would take these states for lost, and learn earlier runs again.
            try:
                await notes.forget_learners()
            finally:
                await notes.close()

    def _start_worker(self) -> KeptProcess:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        payloads = self._conf.payloads_folder.absolute().as_uri() + "/"
        env = {
            SUPERVISED: "1",
            "AIMASS_BROKER": self._url,
            "AIMASS_REPLICATION": str(replication(self._conf)),
            "AIMASS_STATE": str(self._conf.state.absolute()),
            "AIMASS_SNAPSHOTS": str(self._snapshots),
            "AIMASS_WEB_PORT": str(self._web_port),
            "AIMASS_CLAIM_PREFIXES": f'["{payloads}"]',
        }
        argv = [sys.executable, "-m", "aimass_stream.cli.main", "worker"]
        # Named, since the demo runs the reference application from any folder.
        argv += ["--app", "agents", "--workers", str(self._options.workers)]
        command = Command(name="aimass worker", argv=argv, env=env, log=self._log)
        worker = KeptProcess(command, say)
        self._failed = asyncio.get_running_loop().create_future()
        self._watching = asyncio.create_task(self._watch(worker))
        return worker

    async def _watch(self, worker: KeptProcess) -> None:
        """Keep the worker running; note when that is of no use."""
        ended = await worker.run()
        if ended is not None and self._failed is not None and not self._failed.done():
            self._failed.set_result(f"{ended.reason}\n{ended.last_words}".strip())

    async def _stream_and_report(self) -> dict[str, Any]:
        since = await self._ends()
        async with (
            Oracle(self._url, APP, self._watched, since) as oracle,
            Sender(self._url) as sender,
        ):
            stream = Stream(sender, self._acts)
            with View(self._console) as view:
                await self._follow(oracle, stream, view)
            # Outcomes are written before their records are committed, so they are read after.
            committed = await read_committed(self._url, APP)
            await oracle.catch_up()
        report = make_report(self._acts, oracle.accounts, stream, self._started_ms, committed)
        print_report(self._console, report)
        return report

    async def _ends(self) -> Offsets:
        """Where the topics end now: earlier runs are not this run's business."""
        async with TopicReader(self._url, self._topics) as reader:
            return await reader.end_offsets()

    async def _follow(self, oracle: Oracle, stream: Stream, view: View) -> None:
        """Stream, and go on until every record is accounted for or outcomes no longer come."""
        tasks = [asyncio.create_task(self._refresh(oracle, stream, view))]
        try:
            await stream.send_first()
            while not self._is_open(oracle) and not self._stopped.is_set():
                await self._step(oracle)
            sending = asyncio.create_task(
                stream.run(self._options.rate, self._options.seconds, self._stopped)
            )
            tasks.append(sending)
            while not sending.done():
                await self._step(oracle)
            sending.result()
            await self._drain(oracle, stream)
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def _is_open(self, oracle: Oracle) -> bool:
        """Whether the first record of every act has been through."""
        return all(oracle.accounts[act.watched[0].agent].settled_ms for act in self._acts)

    async def _drain(self, oracle: Oracle, stream: Stream) -> None:
        self._stopped.set()
        patience = Patience(STILL_S)
        while not self._hurried.is_set() and patience.lasts(_outcomes(oracle)):
            await self._step(oracle)
            if not self._has_arrived(oracle, stream) or not oracle.settled():
                continue
            # What one agent writes another may read, so settled is what stays so.
            await oracle.catch_up()
            if oracle.settled():
                return

    def _has_arrived(self, oracle: Oracle, stream: Stream) -> bool:
        arrived = {
            each.topic: len(oracle.accounts[each.agent].arrived_ms) for each in self._watched
        }
        return all(arrived[topic] >= sent for topic, sent in stream.sent.items())

    async def _step(self, oracle: Oracle) -> None:
        if self._failed is not None and self._failed.done():
            raise DemoError(f"The worker cannot run: {self._failed.result()}\nLog: {self._log}")
        await oracle.follow()

    async def _refresh(self, oracle: Oracle, stream: Stream, view: View) -> None:
        gauges = Gauges()
        accounts = {
            topic: [oracle.accounts[each.agent] for each in of_topic]
            for topic, of_topic in agents_by_topic(self._acts).items()
        }
        while True:
            metrics = await asyncio.to_thread(read_metrics, self._web_port)
            if not self._is_open(oracle):
                stage = "waiting for the worker"
            else:
                stage = "draining (Ctrl-C reports now)" if self._stopped.is_set() else "streaming"
            moment = observe(accounts, stream.total, gauges, metrics)
            view.show(moment, stage, read_events(self._log))
            await asyncio.sleep(REFRESH_S)


def _outcomes(oracle: Oracle) -> int:
    return sum(len(account.settled_ms) for account in oracle.accounts.values())
