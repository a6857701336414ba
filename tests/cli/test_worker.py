"""`aimass worker` as a person runs it: what it serves, and what it refuses to run with."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from aimass_stream.cli.demo.view import read_metrics
from aimass_stream.cli.main import app
from aimass_stream.kafka.embedded import find_broker, stop_broker
from aimass_stream.kafka.embedded_process import find_strays
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.topics import TopicPlan, create_topics
from tests.cli.commands import ARGV, HEEDING, aimass, send, start_aimass
from tests.runtime.helpers import is_alive, until

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


@pytest.mark.parametrize("holds", ["nothing", "a folder without modules"])
def test_an_agents_package_from_elsewhere_is_no_app_of_this_folder(
    tmp_path: Path, holds: str
) -> None:
    if holds != "nothing":
        (tmp_path / "agents").mkdir()
    # The checkout lies on the path of this environment, and its agents are importable.
    env = {name: held for name, held in os.environ.items() if name != "AIMASS_BROKER"}
    env |= {"PYTHONPATH": str(Path(__file__).parents[2])}
    for command in ("worker", "audit"):
        refused = aimass(command, env=env, cwd=tmp_path)
        assert refused.returncode == 78
        assert refused.stderr == (
            f"There is no package 'agents' in {tmp_path}: go to the folder of your project, make "
            "one with aimass init DIR, or name its package with --app PACKAGE.\n"
        )
    doctor = aimass("doctor", env=env, cwd=tmp_path)
    assert f"WARN app       no package agents in {tmp_path}" in doctor.stdout
    assert "aimass init DIR" in doctor.stdout
    assert not (tmp_path / ".aimass").exists()


def test_an_app_that_is_named_may_lie_elsewhere(worker_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "shop.py").write_text(AGENTS.format(name="shop"))
    env = {**worker_env, "AIMASS_BROKER": "kafka://127.0.0.1:1"}
    env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path / "site")])
    # It is found, and the next thing is looked for.
    assert aimass("worker", "--app", "shop", env=env, cwd=tmp_path).returncode == 69
    doctor = aimass("doctor", "--app", "shop", env=env, cwd=tmp_path)
    assert "OK   app       shop, from shop" in doctor.stdout


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


def is_gone(pid: int) -> bool:
    return not is_alive(pid)


def says(log: Path, text: str) -> bool:
    return text in log.read_text()


def without_broker(env: dict[str, str], state: Path) -> dict[str, str]:
    """The environment of a command that starts a Kafka of its own."""
    own = {name: value for name, value in env.items() if name != "AIMASS_BROKER"}
    return {**own, "AIMASS_STATE": str(state)}


@pytest.fixture
def own_state(tmp_path: Path) -> Iterator[Path]:
    """A state folder whose Kafka is gone after the test."""
    yield tmp_path / "own"
    stop_broker(tmp_path / "own")


async def test_a_terminal_that_is_closed_leaves_no_kafka_behind(
    worker_env: dict[str, str], project: Path, own_state: Path
) -> None:
    env = {**without_broker(worker_env, own_state), "AIMASS_WEB_PORT": "17400"}
    theirs, mine = pty.openpty()
    # The shell is what the terminal belongs to, as it is of a person; it passes the signal on.
    line = shlex.join([*ARGV, "worker"])
    argv = [*HEEDING, "setsid", "--ctty", "bash", "-ic", f"{line}; true"]
    shell = await asyncio.create_subprocess_exec(
        *argv, env=env, cwd=project, stdin=mine, stdout=mine, stderr=mine
    )
    os.close(mine)
    said = b""
    try:
        async with asyncio.timeout(60):
            while b"Ctrl-C ends" not in said:
                said += await asyncio.to_thread(os.read, theirs, 4096)
        broker = find_broker(own_state)
        assert broker is not None
        started = [each.pid for each in psutil.Process(shell.pid).children(recursive=True)]
        assert started
    finally:
        os.close(theirs)
        await shell.wait()
    for pid in [*started, broker.pid]:
        await until(partial(is_gone, pid), f"the end of {pid}", timeout_s=40)
    assert find_broker(own_state) is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143)])
async def test_a_command_that_is_ended_takes_its_kafka_along(
    worker_env: dict[str, str],
    tmp_path: Path,
    own_state: Path,
    number: signal.Signals,
    code: int,
) -> None:
    env = without_broker(worker_env, own_state)
    errors = tmp_path / "errors.log"
    (tmp_path / "agents.py").write_text(AGENTS.format(name="any"))
    for begun in ("Starting Kafka", "is made when a worker first runs"):
        watch = start_aimass(
            "watch", "any.source", env=env, cwd=tmp_path, errors=errors, under=HEEDING
        )
        try:
            await until(partial(says, errors, begun), begun, timeout_s=60)
            watch.send_signal(number)
            assert await asyncio.to_thread(watch.wait, 40) == code
        finally:
            watch.kill()
            watch.communicate()
        assert find_strays(own_state / "kafka") == []
        assert "Traceback" not in errors.read_text()


async def test_a_worker_under_nohup_goes_on_without_its_terminal(
    worker_env: dict[str, str], project: Path
) -> None:
    env = {**worker_env, "AIMASS_WEB_PORT": "17500"}
    errors = project / "errors.log"
    worker = start_aimass("worker", env=env, cwd=project, errors=errors, under=["nohup"])
    try:
        await until(lambda: "Starting" in errors.read_text(), "a worker", timeout_s=60)
        worker.send_signal(signal.SIGHUP)
        worker.send_signal(signal.SIGTERM)
        # Had the first one counted, the second would have ended it at once.
        assert await asyncio.to_thread(worker.wait, 60) == 0
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


def write_models(project: Path, text: str) -> None:
    """Give a project a package of declarations."""
    (project / "models").mkdir()
    (project / "models" / "__init__.py").touch()
    (project / "models" / "wants.py").write_text(text)


def run_worker(env: dict[str, str], project: Path) -> tuple[int, list[str]]:
    """Run `aimass worker` until it ends by itself: its exit code, and what it said."""
    done = aimass("worker", env=env, cwd=project, timeout_s=90)
    said = done.stderr.rstrip()
    for noise in ("Traceback", "restarted", "could not drain", "still busy"):
        assert noise not in said
    return done.returncode, said.splitlines()


TRANSFORMERS = """
from aimass_stream.adapters.transformers import Transformers

wants = Transformers("text-classification", "models://wants", {settings})
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TRANSFORMERS.format(settings="latency_ms=-1"), "latency_ms=-1: it must be a number above"),
        (TRANSFORMERS.format(settings="latncy_ms=50"), "it takes no latncy_ms"),
        ("def broken(:\n", "SyntaxError: invalid syntax"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_wrong_declaration_ends_a_worker_at_once_with_a_sentence(
    worker_env: dict[str, str], project: Path, text: str, says: str
) -> None:
    write_models(project, text)
    code, said = run_worker({**worker_env, "AIMASS_WEB_PORT": "17400"}, project)
    assert code == 78
    assert says in said[-1]
    assert "(models/wants.py:" in said[-1]
    assert sum(says in line for line in said) == 1


def test_a_mistake_in_the_modules_of_an_app_is_told_in_a_sentence(
    worker_env: dict[str, str], project: Path
) -> None:
    agents = project / "agents" / "__init__.py"
    agents.write_text(agents.read_text().replace("answer=bytes)", "answer=bytes, latency_ms=-1)"))
    code, said = run_worker({**worker_env, "AIMASS_WEB_PORT": "17450"}, project)
    assert code == 78
    assert said[-1].endswith("worker 1 cannot work (exit code 78)")
    assert "Inline" in said[-2]
    assert "(agents/__init__.py:9)" in said[-2]


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("    async for", "    for", "TypeError: 'ScoredStream' object is not iterable"),
        ("    async for", "    return\n    async for", "returned"),
        ("    async for", "    echo.nope\n    async for", "AttributeError: 'Inline' object has no"),
    ],
    ids=["for", "return", "attribute"],
)
def test_an_agent_with_a_mistake_in_it_is_not_started_again(
    worker_env: dict[str, str], project: Path, right: str, wrong: str, says: str
) -> None:
    agents = project / "agents" / "__init__.py"
    agents.write_text(agents.read_text().replace(right, wrong))
    code, said = run_worker({**worker_env, "AIMASS_WEB_PORT": "17500"}, project)
    assert code == 78
    assert said[-1].endswith("worker 1 cannot work (exit code 78)")
    assert f"agent repeat {says}" in said[-2] or f"took a record: {says}" in said[-2]
    assert "(agents/__init__.py:" in said[-2]


async def test_an_agent_that_misses_something_is_started_again(
    worker_env: dict[str, str], project: Path
) -> None:
    agents = project / "agents" / "__init__.py"
    away = "    raise ConnectionError('no database yet')\n    async for"
    agents.write_text(agents.read_text().replace("    async for", away))
    errors = project / "errors.log"
    env = {**worker_env, "AIMASS_WEB_PORT": "17550"}
    worker = start_aimass("worker", env=env, cwd=project, errors=errors)
    try:
        again = "worker 1 died (exit code 1), restarted"
        await until(lambda: again in errors.read_text(), "another start", timeout_s=60)
        assert "took a record: ConnectionError: no database yet" in errors.read_text()
    finally:
        worker.kill()
        worker.communicate()


def test_a_model_that_cannot_be_loaded_is_said_right_before_the_end(
    worker_env: dict[str, str], project: Path
) -> None:
    write_models(project, TRANSFORMERS.format(settings="latency_ms=50"))
    agents = project / "agents" / "__init__.py"
    scored = agents.read_text().replace("app.score(echo,", "app.score(wants,")
    agents.write_text("from models.wants import wants\n" + scored)
    env = {**worker_env, "AIMASS_WEB_PORT": "17600", "AIMASS_MODELS": str(project / "none")}
    code, said = run_worker(env, project)
    assert code == 78
    assert "Model wants is not in the registry" in said[-2]
    assert said[-1].endswith("worker 1 cannot work (exit code 78)")
    steps = [line for line in said if line.endswith("...")]
    assert len(steps) == 2, "that the app starts, and that it stops"


@pytest.mark.parametrize("holds", [True, False])
async def test_only_an_agent_that_holds_a_record_is_said_to_be_busy(
    broker_url: str, topic_name: str, worker_env: dict[str, str], project: Path, *, holds: bool
) -> None:
    agents = project / "agents" / "__init__.py"
    waits = "{0}print('it waits', file=sys.stderr, flush=True)\n{0}await asyncio.Event().wait()\n"
    line, indent = ("        yield", " " * 8) if holds else ("    async for", " " * 4)
    text = agents.read_text().replace(line, waits.format(indent) + line)
    agents.write_text("import asyncio\nimport sys\n" + text)
    client = {"bootstrap_servers": bootstrap_servers(broker_url)}
    await create_topics(client, [TopicPlan(f"{topic_name}.source", 1)], 1)
    await send(broker_url, f"{topic_name}.source", b"a")
    errors = project / "errors.log"
    env = {**worker_env, "AIMASS_WEB_PORT": "17650"}
    worker = start_aimass("worker", env=env, cwd=project, errors=errors)
    try:
        await until(lambda: "it waits" in errors.read_text(), "an agent that waits", timeout_s=60)
        worker.terminate()
        assert await asyncio.to_thread(worker.wait, 30) == 0
        assert ("agents still busy" in errors.read_text()) == holds
    finally:
        worker.kill()
        worker.communicate()


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
