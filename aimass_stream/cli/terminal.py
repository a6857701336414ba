"""What every command shares: errors as text, exit codes, and where the broker is."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from aimass_stream.config import Settings

F = TypeVar("F", bound=Callable[..., Any])

REVIVE_EVERY_S = 0.5
KEPT_UP = (
    "No Kafka runs here, so one is started for this command and stopped after it. "
    "To keep one up: aimass kafka start"
)


def say(text: str) -> None:
    """Tell the person at the terminal, beside whatever goes to standard output."""
    typer.echo(text, err=True)


def fail(error: Exception, exit_code: int) -> NoReturn:
    """End the command with one clear message and no traceback."""
    typer.secho(str(error), err=True, fg=typer.colors.RED if sys.stderr.isatty() else None)
    raise typer.Exit(exit_code)


def command(function: F) -> F:
    """Turn the engine's errors and the signals that end it into messages and exit codes."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        from aimass_stream.errors import AimassError
        from aimass_stream.runtime.signals import unwinding

        try:
            with unwinding():
                return function(*args, **kwargs)
        except AimassError as error:
            fail(error, error.exit_code)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return run  # type: ignore[return-value]  # wraps keeps the signature typer reads


def check_report(file: Path | None) -> Path | None:
    """See that a report can be written there, before the minutes that it is about.

    Raises:
        BadParameter: it cannot.
    """
    if file is None:
        return None
    if file.is_dir():
        raise typer.BadParameter(f"{file} is a folder; name a file")
    if not file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}; make it first")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise typer.BadParameter(f"{file} cannot be written")
    return file


def hush_clients() -> None:
    """Keep the Kafka client's own log off the terminal; what matters reaches people as ours."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)


@contextmanager
def use_broker(conf: Settings, *, is_brief: bool = False) -> Iterator[str]:
    """The URL of the broker to use; the embedded one lives at least as long as this block.

    Args:
        conf: where it is.
        is_brief: the command only reads, so that to start a Kafka takes longer than what it does;
            people are then told how to keep one up.

    Raises:
        BrokerError: the embedded broker cannot be started.
    """
    if conf.broker:
        yield conf.broker
        return
    from aimass_stream.kafka.embedded import find_broker, lease_broker

    if is_brief and find_broker(conf.state) is None:
        say(KEPT_UP)
    with lease_broker(conf.state, say=say) as broker, _kept_alive(conf.state):
        yield broker.url


@contextmanager
def _kept_alive(state: Path) -> Iterator[None]:
    """Look after the embedded broker from a thread: one that dies comes back on its port."""
    from aimass_stream.errors import AimassError
    from aimass_stream.kafka.embedded import revive_broker

    ended = threading.Event()

    def look_after() -> None:
        while not ended.wait(REVIVE_EVERY_S):
            try:
                revive_broker(state, say=say)
            except AimassError as error:
                say(f"{error}\nTrying again.")

    keeper = threading.Thread(target=look_after, name="broker-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def make_console() -> Console:
    """A console on standard output that honours NO_COLOR and pipes."""
    from rich.console import Console

    return Console()
