"""The application under verification: what it declares of itself, and what is sent to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aimass_stream.kafka.topics import TopicPlan
from aimass_stream.records import Example
from aimass_stream.verify.oracle import Watched


class Need(StrEnum):
    """What an application must have for a fault to mean anything; the text is for people."""

    MODEL = "a model in a device process"
    LEARNER = "a learner"
    CHECKED = "a source topic whose records are checked"
    CHAIN = "an agent that reads what another writes"
    STRIKABLE = (
        "a model in a device process that is given what is sent (inline models are not struck)"
    )


@dataclass(frozen=True, slots=True)
class Application:
    """An application as `aimass verify` knows it.

    Attributes:
        package: what `aimass worker --app` is given.
        id: its consumer group, and the prefix of its own topics.
        folder: its project; workers are started here.
        agents: all its agents, with the topics they read and write.
        plans: every topic it needs.
        inputs: what is sent, by source topic, over and over.
        kinds: names of the record types of the source topics.
        checked: those source topics whose record type refuses bytes that are no record.
        offers: what it has.
    """

    package: str
    id: str
    folder: Path
    agents: Sequence[Watched]
    plans: Sequence[TopicPlan]
    inputs: Mapping[str, Sequence[Example]]
    kinds: Mapping[str, str]
    checked: frozenset[str]
    offers: frozenset[Need]

    @property
    def sources(self) -> Sequence[str]:
        """The topics that are filled from outside, in order of name."""
        return sorted(self.inputs)

    @property
    def checked_sources(self) -> Sequence[str]:
        """The source topics that refuse what is no record of theirs, in order of name."""
        return sorted(self.checked & self.inputs.keys())

    def readers(self, topic: str) -> Sequence[Watched]:
        """The agents on a topic."""
        return [agent for agent in self.agents if agent.topic == topic]

    def writers(self, topic: str) -> Sequence[Watched]:
        """The agents whose answers go to a topic."""
        return [agent for agent in self.agents if agent.to == topic]
