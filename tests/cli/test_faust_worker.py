"""A project run by Faust's own command, without `aimass worker` above it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
import pytest

from aimass_stream.cli.scaffold.project import create_project
from aimass_stream.errors import Reason
from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.verify.oracle import Oracle, Watched
from tests.runtime.adapters import Answer
from tests.runtime.helpers import is_alive

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(150)]

ROOT = Path(__file__).parents[2]
FAUST = Path(sys.executable).with_name("faust")
DEVICE = "aimass_stream.runtime.device"
DEADLINE_S = 60.0

MODELS = """
from dataclasses import dataclass

from aimass_stream import Model
from tests.runtime.adapters import Answer


@dataclass(frozen=True)
class Obedient(Model[Answer]):
    adapter = "tests.runtime.adapters:Obedient"
    name = "obedient"
    version = "3"
    answer_type = Answer
    location = ""


obedient = Obedient()
"""
PROJECT = """
from collections.abc import AsyncIterator

from aimass_stream import App, Record, Stream, Topic
from models import Answer, obedient

app = App("{name}", origin="project")
source = Topic("{name}.source", Record)
answers = Topic("{name}.answers", Answer)


@app.agent(source, to=answers)
async def measure(stream: Stream[Record]) -> AsyncIterator[Answer]:
    async for record, answer in app.score(obedient, stream):
        yield answer
"""


AGENTS = """
from collections.abc import AsyncIterator

from agents.app import app
from aimass_stream import Record, Stream, Topic
from models.sizes import Answer, obedient

source = Topic("{name}.source", Record)
answers = Topic("{name}.answers", Answer)


@app.agent(source, to=answers)
async def measure(stream: Stream[Record]) -> AsyncIterator[Answer]:
    async for record, answer in app.score(obedient, stream):
        yield answer
"""


@dataclass(frozen=True)
class Project:
    """A folder with an app whose model needs a device process."""

    folder: Path
    app: str


@pytest.fixture(params=["modules", "packages"])
def project(request: pytest.FixtureRequest, topic_name: str, tmp_path: Path) -> Project:
    """Made of two modules, or of packages of the same names as those of this checkout."""
    if request.param == "modules":
        (tmp_path / "models.py").write_text(MODELS)
        (tmp_path / "project.py").write_text(PROJECT.format(name=topic_name))
        return Project(tmp_path, "project")
    write_packages(tmp_path, topic_name)
    return Project(tmp_path, "agents")


def write_packages(folder: Path, name: str) -> None:
    """What `aimass init --empty` makes, and one agent whose model is the project's own."""
    create_project(folder, empty=True, force=True)
    (folder / "agents/app.py").write_text(f"from aimass_stream import App\n\napp = App('{name}')\n")
    (folder / "agents/measure.py").write_text(AGENTS.format(name=name))
    (folder / "models/library.py").write_text("from tests.runtime.adapters import Obedient\n")
    own = MODELS.replace('"tests.runtime.adapters:', '"models.library:')
    (folder / "models/sizes.py").write_text(own)


@contextmanager
def faust_worker(project: Project, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`faust worker` in a project's folder; killed if it still runs."""
    with (project.folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [FAUST, "-A", project.app, "worker", "-l", "info", "--without-web"],
            cwd=project.folder,
            env={**env, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()


def devices_of(worker: subprocess.Popen[bytes]) -> list[int]:
    """The device process of a worker and its spare."""
    children = psutil.Process(worker.pid).children(recursive=True)
    return [child.pid for child in children if DEVICE in child.cmdline()]


async def send_forty(url: str, topic: str) -> None:
    async with Sender(url) as sender:
        for number in range(40):
            value = b"refused by it" if number == 13 else b"%d" % number * 7
            await sender.send(topic, value, key=b"%d" % number)


async def test_faust_worker_answers_with_a_device_process_of_its_own(
    broker_url: str, topic_name: str, worker_env: dict[str, str], project: Project
) -> None:
    source, answers = f"{topic_name}.source", f"{topic_name}.answers"
    topics = (source, answers, outcomes_topic(topic_name), dead_letters_topic(topic_name))
    client = {"bootstrap_servers": bootstrap_servers(broker_url)}
    await create_topics(client, [TopicPlan(topic, 4) for topic in topics], 1)
    await send_forty(broker_url, source)
    log = project.folder / "worker.log"
    async with Oracle(broker_url, topic_name, [Watched("measure", source, answers)]) as oracle:
        account = oracle.accounts["measure"]
        with faust_worker(project, worker_env) as worker:
            async with asyncio.timeout(DEADLINE_S):
                while len(account.arrived_ms) < 40 or not oracle.settled():
                    await oracle.follow()
                    assert worker.poll() is None, await asyncio.to_thread(log.read_text)
            devices = devices_of(worker)
            worker.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(worker.wait, DEADLINE_S)
    assert code == 0, log.read_text()
    assert devices
    assert not any(map(is_alive, devices))
    assert account.counts() == {"in": 40, "answered": 39, "quiet": 0, "dead_lettered": 1}
    assert list(account.dead.values()) == [Reason.TOO_LARGE]
    assert account.duplicated == 0
    sizes = [msgspec.json.decode(answer, type=Answer).size for answer in account.answers.values()]
    assert sorted(sizes) == sorted(len(b"%d" % n * 7) for n in range(40) if n != 13)
