"""A worker process: the project's app in one Faust worker, tied to the supervisor above it.

Started by the supervisor as `python -m aimass_stream.cli.worker_process APP`; people use
`aimass worker`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import sys
import time
from pathlib import Path

import faust
from faust.cli.base import find_app

from aimass_stream.app import App
from aimass_stream.error_text import explain, is_mistake, place_of
from aimass_stream.errors import AimassError, ConfigError
from aimass_stream.runtime.allocator import keep_freed_memory
from aimass_stream.runtime.log_form import LOG_FORM
from aimass_stream.runtime.parent import watch_parent
from aimass_stream.runtime.project import put_first

QUIET_LOGGERS = ("aiokafka", "faust", "mode")


def load_app(name: str) -> App:
    """Import the project's app, with the project's root on the path.

    Raises:
        ConfigError: there is no such module, it cannot be imported, or it holds no app of ours.
    """
    put_first(Path.cwd())
    try:
        app = find_app(name)
    except Exception as error:
        if not is_mistake(error):
            raise
        if place_of(error) or not isinstance(error, (ImportError, AttributeError)):
            raise ConfigError(explain(error)) from error
        raise ConfigError(
            f"No app in {name!r} from {Path.cwd()}: {error}. Run this in the folder that holds "
            "the package, or name another one: aimass worker --app PACKAGE"
        ) from error
    if not isinstance(app, App):
        raise ConfigError(f"{name} is a {type(app).__name__}, not an aimass_stream App")
    return app


class Seldom(logging.Filter):
    """Lets one kind of message pass every `EVERY_S`: a broker that is away is said once."""

    EVERY_S = 5.0

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one passes; the same text with other values is of the same kind."""
        if record.levelno < logging.WARNING:
            return True
        kind, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._last.get(kind, -self.EVERY_S) < self.EVERY_S:
            return False
        self._last[kind] = now
        return True


class NoSteps(logging.Filter):
    """Leaves out the steps by which Faust starts and stops the parts of an app.

    Around the one sentence that says why a worker ends they would be what is read first. That the
    app itself starts and stops is said.
    """

    _STEPS = (
        "Starting...",
        "Stopping...",
        "Cleanup",
        "Wait for streams...",
        "Flush producer buffer...",
        "Consumer shutting down for user cancel.",
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is no such step."""
        if record.levelno != logging.INFO or not record.name.startswith("aimass_stream."):
            return True
        said = record.getMessage()
        if record.name == App.__module__:
            return not said.endswith(self._STEPS[2:])
        return not said.endswith(self._STEPS)


class Worker(faust.Worker):
    """Faust's worker, that leaves the last word to `main` and does not linger."""

    app: App

    def on_worker_shutdown(self) -> None:
        """Keep Faust from telling of an end that we tell of."""
        super().on_worker_shutdown()
        if self.app.end_reason is not None:
            self.crash_reason = None

    def work(self) -> None:
        """Run until told to stop.

        What Faust's own verb logs with its trace, and turns into an exit code, is raised here.
        """
        self._starting_fut = asyncio.ensure_future(self.start(), loop=self.loop)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(self._starting_fut)
        finally:
            self._starting_fut.cancel()
            self.on_worker_shutdown()
            self.stop_and_shutdown()

    async def _sentinel_task(self) -> None:
        """Faust waits a second here, for nothing of ours."""


def configure_logging() -> None:
    """One line an event on standard error, at `AIMASS_LOG_LEVEL` (info)."""
    level = os.environ.get("AIMASS_LOG_LEVEL", "INFO").upper()
    logging.basicConfig(level=level, format=LOG_FORM, stream=sys.stderr, force=True)
    handler = logging.getLogger().handlers[0]
    handler.addFilter(Seldom())
    if level == "INFO":
        handler.addFilter(NoSteps())
        for name in QUIET_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)


def run(name: str) -> int:
    """Run the worker until it is told to stop, or until it must end.

    Returns:
        The exit code, which says why it ended.
    """
    keep_freed_memory()
    watch_parent()
    configure_logging()
    log = logging.getLogger("aimass_stream.worker")
    reason: BaseException | None = None
    try:
        app = load_app(name)
        app.finalize()
        worker = Worker(
            app,
            loglevel=None,
            override_logging=False,
            redirect_stdouts=False,
            quiet=True,
            stderr=io.StringIO(),
            stdout=io.StringIO(),
        )
        try:
            worker.work()
        finally:
            reason = app.end_reason
    except Exception as error:
        reason = reason or error
    if reason is None:
        return 0
    if isinstance(reason, AimassError):
        # The text is the message, a trace would be noise.
        log.error("%s", reason)
        return reason.exit_code
    log.error("the worker ends: %r", reason, exc_info=reason)
    return 1


def main(name: str) -> None:
    """Be a worker process; whatever threads still hang do not keep it."""
    code = run(name)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
