"""The embedded broker: a real Apache Kafka on this machine, one per state folder.

Processes share it through three files in `<state>/kafka`. `lock` is held while somebody starts or
stops the broker, so there is never a second one. `lease` is held, shared, by every process that
uses it; the kernel lets go of it when a process dies, however it dies. `broker.json` says where
the broker listens, and outlives it: the next one takes the same port, so that clients which
outlive a crash find it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from typing import IO

import msgspec

from aimass_stream.errors import ConfigError
from aimass_stream.kafka.embedded_launch import (
    Record,
    comes_to_answer,
    end_brokers,
    has_died,
    is_answering,
    read_record,
    start_process,
    unusable,
    write_record,
)


@dataclass(frozen=True)
class Broker:
    """A running embedded broker, as found at one moment.

    Attributes:
        url: where clients connect, `kafka://127.0.0.1:PORT`.
        pid: the process of its JVM.
        folder: its data, settings and logs.
        kept: it stays when its last user leaves, until it is stopped.
        relayed_port: where a relay finds it, whose clients are sent back to the relay; None
            without one.
    """

    url: str
    pid: int
    folder: Path
    kept: bool
    relayed_port: int | None = None


@contextmanager
def lease_broker(
    state: Path, *, say: Callable[[str], None], relay_port: int | None = None
) -> Iterator[Broker]:
    """Use the broker of this state folder, started if it does not run.

    The broker lives at least as long as the block and is stopped by whoever leaves last, unless
    `start_broker` was asked to keep it. A lease ends with its process, even by kill -9, and with
    every process forked from it without an exec. Should the broker die meanwhile, entering
    another lease, in any process, brings it back on the same port. Blocks for seconds on entry
    and exit, for longer while the jars are fetched: not for an event loop.

    Args:
        state: the state folder.
        say: told what takes long.
        relay_port: where a relay listens on this machine. The broker then has a second way in,
            `Broker.relayed_port`, and tells clients that come by it to connect to the relay.

    Raises:
        BrokerError: Kafka cannot be fetched or does not start.
        ConfigError: the state folder cannot be used, or its broker already runs and knows
            nothing of this relay.
    """
    folder = _make_folder(state)
    with (folder / "lease").open("ab") as lease:
        with _turn(folder, say):
            broker = _ensure(folder, None, say, relay_port)
            flock(lease, LOCK_SH)
        try:
            yield broker
        finally:
            # Without its folder the broker ends by itself, within a minute.
            if folder.exists():
                with _turn(folder, say):
                    if _is_last(lease) and not read_record(folder).kept:
                        end_brokers(folder, say)


def start_broker(state: Path, *, say: Callable[[str], None], port: int | None = None) -> Broker:
    """Start the broker of this state folder if needed, and keep it until `stop_broker`.

    The wish to keep it outlives a crash: a lease that brings the broker back does not end it.

    Raises:
        BrokerError: Kafka cannot be fetched or does not start, or `port` is taken.
        ConfigError: the state folder cannot be used, or the broker runs on another port.
    """
    folder = _make_folder(state)
    with _turn(folder, say):
        _ensure(folder, port, say)
        record = msgspec.structs.replace(read_record(folder), kept=True)
        write_record(folder, record)
        return _broker(folder, record)


def stop_broker(state: Path) -> bool:
    """Stop the broker of this state folder, also when others use it; False if none runs.

    Its data stays. A broker that does not end within 20 s is killed, which loses no
    acknowledged record.

    Raises:
        ConfigError: the state folder cannot be used.
    """
    if not _folder(state).is_dir():
        return False
    folder = _make_folder(state)
    with _turn(folder, _say_nothing):
        return end_brokers(folder, _say_nothing)


def revive_broker(state: Path, *, say: Callable[[str], None]) -> bool:
    """Start the broker again, on its port, if it died; one that was stopped stays stopped.

    For those who hold a lease for long. Blocks for seconds when there is something to do.

    Raises:
        BrokerError: Kafka does not start.
    """
    folder = _folder(state)
    if not has_died(folder, read_record(folder)):
        return False
    say("Kafka died; starting it again")
    with lease_broker(state, say=say):
        return True


def find_broker(state: Path) -> Broker | None:
    """The broker of this state folder if it lives and answers within a second; starts nothing."""
    folder = _folder(state)
    record = read_record(folder)
    return _broker(folder, record) if is_answering(folder, record) else None


def _say_nothing(_: str) -> None:
    pass


def _folder(state: Path) -> Path:
    return state.absolute() / "kafka"


def _make_folder(state: Path) -> Path:
    folder = _folder(state)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("lock", "lease"):
            (folder / name).open("ab").close()
    except OSError as error:
        raise unusable(folder, error) from error
    return folder


@contextmanager
def _turn(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    with (folder / "lock").open("ab") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            say(f"Waiting for another program that starts or stops Kafka in {folder}")
            flock(lock, LOCK_EX)
        yield


def _is_last(lease: IO[bytes]) -> bool:
    try:
        flock(lease, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_leased(folder: Path) -> bool:
    with (folder / "lease").open("ab") as lease:
        return not _is_last(lease)


def _broker(folder: Path, record: Record) -> Broker:
    relayed_port = record.relayed.port if record.relayed else None
    url = f"kafka://127.0.0.1:{record.port}"
    return Broker(url, record.pid or 0, folder, record.kept, relayed_port)


def _ensure(
    folder: Path, port: int | None, say: Callable[[str], None], relay_port: int | None = None
) -> Broker:
    """The running broker, or a new one; the caller holds the lock."""
    record = read_record(folder)
    if not comes_to_answer(folder, record):
        leased = _is_leased(folder)
        record = start_process(folder, port, say, leased=leased, relay_port=relay_port)
    elif port not in {None, record.port}:
        raise ConfigError(
            f"Kafka of {folder} already runs on port {record.port}, not {port}. "
            "Stop it first: aimass kafka stop"
        )
    elif relay_port not in {None, record.relayed and record.relayed.relay_port}:
        raise ConfigError(
            f"Kafka of {folder} already runs and knows nothing of a relay on port {relay_port}. "
            "Stop it first: aimass kafka stop"
        )
    return _broker(folder, record)
