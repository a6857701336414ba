"""One real broker and one trained model for the whole run, and names nobody else uses."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from aimass_stream.kafka.embedded import lease_broker

ROOT = Path(__file__).parents[1]

# The same examples at every run, and no deadlines: other work on the machine fails no test.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


# In the background of a shell Ctrl-C is ignored, and would be by whatever the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def broker_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State folder of the run's broker."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def broker_url(broker_state: Path) -> Iterator[str]:
    """A real Kafka, one for the run; nothing is shared but the process."""
    with lease_broker(broker_state, say=print) as broker:
        yield broker.url


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with the demo's models, trained once for the run as the demo trains them."""
    folder = tmp_path_factory.mktemp("models")
    trainings = [
        subprocess.Popen(
            [sys.executable, "-m", "aimass_stream.training", name, str(folder)],
            cwd=ROOT,
            # A second thread gains little on models this small.
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("digits", "sounds", "messages")
    ]
    for training in trainings:
        _, said = training.communicate(timeout=400)
        assert training.returncode == 0, said
    return folder


@pytest.fixture
def topic_name() -> str:
    """A name for topics, groups and apps that nobody else uses."""
    return f"t{uuid4().hex[:10]}"


@pytest.fixture
def worker_env(broker_url: str, tmp_path: Path) -> dict[str, str]:
    """Environment of a process that works on the run's broker with a state of its own."""
    return {
        **os.environ,
        "AIMASS_BROKER": broker_url,
        "AIMASS_REPLICATION": "1",
        "AIMASS_STATE": str(tmp_path / "state"),
        "AIMASS_LOG_LEVEL": "INFO",
    }
