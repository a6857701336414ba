"""`aimass worker` as a person runs it: what it serves, and what it refuses to run with."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aimass_stream.cli.demo.view import read_metrics
from aimass_stream.cli.main import app
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.topics import TopicPlan, create_topics
from tests.cli.commands import aimass, send, start_aimass
from tests.runtime.helpers import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

AGENTS = """
from collections.abc import AsyncIterator

from aimass_stream import App, Inline, Record, Stream, Topic

app = App("{name}")
source = Topic("{name}.source", Record)
answers = Topic("{name}.answers", bytes)
echo = Inline("echo", lambda chunk: list(chunk.values), answer=bytes)


@app.agent(source, to=answers)
async def repeat(stream: Stream[Record]) -> AsyncIterator[bytes]:
    async for record, answer in app.score(echo, stream):
        yield answer
"""


def test_a_package_that_is_not_there_is_refused_before_a_kafka_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AIMASS_BROKER", raising=False)
    refused = CliRunner().invoke(app, ["worker", "--app", "no_such_agents"])
    assert refused.exit_code == 78
    assert f"There is no package 'no_such_agents' in {tmp_path}" in refused.stderr
    assert not (tmp_path / ".aimass").exists()


def test_the_version_is_printed() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert shown.exit_code == 0
    assert re.fullmatch(r"aimass-stream \d\S*\n", shown.stdout)


@pytest.fixture
def project(topic_name: str, tmp_path: Path) -> Path:
    """A folder with an app of one inline model."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text(AGENTS.format(name=topic_name))
    return tmp_path


async def test_a_worker_serves_its_metrics(
    broker_url: str, topic_name: str, worker_env: dict[str, str], project: Path
) -> None:
    client = {"bootstrap_servers": bootstrap_servers(broker_url)}
    await create_topics(client, [TopicPlan(f"{topic_name}.source", 4)], 1)
    await send(broker_url, f"{topic_name}.source", b"a", b"b")
    env = {**worker_env, "AIMASS_WEB_PORT": "17100"}
    errors = project / "errors.log"
    worker = start_aimass("worker", env=env, cwd=project, errors=errors)
    try:
        await until(lambda: "Starting" in errors.read_text(), "a worker", timeout_s=60)
        port = re.search(r"port (\d+)", errors.read_text())
        assert port is not None

        def served() -> bool:
            return "aimass_held_bytes" in read_metrics(int(port[1]))

        await until(served, "metrics", timeout_s=60)
        worker.terminate()
        assert await asyncio.to_thread(worker.wait, 60) == 0
    finally:
        worker.kill()
        worker.communicate()


@pytest.mark.parametrize(("second", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_second_signal_ends_a_worker_that_drains(
    broker_url: str,
    topic_name: str,
    worker_env: dict[str, str],
    project: Path,
    second: signal.Signals,
    code: int,
) -> None:
    agents = project / "agents" / "__init__.py"
    stuck = agents.read_text().replace(
        "        yield answer\n",
        "        print('holds one', file=sys.stderr, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "        yield answer\n",
    )
    agents.write_text("import asyncio\nimport sys\n" + stuck)
    client = {"bootstrap_servers": bootstrap_servers(broker_url)}
    await create_topics(client, [TopicPlan(f"{topic_name}.source", 4)], 1)
    await send(broker_url, f"{topic_name}.source", b"a")
    errors = project / "errors.log"
    env = {**worker_env, "AIMASS_WEB_PORT": "17200"}
    worker = start_aimass("worker", env=env, cwd=project, errors=errors)
    try:
        await until(lambda: "holds one" in errors.read_text(), "a record held", timeout_s=60)
        worker.send_signal(signal.SIGTERM)
        await until(lambda: "Stopping..." in errors.read_text(), "a drain", timeout_s=10)
        began_s = time.monotonic()
        worker.send_signal(second)
        assert await asyncio.to_thread(worker.wait, 10) == code
        assert time.monotonic() - began_s < 2
    finally:
        worker.kill()
        worker.communicate()


@pytest.mark.parametrize("command", ["worker", "doctor"])
def test_a_module_that_cannot_be_imported_is_not_left_out(
    worker_env: dict[str, str], project: Path, command: str
) -> None:
    (project / "agents" / "more.py").write_text("import no_such_module\n")
    done: subprocess.CompletedProcess[str] = aimass(command, env=worker_env, cwd=project)
    assert done.returncode == (78 if command == "worker" else 1)
    why = "ModuleNotFoundError: No module named 'no_such_module' (agents/more.py:1)"
    assert f"agents.more cannot be imported: {why}" in done.stdout + done.stderr


def start_supervised(
    argv: list[str], env: dict[str, str], folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start a worker process as a supervisor does."""
    with log.open("wb") as errors:
        return subprocess.Popen(argv, env={**env, "AIMASS_SLOT": "1"}, cwd=folder, stderr=errors)


async def test_a_port_that_is_taken_meanwhile_is_passed_over_under_a_supervisor(
    worker_env: dict[str, str], project: Path
) -> None:
    taken, log = socket.create_server(("127.0.0.1", 0)), project / "log"
    port = taken.getsockname()[1]
    env = {**worker_env, "AIMASS_WEB_PORT": str(port)}
    argv = [sys.executable, "-m", "aimass_stream.cli.worker_process", "agents"]
    with taken:
        worker = start_supervised(argv, env, project, log)
        try:
            said = re.compile(rf"port {port} was taken meanwhile; metrics on (\d+)")
            await until(lambda: said.search(log.read_text()), "another port", timeout_s=60)
            found = said.search(log.read_text())
            assert found is not None
            assert await asyncio.to_thread(read_metrics, int(found[1]))
            assert "Warning" not in log.read_text()
        finally:
            worker.kill()
            worker.wait()
        alone = await asyncio.to_thread(
            subprocess.run, argv, env=env, cwd=project, capture_output=True, timeout=60, check=False
        )
    assert alone.returncode == 78
    assert b"Port %d cannot be listened on" % port in alone.stderr


def test_what_is_no_device_is_a_wrong_command_line() -> None:
    result = CliRunner().invoke(app, ["worker", "--device", "gpu"])
    assert result.exit_code == 2
    assert "'gpu' is no device" in result.output


def test_without_a_broker_nothing_is_started(worker_env: dict[str, str], project: Path) -> None:
    env = {**worker_env, "AIMASS_BROKER": "kafka://127.0.0.1:1"}
    done = aimass("worker", env=env, cwd=project)
    assert done.returncode == 69
    assert "Kafka does not answer at 127.0.0.1:1" in done.stderr


def test_a_worker_that_cannot_begin_says_why_once_and_last(
    worker_env: dict[str, str], project: Path
) -> None:
    env = {**worker_env, "AIMASS_BROKER": "kafka://127.0.0.1:1", "AIMASS_WEB_PORT": "17300"}
    argv = [sys.executable, "-m", "aimass_stream.cli.worker_process", "agents"]
    done = subprocess.run(
        argv, env=env, cwd=project, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 69
    assert "Kafka does not answer" in done.stderr.rstrip().splitlines()[-1]
    assert done.stderr.count("Kafka does not answer") == 1
    assert "Traceback" not in done.stderr
