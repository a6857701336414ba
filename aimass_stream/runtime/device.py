"""The device process: holds the models of one device and answers batches over a Unix socket.

Started by a `DeviceHost` as `python -m aimass_stream.runtime.device`. It reports `warm` and
`ready`, or why it `failed`, as lines on its stdout; what models print goes to stderr. Its stdin is
held open by the owner: a line tells a spare to take over, the end of it tells any to exit at once.

Threads: the event loop (connections), `decode`, `predict` and `collect` (see `pipeline`),
`load`, `watchdog`, and one that reads stdin.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from aimass_stream.error_text import TRACE_CHARS, describe, explain, is_mistake
from aimass_stream.errors import ConfigError, Reason
from aimass_stream.learner import Learner
from aimass_stream.model import Model
from aimass_stream.runtime.allocator import keep_freed_memory
from aimass_stream.runtime.connection import Connection
from aimass_stream.runtime.frames import FrameError
from aimass_stream.runtime.heap import importing
from aimass_stream.runtime.job import Job
from aimass_stream.runtime.log_form import LOG_FORM
from aimass_stream.runtime.messages import (
    FAILED,
    HUNG_EXIT_CODE,
    LEARNERS,
    LOST_EXIT_CODE,
    READY,
    WARM,
    Ending,
    Failed,
)
from aimass_stream.runtime.parent import ORPHANED_EXIT_CODE, die_with_parent, read_stdin
from aimass_stream.runtime.pipeline import Pipeline
from aimass_stream.runtime.predictors import Predictors, import_declared
from aimass_stream.runtime.project import put_first
from aimass_stream.runtime.socket_folder import listen
from aimass_stream.runtime.watchdog import Watchdog

log = logging.getLogger("aimass.device")

_BEAT_S = 1.0
_ANNOUNCE_S = 0.5
_DECODERS_BESIDE_CPU = 4
_DECODERS_BESIDE_GPU = 16
_SWITCH_S = 0.0005


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """How a device process is started.

    Attributes:
        socket_path: where it listens; whatever lies there is replaced.
        device: `cpu`, `cuda:0`, or `learners`.
        project: the folder that comes first on its path; none where it is left as it is.
        models: package whose declarations name the adapters to import at start.
        spare: import, then wait to be told to take over.
        niceness: that of the imports.
        threads: cores one call of `predict` may use.
        decode_threads: rows decoded at a time.
    """

    socket_path: Path
    device: str
    project: Path | None
    models: str
    spare: bool
    niceness: int
    threads: int
    decode_threads: int


class DeviceProcess:
    """Accepts links and ends in an orderly way. Lives on the main thread's event loop."""

    def __init__(self, options: DeviceOptions) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._openings: set[asyncio.Task[None]] = set()
        self._draining = False
        self._all_closed = asyncio.Event()
        self._watchdog = Watchdog[Sequence[Job]](self._on_hang)
        self._predictors = Predictors(options.device, options.threads)
        alternate = options.device == "cpu" and usable_cores() == 1
        self._pipeline = Pipeline(
            self._watchdog, options.decode_threads, _on_loss, alternate=alternate
        )

    async def serve(self, report: BinaryIO) -> None:
        """Serve until SIGTERM, then answer what was received by then."""
        stopping = asyncio.Event()
        self._loop.add_signal_handler(signal.SIGTERM, stopping.set)
        self._watchdog.start()
        self._pipeline.start()
        listener = listen(self._options.socket_path)
        tasks = [asyncio.create_task(self._accept(listener)), asyncio.create_task(self._beat())]
        report.write(READY + b"\n")
        await stopping.wait()
        for task in tasks:
            task.cancel()
        listener.close()
        self._options.socket_path.unlink(missing_ok=True)
        await self._drain()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = await self._loop.sock_accept(listener)
            except OSError as error:
                log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(_BEAT_S)
                continue
            task = asyncio.create_task(self._open(sock))
            self._openings.add(task)
            task.add_done_callback(self._openings.discard)

    async def _open(self, sock: socket.socket) -> None:
        connection = Connection(self._predictors, self._pipeline, self._on_close)
        self._connections.add(connection)
        try:
            await connection.open(sock, self._options.device)
        except (FrameError, OSError) as error:
            self._on_close(connection, error)
        except asyncio.CancelledError:
            self._on_close(connection, None)
            raise

    def _on_close(self, connection: Connection, error: Exception | None) -> None:
        self._connections.discard(connection)
        if self._draining and not self._connections:
            self._all_closed.set()
        if isinstance(error, FrameError):
            log.warning("a connection was closed: %s", error)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            for connection in self._connections:
                connection.beat()

    async def _drain(self) -> None:
        self._draining = True
        for opening in self._openings:
            opening.cancel()
        for connection in self._connections:
            connection.peer.pause_reading()
        await self._pipeline.drain()
        for connection in list(self._connections):
            connection.peer.close()
        if self._connections:
            await self._all_closed.wait()
        await self._predictors.close()

    # -- the watchdog's thread -----------------------------------------------------------

    def _on_hang(self, jobs: Sequence[Job], stack: str) -> None:
        announced = threading.Event()
        self._loop.call_soon_threadsafe(self._announce_hang, jobs, stack, announced)
        announced.wait(_ANNOUNCE_S)
        lane, model = jobs[0].lane, jobs[0].model
        log.error("%s of %s hangs for %.1f s:\n%s", lane, model.spec.id, model.timeout_s, stack)
        os._exit(HUNG_EXIT_CODE)

    def _announce_hang(self, jobs: Sequence[Job], stack: str, announced: threading.Event) -> None:
        lane, model = jobs[0].lane, jobs[0].model
        detail = f"{lane} of {model.spec.id} did not end within {model.timeout_s:g} s"
        for job in jobs:
            failure = Failed(job.call, Reason.MODEL_TIMEOUT, detail, stack[-TRACE_CHARS:])
            job.reply(failure, ())
        for connection in self._connections:
            connection.peer.send(Ending(detail))
        announced.set()


def _on_loss(job: Job, error: BaseException) -> None:
    """End the process: what it computed next would fail, whatever it were.

    Nothing is said of the batches in flight, so they are tried again, each alone if need be.
    """
    log.error("the device is lost in %s of %s: %s", job.lane, job.model.spec.id, describe(error))
    logging.shutdown()
    os._exit(LOST_EXIT_CODE)


def _claim_stdout() -> BinaryIO:
    """Keep stdout for reports, and let whatever models print go to stderr."""
    report = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return report


def _warm_up(options: DeviceOptions) -> None:
    """Import what the models need, on a thread that may give way to the process at work.

    Linux keeps niceness by thread, and only root can take it back, so the thread that is nice
    must be one that ends.
    """
    failures: list[BaseException] = []

    def import_models() -> None:
        if options.niceness and sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), options.niceness)
        try:
            kind = Learner if options.device == LEARNERS else Model
            with importing():
                adapters = import_declared(options.models, kind) if options.models else []
            log.info("imported %s", ", ".join(adapters) or "no adapters")
        except BaseException as error:  # raised again on the main thread
            failures.append(error)

    thread = threading.Thread(target=import_models, name="warm-up", daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _begin(options: DeviceOptions, report: BinaryIO) -> None:
    """Import what the models need; the owner is told in a sentence where that fails.

    Raises:
        SystemExit: the declarations are wrong, which the sentence says better than a trace.
        Exception: whatever else a module of the project raises.
    """
    try:
        _warm_up(options)
    except Exception as error:
        report.write(FAILED + explain(error).encode(errors="replace") + b"\n")
        if is_mistake(error):
            raise SystemExit(ConfigError.exit_code) from error
        raise


def _exit_orphaned(socket_path: Path) -> None:
    with contextlib.suppress(OSError):
        socket_path.unlink()
    os._exit(ORPHANED_EXIT_CODE)


def _parse_options(argv: Sequence[str] | None) -> DeviceOptions:
    cores = usable_cores()
    parser = argparse.ArgumentParser("aimass_stream.runtime.device", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, dest="socket_path")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--project", type=Path)
    parser.add_argument("--models", default="", metavar="PACKAGE")
    parser.add_argument("--spare", action="store_true")
    parser.add_argument("--niceness", type=int, default=0)
    parser.add_argument("--threads", type=int, default=cores)
    parser.add_argument("--decode-threads", type=int)
    options = parser.parse_args(argv)
    if options.decode_threads is None:
        # Predicting wants the cores, too, where they are all there is.
        most = _DECODERS_BESIDE_CPU if options.device == "cpu" else _DECODERS_BESIDE_GPU
        options.decode_threads = min(most, cores)
    return DeviceOptions(**vars(options))


def usable_cores() -> int:
    """Cores this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


async def _serve(options: DeviceOptions, report: BinaryIO) -> None:
    await DeviceProcess(options).serve(report)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the device process; it ends with SIGTERM, with its owner, or when a call hangs."""
    # The owner decides what Ctrl-C means; batches in flight are answered first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    keep_freed_memory()
    logging.basicConfig(level=logging.INFO, format=LOG_FORM)
    options = _parse_options(argv)
    # Tokenizers give Python's lock away only for many texts at once, and share those out.
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    os.environ["RAYON_NUM_THREADS"] = str(options.decode_threads)
    report = _claim_stdout()
    # A batch gives Python's lock away some two hundred times while it is launched; behind a
    # thread that decodes, each of them would wait ten times longer.
    sys.setswitchinterval(_SWITCH_S)
    taking_over = threading.Event()
    die_with_parent()
    read_stdin(lambda line: taking_over.set(), partial(_exit_orphaned, options.socket_path))
    if options.project is not None:
        put_first(options.project)
    _begin(options, report)
    report.write(WARM + b"\n")
    if options.spare:
        taking_over.wait()
    asyncio.run(_serve(options, report))
    logging.shutdown()
    # Threads of model libraries must not keep a process that is done.
    os._exit(0)


if __name__ == "__main__":
    main()
