"""Bringing the embedded broker up and down: its port, its start, its end, and what is noted of it.

The caller holds the folder's lock, except for `read_record` and `is_answering`.
"""

from __future__ import annotations

import random
import shutil
import socket
import time
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from aimass_stream.errors import BrokerError, ConfigError
from aimass_stream.kafka.embedded_archive import (
    ClassArchive,
    adopt_draft,
    base_archive,
    class_archive,
    drop_draft,
)
from aimass_stream.kafka.embedded_jars import KAFKA, kafka_jars
from aimass_stream.kafka.embedded_process import (
    JVM_FLAGS,
    POLL_S,
    Relayed,
    answers,
    end,
    find_java,
    find_strays,
    is_broker,
    log_excerpt,
    log_sizes,
    read_cluster_id,
    spawn,
    write_settings,
)
from aimass_stream.runtime.signals import held

# Below the ports that systems hand out to outgoing connections: one of those could take the
# broker's port while it is down, and a client that keeps dialling it could even reach itself.
PORTS = range(20_000, 30_000)
START_BOUND_S = 120.0
ANSWER_BOUND_S = 60.0
ANSWER_TIMEOUT_S = 1.0
PORT_BOUND_S = 3.0
NEEDED_BYTES = 100 * 1024 * 1024

Say = Callable[[str], None]


class Record(msgspec.Struct, frozen=True):
    """What `broker.json` holds.

    Attributes:
        port: where the last broker listened, and the next one will; 0 before the first.
        pid: the JVM that was started; None once it was stopped.
        kept: somebody asked for it to stay.
        draft: the class archive it writes when it ends, if it does.
        relayed: its second way in, by a relay; it stays as long as the folder.
    """

    port: int = 0
    pid: int | None = None
    kept: bool = False
    draft: str | None = None
    relayed: Relayed | None = None


@dataclass(frozen=True)
class _Runtime:
    """What a JVM is started from."""

    java: Path
    jars: list[Path]
    archive: ClassArchive | None


class _ExitedError(Exception):
    """The JVM ended before it answered; the text is why, from its log."""


def read_record(folder: Path) -> Record:
    """What is noted of the broker of this folder; an empty record if nothing can be read."""
    try:
        return msgspec.json.decode((folder / "broker.json").read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return Record()


def write_record(folder: Path, record: Record) -> None:
    """Replace what is noted, so that a reader sees the old or the new."""
    draft = folder / "broker.json.new"
    draft.write_bytes(msgspec.json.encode(record))
    draft.replace(folder / "broker.json")


def has_died(folder: Path, record: Record) -> bool:
    """Whether a broker was started, was not stopped, and does not live."""
    return record.pid is not None and not _lives(folder, record)


def is_answering(folder: Path, record: Record) -> bool:
    """Whether that broker lives and answers now."""
    return _lives(folder, record) and _answers(folder, record)


def comes_to_answer(folder: Path, record: Record) -> bool:
    """Wait for a broker that is busy, or whose starter was killed; False if it is not alive.

    Raises:
        BrokerError: it lives and does not answer.
    """
    deadline = time.monotonic() + ANSWER_BOUND_S
    while _lives(folder, record):
        if _answers(folder, record):
            return True
        if time.monotonic() > deadline:
            raise BrokerError(
                f"Kafka of {folder} (process {record.pid}) lives but has not answered on port "
                f"{record.port} for {ANSWER_BOUND_S:.0f} s. End it: aimass kafka stop"
            )
        time.sleep(POLL_S)
    return False


def start_process(
    folder: Path, port: int | None, say: Say, *, leased: bool, relay_port: int | None = None
) -> Record:
    """Start a broker in a folder that has none, and wait until clients can use it.

    Args:
        folder: of the broker; it exists.
        port: the one that must be used; None for the last one, or a free one.
        say: told what takes long.
        leased: programs live that know the last port, so no other will do.
        relay_port: where a relay listens that clients may come by; None for the last one, if any.

    Raises:
        BrokerError: Kafka cannot be fetched or does not start, or the port is taken.
        ConfigError: the folder cannot be written.
    """
    for pid in find_strays(folder):
        end(pid, folder)
    _check_space(folder)
    runtime = _prepare(say)
    last = read_record(folder)
    port = _choose_port(last, port, say, leased=leased)
    relayed = last.relayed
    if relay_port is not None:
        relayed = Relayed(_free_port(besides={port}), relay_port)
    wanted = Record(port, kept=last.kept, relayed=relayed)
    try:
        return _launch(folder, wanted, runtime, say)
    except _ExitedError as error:
        if runtime.archive is None:
            raise _did_not_start(folder, error) from error
    try:
        record = _launch(folder, wanted, replace(runtime, archive=None), say)
    except _ExitedError as error:
        raise _did_not_start(folder, error) from error
    runtime.archive.discard()
    return record


def _did_not_start(folder: Path, error: _ExitedError) -> BrokerError:
    return BrokerError(
        f"Kafka did not start in {folder}. The last of its log:\n{error}\n"
        f"All of it: {folder / 'logs'}. Its data: {folder / 'data'}"
    )


def end_brokers(folder: Path, say: Say) -> bool:
    """End whatever broker runs in this folder; False if there is none."""
    record = read_record(folder)
    if record.draft and _lives(folder, record):
        say("Stopping Kafka, which this once takes seconds: it prepares the next start")
    orderly = [end(pid, folder) for pid in find_strays(folder)]
    if record.draft:
        (adopt_draft if orderly and all(orderly) else drop_draft)(Path(record.draft))
    if record.port:
        write_record(folder, Record(record.port, relayed=record.relayed))
    return bool(orderly)


def unusable(folder: Path, error: OSError) -> ConfigError:
    """The error for a folder that cannot be written."""
    return ConfigError(
        f"Kafka cannot keep its data in {folder}: {error}\n"
        "Make the folder writable, or choose another state folder with AIMASS_STATE"
    )


def _lives(folder: Path, record: Record) -> bool:
    return record.pid is not None and is_broker(record.pid, folder)


def _answers(folder: Path, record: Record) -> bool:
    return answers(record.port, read_cluster_id(folder), ANSWER_TIMEOUT_S)


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise BrokerError(
            f"Kafka needs {NEEDED_BYTES >> 20} MiB of disk space to start, and {folder} has "
            f"{free >> 20} MiB left. Free some, or choose another state folder with AIMASS_STATE"
        )


def _prepare(say: Say) -> _Runtime:
    java = find_java()
    with ThreadPoolExecutor(1) as beside:
        beside.submit(base_archive, java, JVM_FLAGS)
        jars = kafka_jars(say=say)
    return _Runtime(java, jars, class_archive(java, jars, JVM_FLAGS))


def _launch(folder: Path, wanted: Record, runtime: _Runtime, say: Say) -> Record:
    archive, last = runtime.archive, read_record(folder)
    if last.draft:
        drop_draft(Path(last.draft))
    before = log_sizes(folder)
    port, relayed = wanted.port, wanted.relayed
    controller_port = _free_port(besides={port, relayed.port if relayed else port})
    try:
        cluster_id = write_settings(folder, port, controller_port, relayed)
    except OSError as error:
        raise unusable(folder, error) from error
    draft = archive.draft(cluster_id) if archive else None
    say(f"Starting Kafka {KAFKA} in {folder}")
    started = time.monotonic()
    pid = None
    try:
        # A signal in between would leave a broker whose process nobody knows.
        with held():
            pid = spawn(folder, runtime.java, runtime.jars, archive.flags(draft) if archive else [])
            record = msgspec.structs.replace(wanted, pid=pid, draft=str(draft) if draft else None)
            write_record(folder, record)
        _await_answer(folder, record, started + START_BOUND_S)
    except BaseException as error:
        if pid is not None:
            end(pid, folder)
        if isinstance(error, ChildProcessError):
            raise _ExitedError(log_excerpt(folder, before)) from error
        raise
    if archive and draft is None:
        archive.discard_if_refused(folder / "logs" / "jvm.log")
    say(f"Kafka is ready at kafka://127.0.0.1:{port} ({time.monotonic() - started:.1f} s)")
    return record


def _await_answer(folder: Path, record: Record, deadline: float) -> None:
    while not _answers(folder, record):
        if not _lives(folder, record):
            raise ChildProcessError(record.pid)
        if time.monotonic() > deadline:
            raise BrokerError(
                f"Kafka did not answer on port {record.port} within {START_BOUND_S:.0f} s of its "
                f"start. Its log is in {folder / 'logs'}. Try again: aimass kafka start"
            )
        time.sleep(POLL_S)


def _choose_port(last: Record, asked: int | None, say: Say, *, leased: bool) -> int:
    port = asked or last.port
    # The kernel may still be closing the sockets of a broker that has just been killed.
    deadline = time.monotonic() + (PORT_BOUND_S if last.pid else 0)
    while port and not _is_free(port):
        if time.monotonic() < deadline:
            time.sleep(POLL_S)
        elif asked:
            raise BrokerError(
                f"Port {asked} is taken by another program. Choose another one, or none to have "
                "one picked: aimass kafka start"
            )
        elif leased:
            raise BrokerError(
                f"Port {port}, where running programs expect their Kafka, was taken by another "
                "program while Kafka was down. End that program, or those, and start again"
            )
        else:
            say(f"Port {port} is taken by another program, so Kafka moves to a new one")
            port = 0
    return port or _free_port()


def _free_port(besides: Set[int] = frozenset()) -> int:
    for port in random.sample(PORTS, 1000):
        if port not in besides and _is_free(port):
            return port
    raise BrokerError(
        f"Kafka finds no free port from {PORTS.start} to {PORTS.stop}. "
        "Name one: aimass kafka start --port PORT"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the JVM does: connections that are fading away do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
