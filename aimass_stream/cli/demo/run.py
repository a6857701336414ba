"""One run of the demo: what is started, in which order, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from aimass_stream.cli.demo.report import encode_report, make_report, print_report
from aimass_stream.cli.demo.stream import Stream
from aimass_stream.cli.demo.view import Gauges, View, observe, read_events, read_metrics
from aimass_stream.cli.terminal import hush_clients, make_console, say, use_broker
from aimass_stream.cli.worker import free_ports
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import Settings, load_settings
from aimass_stream.errors import AimassError
from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.reader import Offsets, TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.registry.folder import find
from aimass_stream.runtime.parent import SUPERVISED
from aimass_stream.runtime.processes import Command, KeptProcess
from aimass_stream.verify.oracle import Account, Oracle, Watched

APP = "aimass-demo"
AGENT = "classify"
TOPIC = "images"
ANSWERS = "predictions.images"
TOPICS = (TOPIC, ANSWERS, outcomes_topic(APP), dead_letters_topic(APP))
MODEL = "digits-resnet"
MODELS = {MODEL: "digits", "sounds-whisper": "sounds"}

DRAIN_S = 60.0
"""How long the demo waits for the last records; long enough for a broker to come back."""
REFRESH_S = 0.25


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `aimass demo` was asked for; see its help."""

    seconds: float = 60.0
    rate: float = 150.0
    workers: int = 1
    report: Path | None = None
    seed: int = 0


class DemoError(AimassError):
    """The demo could not be run to its end."""


def run(options: DemoOptions) -> int:
    """Run the demo.

    Returns:
        0 when every record is accounted for, else 1.

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
    return 1 if report["lost"] else 0


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
        self._log = conf.state / "logs" / "demo.log"
        self._web_port = free_ports(conf.web_port, 1)[0]
        self._stopped = asyncio.Event()
        self._failed: asyncio.Future[str] | None = None

    async def run(self) -> dict[str, Any]:
        """Train, start the worker, stream, drain, report.

        Raises:
            DemoError: the model cannot be trained or the worker cannot run.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopped.set)
        await self._create_topics()
        await self._train()
        worker = self._start_worker()
        try:
            return await self._stream_and_report(worker)
        finally:
            self._console.print("Stopping the worker ...")
            await worker.stop(DRAIN_S)

    async def _create_topics(self) -> None:
        """The demo counts from where the topics end, so they must be there before the worker."""
        client = {"bootstrap_servers": bootstrap_servers(self._url)}
        plans = [TopicPlan(name, self._conf.partitions) for name in TOPICS]
        replication = self._conf.replication or (3 if self._conf.broker else 1)
        await create_topics(client, plans, replication)

    async def _train(self) -> None:
        """Train what the agents need, in processes of their own, which alone import torch."""
        for name, what in MODELS.items():
            if find(self._conf.models_folder, name) is None:
                await self._train_model(name, what)

    async def _train_model(self, name: str, what: str) -> None:
        say(f"Training {name} on {what}, once (about half a minute) ...")
        argv = [sys.executable, "-m", "aimass_stream.training", what]
        process = await asyncio.create_subprocess_exec(
            *argv, str(self._conf.models_folder), stdin=asyncio.subprocess.DEVNULL
        )
        stopped = asyncio.create_task(self._stopped.wait())
        ended = asyncio.create_task(process.wait())
        await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            process.terminate()
            await ended
            raise DemoError("Stopped while training; nothing was streamed.")
        if process.returncode:
            raise DemoError(f"Training {name} failed (exit code {process.returncode}); see above.")

    def _start_worker(self) -> KeptProcess:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        payloads = self._conf.payloads_folder.absolute().as_uri() + "/"
        env = {
            SUPERVISED: "1",
            "AIMASS_BROKER": self._url,
            "AIMASS_REPLICATION": str(self._conf.replication or (3 if self._conf.broker else 1)),
            "AIMASS_STATE": str(self._conf.state.absolute()),
            "AIMASS_WEB_PORT": str(self._web_port),
            "AIMASS_CLAIM_PREFIXES": f'["{payloads}"]',
        }
        argv = [sys.executable, "-m", "aimass_stream.cli.main", "worker"]
        argv += ["--workers", str(self._options.workers)]
        command = Command(name="aimass worker", argv=argv, env=env, log=self._log)
        worker = KeptProcess(command, say)
        watching = asyncio.create_task(self._watch(worker))
        self._failed = asyncio.get_running_loop().create_future()
        watching.add_done_callback(lambda _: None)
        self._watching = watching
        return worker

    async def _watch(self, worker: KeptProcess) -> None:
        """Keep the worker running; note when that is of no use."""
        ended = await worker.run()
        if ended is not None and self._failed is not None and not self._failed.done():
            self._failed.set_result(f"{ended.reason}\n{ended.last_words}".strip())

    async def _stream_and_report(self, worker: KeptProcess) -> dict[str, Any]:
        del worker
        since = await self._ends()
        payloads = PayloadStore(self._conf.payloads_folder)
        async with (
            Oracle(self._url, APP, [Watched(AGENT, TOPIC, ANSWERS)], since) as oracle,
            Sender(self._url) as sender,
        ):
            account = oracle.accounts[AGENT]
            stream = Stream(sender, TOPIC, payloads, self._options.seed)
            with View(self._console, self._options.seconds) as view:
                await self._follow(oracle, stream, view)
            await oracle.catch_up()
        first_ms = min(account.settled_ms.values(), default=None)
        waited_s = None if first_ms is None else round((first_ms - self._started_ms) / 1000, 2)
        report = make_report(TOPIC, AGENT, account, stream.truth, waited_s)
        print_report(self._console, report)
        return report

    async def _ends(self) -> Offsets:
        """Where the topics end now: earlier runs are not this run's business."""
        async with TopicReader(self._url, TOPICS) as reader:
            return await reader.end_offsets()

    async def _follow(self, oracle: Oracle, stream: Stream, view: View) -> None:
        """Stream, and go on until every record is accounted for or the time for that is up."""
        account = oracle.accounts[AGENT]
        tasks = [asyncio.create_task(self._refresh(account, stream, view))]
        try:
            await stream.send_first()
            while not account.settled_ms and not self._stopped.is_set():
                await self._step(oracle)
            sending = asyncio.create_task(
                stream.run(self._options.rate, self._options.seconds, self._stopped)
            )
            tasks.append(sending)
            while not sending.done():
                await self._step(oracle)
            sending.result()
            await self._drain(oracle, account, stream.sent)
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _drain(self, oracle: Oracle, account: Account, sent: int) -> None:
        self._stopped.set()
        deadline = time.monotonic() + DRAIN_S
        while time.monotonic() < deadline:
            await self._step(oracle)
            if len(account.arrived_ms) >= sent and oracle.settled():
                return

    async def _step(self, oracle: Oracle) -> None:
        if self._failed is not None and self._failed.done():
            raise DemoError(f"The worker cannot run: {self._failed.result()}\nLog: {self._log}")
        await oracle.follow()

    async def _refresh(self, account: Account, stream: Stream, view: View) -> None:
        gauges = Gauges()
        while True:
            metrics = await asyncio.to_thread(read_metrics, self._web_port)
            if not account.settled_ms:
                stage = "waiting for the worker"
            else:
                stage = "draining" if self._stopped.is_set() else "streaming"
            moment = observe(account, stream.sent, gauges, metrics)
            view.show(moment, stage, read_events(self._log))
            await asyncio.sleep(REFRESH_S)
