"""What the app of this folder declares, found out in a process of its own.

Importing an app takes seconds and runs the project's code, which may print, hang or fail. So a
command that only wants to know runs `python -m aimass_stream.cli.app_report APP` and reads the
answer; nothing is connected to a broker.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from aimass_stream.cli.lacks import Lack, lacks_of
from aimass_stream.cli.terminal import say
from aimass_stream.config import settings
from aimass_stream.error_text import explain
from aimass_stream.errors import ConfigError
from aimass_stream.kafka.topics import TopicPlan
from aimass_stream.records import Example, Record, Topic
from aimass_stream.records.payload import PayloadRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aimass_stream.app import App
    from aimass_stream.model import Model

T = TypeVar("T")

IMPORT_S = 120.0
"""How long an app may take to import; a machine that has much else to do is slow at it."""
SILENT_S = 3.0
"""After that a person at a terminal is told what is waited for."""
# Nothing is connected, yet an app without a broker does not load.
_RECORDS = "aimass_stream.records."
NO_BROKER = "kafka://127.0.0.1:9"
"""Where nobody listens."""


class AgentReport(msgspec.Struct, frozen=True):
    """An agent, and how many partitions its topics are declared to have; None leaves it open.

    Attributes:
        to: the topic of its answers; None where it has none.
        kinds: which record types of the engine those of its topic are, the nearest first; none
            where the topic takes any record.
    """

    name: str
    topic: str
    partitions: int | None
    to: str | None
    to_partitions: int | None
    kinds: list[str] = []


class ModelReport(msgspec.Struct, frozen=True, order=True):
    """A model that lies somewhere.

    Attributes:
        location: where.
        task: what it is declared for; empty where its declaration names none.
        adapter: `module:Class` of what loads it; empty for a learner.
    """

    location: str
    task: str = ""
    adapter: str = ""


class SourceReport(msgspec.Struct, frozen=True):
    """A topic that is filled from outside: agents of the app read it, and none writes it.

    Attributes:
        record: its record type.
        checked: whether that type refuses bytes that are no such record.
    """

    topic: str
    record: str
    checked: bool


class AppReport(msgspec.Struct, frozen=True):
    """What an app declares.

    Attributes:
        id: names its group.
        own_topics: its outcomes and its dead letters.
        plans: the topics it needs, as a worker creates them.
        models: those with a location that modules of this folder hold.
        learners: names of the learners that modules of this folder hold.
        sources: the topics that are filled from outside, by name.
        brokers: where it connects to.
        examples: records to send to each of the sources, where they were asked for.
        lacks: what those models and learners need and this environment has not.
    """

    id: str
    own_topics: list[str]
    agents: list[AgentReport]
    models: list[ModelReport]
    plans: list[TopicPlan] = []
    learners: list[str] = []
    sources: list[SourceReport] = []
    brokers: list[str] = []
    examples: dict[str, list[Example]] = {}
    lacks: list[Lack] = []


class AppQuestion:
    """Asks for the report of an app; the process starts at once and runs beside the caller.

    Args:
        name: the package, as for `aimass worker --app`.
        env: variables it gets beside this process's own.
        examples: how many records to draw for each source topic.
        seed: of what is drawn.
    """

    def __init__(
        self,
        name: str,
        env: Mapping[str, str] | None = None,
        *,
        examples: int = 0,
        seed: int = 0,
    ) -> None:
        self._name = name
        argv = [sys.executable, "-m", "aimass_stream.cli.app_report", name]
        argv += [str(examples), str(seed)]
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"AIMASS_BROKER": NO_BROKER, **os.environ, **(env or {})},
        )

    def answer(self, within_s: float = IMPORT_S, way_out: str = "") -> AppReport:
        """Wait for the report.

        Args:
            within_s: for so long.
            way_out: what a person may do instead where it takes longer, as a sentence.

        Raises:
            ConfigError: the app cannot be imported, or takes longer than that.
        """
        try:
            report, errors = self._wait(within_s)
        except subprocess.TimeoutExpired:
            self.drop()
            advice = (
                f"Importing {self._name} takes longer than {within_s:g} s.",
                way_out,
                "Try again when the machine has less to do, or move what takes long out of its "
                "modules, into a model or an agent.",
            )
            raise ConfigError(" ".join(filter(None, advice))) from None
        if self._process.returncode:
            lines = errors.decode(errors="replace").strip().splitlines()
            raise ConfigError(lines[-1] if lines else f"Importing {self._name} failed.")
        return msgspec.json.decode(report, type=AppReport)

    def _wait(self, within_s: float) -> tuple[bytes, bytes]:
        silent_s = min(SILENT_S, within_s)
        with suppress(subprocess.TimeoutExpired):
            return self._process.communicate(timeout=silent_s)
        if sys.stderr.isatty():
            say(f"Importing {self._name}, to see what it declares ...")
        return self._process.communicate(timeout=within_s - silent_s)

    def drop(self) -> None:
        """End the process; nobody waits for its report."""
        self._process.kill()
        self._process.communicate()


def report_app(app: App, examples: int = 0, seed: int = 0) -> AppReport:
    """What an app declares, all of its agents imported.

    Args:
        app: the app.
        examples: how many records to draw for each source topic.
        seed: of what is drawn.
    """
    from aimass_stream.kafka.dead_letters import dead_letters_topic
    from aimass_stream.kafka.outcomes import outcomes_topic
    from aimass_stream.kafka.outlets import plan_topics
    from aimass_stream.learner import Learner
    from aimass_stream.model import Model

    app.discover()
    app_id = app.conf.id
    models, learners = list(_held(Path.cwd(), Model)), list(_held(Path.cwd(), Learner))
    own_topics = [outcomes_topic(app_id), dead_letters_topic(app_id)]
    agents = [
        AgentReport(
            name=agent.name,
            topic=agent.topic.name,
            partitions=agent.topic.partitions,
            to=agent.to.name if agent.to else None,
            to_partitions=agent.to.partitions if agent.to else None,
            kinds=_kinds(agent.topic.type),
        )
        for agent in app.engine_agents.values()
    ]
    sources = _sources(app)
    plans = list(plan_topics(app.engine_agents.values(), app_id, settings().partitions))
    return AppReport(
        app_id,
        own_topics,
        agents,
        models=sorted(
            _located(models) | {ModelReport(one.location) for one in learners if one.location}
        ),
        plans=plans,
        learners=sorted({learner.name for learner in learners}),
        sources=[
            SourceReport(name, topic.type.__name__, checked=topic.type is not Record)
            for name, topic in sources.items()
        ],
        brokers=[str(url) for url in app.conf.broker],
        examples={name: topic.type.examples(examples, seed) for name, topic in sources.items()}
        if examples
        else {},
        lacks=lacks_of(models, learners),
    )


def held_models() -> Iterator[Model[Any]]:
    """The models that imported modules hold, wherever these lie."""
    from aimass_stream.model import Model

    return _held(Path(Path.cwd().anchor), Model)


def _held(project: Path, kind: type[T]) -> Iterator[T]:
    """What the modules of a folder hold of a kind."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and Path(path).is_relative_to(project):
            yield from (held for held in vars(module).values() if isinstance(held, kind))


def _located(models: Iterable[Model[Any]]) -> set[ModelReport]:
    """Where models lie, and what they are made of."""
    from aimass_stream.model import all_parts

    return {
        ModelReport(each.location, getattr(each, "task", ""), each.adapter)
        for model in models
        for each in (model, *all_parts(model))
        if each.location
    }


def _kinds(record: type[Any]) -> list[str]:
    """Names of the record types of the engine that say what a topic's payloads are."""
    known = [kind for kind in record.__mro__ if kind.__module__.startswith(_RECORDS)]
    return [kind.__name__ for kind in known if kind not in (Record, PayloadRecord)]


def _sources(app: App) -> dict[str, Topic[Any]]:
    """The topics that agents read and none writes, in order of name."""
    agents = app.engine_agents.values()
    written = {agent.to.name for agent in agents if agent.to is not None}
    topics = {agent.topic.name: agent.topic for agent in agents}
    return {name: topics[name] for name in sorted(topics.keys() - written)}


def main(name: str, examples: int, seed: int) -> int:
    """Print the report of an app as JSON, and nothing else, on standard output.

    Why there is none is the last line on standard error, with the place in the app's own code.
    """
    from aimass_stream.cli.worker_process import load_app

    try:
        with redirect_stdout(sys.stderr):
            report = report_app(load_app(name), examples, seed)
    except Exception as error:
        sys.stderr.write(f"{explain(error)}\n")
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
