"""`aimass verify` as a person runs it: what it finds, what it leaves, and what it never touches."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from typer.testing import CliRunner

from aimass_stream.cli.main import app
from aimass_stream.verify.suite import choose
from tests.cli.commands import ARGV
from tests.cli.demos import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SMALL = ("verify", "--app", "tests.verify.small_app", "--seed", "7")
BUDGET_S = 360.0
DEADLINE_S = 240.0


@pytest.fixture
def untouched() -> Iterator[socket.socket]:
    """Where `AIMASS_BROKER` leads, and whoever connects is found out."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        yield server
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.fixture
def env(tmp_path: Path, untouched: socket.socket) -> dict[str, str]:
    """A person's environment: a broker, a state folder, and scratch folders where we see them."""
    (tmp_path / "scratch").mkdir()
    return {
        **os.environ,
        "AIMASS_BROKER": f"kafka://127.0.0.1:{untouched.getsockname()[1]}",
        "AIMASS_STATE": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path / "scratch"),
    }


@contextmanager
def running(*args: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*ARGV, *args], cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pid in left_behind(env):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def left_behind(env: dict[str, str]) -> list[int]:
    """Processes that work in the scratch folder or on it: workers, models, Kafka."""
    found, scratch = [], env["TMPDIR"]
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            state = process.environ().get("AIMASS_STATE", "")
            if state.startswith(scratch) or process.cwd().startswith(scratch):
                found.append(process.pid)
    return found


def wait_for(reached: Callable[[], bool], what: str, log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not reached():
        assert time.monotonic() < deadline, f"not: {what}\n{log.read_text()}"
        time.sleep(0.05)


@pytest.mark.timeout(300)
def test_a_small_application_loses_nothing_and_ctrl_c_ends_everything_and_still_tells(
    env: dict[str, str], tmp_path: Path
) -> None:
    log, file = tmp_path / "log", tmp_path / "report.json"
    faults = ("kill -9 a worker", "the learner", "wrote arrives twice", "a storm")
    only = [word for fault in faults for word in ("--only", fault)]
    with running(*SMALL, *only, "--report", str(file), env=env, log=log) as process:
        # Half of what it starts is not there yet.
        starting = "on workers: starting the application"
        wait_for(lambda: starting in log.read_text(), "the storm's workers start", log)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, log.read_text()
        assert left_behind(env) == []
    report: dict[str, Any] = orjson.loads(file.read_bytes())
    assert report["seed"] == 7
    assert report["app"] == "small-app"
    assert report["passed"] is False, "it was not run to its end"
    killed, skipped, twice = report["faults"]
    assert (killed["lost"], killed["differing"], killed["verdict"]) == (0, 0, "pass")
    assert killed["in_hand"] > 0
    assert killed["recovery_s"] > 0
    assert skipped["verdict"] == "skipped"
    assert "a learner" in skipped["why"]
    assert twice["verdict"] == "pass"
    # The copies themselves, and what the agent behind them answers to each.
    assert twice["duplicated"] == 2 * twice["measured"]["copies"] > 0
    assert list(Path(env["TMPDIR"]).iterdir()) == []
    assert "aimass verify --seed 7" in log.read_text()
    assert "3 faults: 2 passed, 0 failed, 1 skipped." in log.read_text()


@pytest.mark.timeout(120)
def test_an_application_that_names_a_broker_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    log, named = tmp_path / "log", {"TEST_BROKER": env["AIMASS_BROKER"]}
    with running(*SMALL, env={**env, **named}, log=log) as process:
        assert process.wait(110) == 78, log.read_text()
    assert f"connects to {env['AIMASS_BROKER']}" in log.read_text()


def test_faults_have_names_of_their_own() -> None:
    faults = choose([], quick=False)
    assert len({fault.name for fault in faults}) == len(faults)
    assert {fault.name for fault in choose([], quick=True)} < {fault.name for fault in faults}
    assert choose(["storm"], quick=True) == [fault for fault in faults if "storm" in fault.name]


@pytest.mark.parametrize(("name", "what"), [("nonsense", "no fault"), ("kill", "several faults")])
def test_a_name_of_no_single_fault_is_refused(name: str, what: str) -> None:
    result = CliRunner().invoke(app, ["verify", "--only", name])
    assert result.exit_code == 2
    assert what in result.output
    assert "kill -9 a worker" in result.output


@pytest.mark.timeout(900)  # the models may have to be trained first
def test_the_reference_application_stands_what_kills_and_what_fails(
    env: dict[str, str], models_folder: Path, tmp_path: Path
) -> None:
    """One fault of each kind; `make verify` does them all."""
    faults = ["kill -9 a worker", "kill -9 the device process", "a model raises on one record"]
    log, file = tmp_path / "log", tmp_path / "report.json"
    env["AIMASS_MODELS"] = str(models_folder)
    only = [word for fault in faults for word in ("--only", fault)]
    with running("verify", *only, "--report", str(file), env=env, log=log) as process:
        code = process.wait(BUDGET_S)
    report: dict[str, Any] = orjson.loads(file.read_bytes())
    rows = {row["fault"]: row for row in report["faults"]}
    assert set(rows) == set(faults)
    assert {name: row["why"] for name, row in rows.items() if row["verdict"] != "pass"} == {}
    assert sum(row["lost"] + row["differing"] for row in rows.values()) == 0
    assert code == 0, log.read_text()
