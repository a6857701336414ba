"""The app: a Faust app whose agents may also read the engine's topics.

`App.agent` given one of our `Topic`s declares an engine agent; given anything Faust knows, it
declares a plain Faust agent. Both run in the same worker, beside Faust's tables and pages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, overload

from faust.agents import AgentFun
from faust.types import AgentT

from aimass_stream.errors import ConfigError
from aimass_stream.kafka.worker_app import WorkerApp
from aimass_stream.learner import LOG_SUFFIX, Learner
from aimass_stream.model import Model
from aimass_stream.records import GeneratedPart, Record, Topic
from aimass_stream.runtime.body import Agent, Body
from aimass_stream.runtime.feeds import forward, forward_answers, forward_with_models
from aimass_stream.runtime.scored import ScoredStream
from aimass_stream.runtime.streams import Stream

R = TypeVar("R", bound=Record)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
BodyT = TypeVar("BodyT", bound=Body)


class App(WorkerApp):
    """An application: agents over topics, run by `aimass worker` or `faust worker`.

    Args:
        name: names the consumer group and the app's own topics.
        origin: the package of the agents; each of its modules is imported at start.
        options: Faust settings, where an app needs one of its own.
    """

    @overload
    def agent(
        self,
        channel: Topic[Any],
        *,
        to: Topic[Any] | None = None,
        parts: Topic[GeneratedPart] | None = None,
        name: str | None = None,
    ) -> Callable[[BodyT], BodyT]: ...

    @overload
    def agent(
        self, channel: Any = None, **options: Any
    ) -> Callable[[AgentFun[Any]], AgentT[Any]]: ...

    def agent(
        self,
        channel: Any = None,
        *,
        to: Topic[Any] | None = None,
        parts: Topic[GeneratedPart] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> Callable[[Any], Any]:
        """Declare an agent.

        Given a `Topic`, the function is a body over a `Stream` of its records: an async
        generator whose yields go to `to`, or a coroutine that yields nothing. The engine runs
        one call per partition. Given a Faust topic or channel, this is Faust's own decorator.

        Args:
            channel: the topic the records come from.
            to: the topic of the answers.
            parts: a side topic for pieces of answers, while a model that writes is writing them.
            name: names the agent in outcomes and dead letters; the function's name by default.
            options: for plain Faust agents.

        Raises:
            ConfigError: two agents have one name.
        """
        if not isinstance(channel, Topic):
            return super().agent(channel, name=name, **options)

        def declare(body: BodyT) -> BodyT:
            agent_name = name or str(getattr(body, "__name__", ""))
            self._declare(Agent(agent_name, channel, to, body, parts))
            return body

        return declare

    def _declare(self, agent: Agent) -> None:
        declared = self.engine_agents.get(agent.name)
        if declared is not None and declared.body is not agent.body:
            raise ConfigError(f"Two agents are named {agent.name}; give one another name=")
        self.engine_agents[agent.name] = agent

    @overload
    def score(self, model: Model[A], stream: Stream[R], /) -> ScoredStream[R, A]: ...

    @overload
    def score(
        self, model: Model[A], other: Model[B], stream: Stream[R], /
    ) -> ScoredStream[R, A, B]: ...

    def score(self, *models_and_stream: Any) -> ScoredStream[Any, *tuple[Any, ...]]:
        """Join a stream with the answers of one or more models.

        Gives `(record, answer, ...)` in offset order; `.batches()` gives columns instead. A
        record that a model cannot answer is dead-lettered and not handed out.
        """
        *models, stream = models_and_stream
        return ScoredStream(self.models, models, stream)

    @overload
    def learn(self, learner: Learner[A], stream: Stream[R], /) -> ScoredStream[R, A]: ...

    @overload
    def learn(
        self, learner: Learner[A], other: Learner[B], stream: Stream[R], /
    ) -> ScoredStream[R, A, B]: ...

    @overload
    def learn(
        self, learner: Learner[A], other: Learner[B], third: Learner[C], stream: Stream[R], /
    ) -> ScoredStream[R, A, B, C]: ...

    def learn(self, *learners_and_stream: Any) -> ScoredStream[Any, *tuple[Any, ...]]:
        """Score the records of a stream with learners, which then learn from them.

        Gives `(record, answer, ...)` in offset order, as `score` does; a record that no answer
        is due for is quiet and not handed out. The partition is the learner's log, so each
        partition has a state of its own; a state for all of them learns from `log_of(learner)`.
        """
        *learners, stream = learners_and_stream
        return ScoredStream(self.learning.on(stream), learners, stream)

    def log_of(self, learner: Learner[Any]) -> Topic[Record]:
        """The one-partition topic that a learner shared by all partitions learns from.

        Declare an agent on it to answer, and `feed` it with whatever it is to learn.
        """
        name = f"{self._default_options[0]}.{learner.name}{LOG_SUFFIX}"
        self.learner_logs.add(name)
        return Topic(name, Record, partitions=1)

    def feed(
        self, learner: Learner[Any], topic: Topic[Any], *, through: Model[Any] | None = None
    ) -> None:
        """Write the records of a topic to a learner's log, in the order it will learn them.

        Args:
            learner: whose log.
            topic: what it learns from.
            through: a model whose answers are written instead of the records.

        Raises:
            ConfigError: the learner is fed with this topic already, or wants to know models
                and is given one to go through.
        """
        if learner.reads_models and through is not None:
            raise ConfigError(
                f"{learner.id} reads answers with their models: feed it the topic of the answers"
            )
        body: Body = forward_with_models if learner.reads_models else forward
        if through is not None:
            body = partial(forward_answers, self.score, through)
        self._declare(Agent(f"{learner.name}.{topic.name}", topic, self.log_of(learner), body))
