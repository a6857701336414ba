"""The app: a Faust app whose agents may also read the engine's topics.

`App.agent` given one of our `Topic`s declares an engine agent; given anything Faust knows, it
declares a plain Faust agent. Both run in the same worker, beside Faust's tables and pages.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, TypeVar, cast, overload

import faust
import mode
from faust.agents import AgentFun
from faust.transport.drivers import aiokafka as driver
from faust.types import AgentT
from faust.types.tuples import TP

from aimass_stream.config import settings
from aimass_stream.errors import BrokerError, ConfigError, LostOutcomeError
from aimass_stream.kafka.changelogs import Changelogs
from aimass_stream.kafka.health import HealthWatch
from aimass_stream.kafka.intake import Intake
from aimass_stream.kafka.membership import Membership
from aimass_stream.kafka.notes import Notes, plan_state
from aimass_stream.kafka.outlets import check_logs, make_outlet, plan_topics
from aimass_stream.kafka.pages import Pages, show_live, show_metrics, show_ready
from aimass_stream.kafka.producer import Producer
from aimass_stream.kafka.replay import Logs
from aimass_stream.kafka.settings import FAUST_SETTINGS, broker_url, replication
from aimass_stream.kafka.tables import Tables
from aimass_stream.kafka.topics import create_topics
from aimass_stream.kafka.transport import Consumer, Transport
from aimass_stream.learner import LOG_SUFFIX, Learner
from aimass_stream.model import Model
from aimass_stream.records import Limits, Record, Topic
from aimass_stream.runtime.body import Agent, Body
from aimass_stream.runtime.failure_limit import FailureLimit
from aimass_stream.runtime.feeds import forward, forward_answers
from aimass_stream.runtime.heap import settle_heap
from aimass_stream.runtime.learning import Learning
from aimass_stream.runtime.loop_watch import LoopWatch
from aimass_stream.runtime.models import Models
from aimass_stream.runtime.scored import ScoredStream
from aimass_stream.runtime.streams import Stream
from aimass_stream.runtime.supervisor import SLOT

R = TypeVar("R", bound=Record)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
BodyT = TypeVar("BodyT", bound=Body)

END_BUDGET_S = 12.0
"""How long the end of a worker may take: less than its supervisor waits, so that it says why."""


class App(faust.App):
    """An application: agents over topics, run by `aimass worker` or `faust worker`.

    Args:
        name: names the consumer group and the app's own topics.
        origin: the package of the agents; each of its modules is imported at start.
        options: Faust settings, where an app needs one of its own.
    """

    def __init__(self, name: str, *, origin: str = "agents", **options: Any) -> None:
        own = {"TableManager": Tables, "autodiscover": [origin], "origin": origin}
        super().__init__(name, **{**FAUST_SETTINGS, **own, **options})
        self.engine_agents: dict[str, Agent] = {}
        self.end_reason: BaseException | None = None
        self._models: Models | None = None
        self._learning: Learning | None = None
        self._is_replay = False
        self._logs: set[str] = set()
        self._intake: Intake | None = None
        self.page("/metrics")(show_metrics)
        self.page("/livez")(show_live)
        self.page("/readyz")(show_ready)

    # -- declaring -----------------------------------------------------------------------

    @overload
    def agent(
        self, channel: Topic[Any], *, to: Topic[Any] | None = None, name: str | None = None
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
            name: names the agent in outcomes and dead letters; the function's name by default.
            options: for plain Faust agents.

        Raises:
            ConfigError: two agents have one name.
        """
        if not isinstance(channel, Topic):
            return super().agent(channel, name=name, **options)

        def declare(body: BodyT) -> BodyT:
            self._declare(Agent(name or str(getattr(body, "__name__", "")), channel, to, body))
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
        self._logs.add(name)
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
            ConfigError: the learner is fed with this topic already.
        """
        body: Body = forward if through is None else partial(forward_answers, self.score, through)
        self._declare(Agent(f"{learner.name}.{topic.name}", topic, self.log_of(learner), body))

    # -- what a worker runs on -----------------------------------------------------------

    @property
    def models(self) -> Models:
        """The models of this worker."""
        if self._models is None:
            self._models = Models(settings(), self.end_worker)
        return self._models

    def replay_on(self, models: Models) -> None:
        """Let bodies run on these models in a process that is no worker, and learns nothing."""
        self._models = models
        self._is_replay = True

    @property
    def learning(self) -> Learning:
        """The learners of this worker.

        Raises:
            ConfigError: this process replays, and a learner learns only in the order of its log.
        """
        if self._is_replay:
            raise ConfigError(
                "This agent learns, and a learner learns only in the order of its log. Replay "
                "its dead letters to their source topic instead, without --to-model."
            )
        if self._learning is None:
            logs = Logs(self._client_settings, self.intake, lambda: self.notes)
            self._learning = Learning(settings(), self.conf.id, logs, self.end_worker)
        return self._learning

    @property
    def intake(self) -> Intake:
        """The engine's feeds on this worker."""
        if self._intake is None:
            conf = settings()
            limits = Limits(payload_bytes=conf.max_payload_bytes)
            limit = partial(FailureLimit, share=conf.failure_share, window=conf.failure_window)
            self._intake = Intake(limits, limit, conf.buffer_bytes, self.end_worker)
        return self._intake

    @property
    def kafka(self) -> Consumer:
        """The consumer."""
        return cast(Consumer, self.consumer)

    @cached_property
    def watch(self) -> HealthWatch:
        """Who looks at how this worker is."""
        return HealthWatch(self, self._client_settings, settings().stall_s, self.end_worker)

    @cached_property
    def loop_watch(self) -> LoopWatch:
        """Who notices when the event loop stands still."""
        return LoopWatch(settings().stall_s)

    @cached_property
    def membership(self) -> Membership:
        """This worker's place in the consumer group."""
        slot = os.environ.get(SLOT, str(os.getpid()))
        return Membership(settings().state / "run" / f"{self.conf.id}.{slot}.json")

    @cached_property
    def notes(self) -> Notes:
        """What was noted of this app's state."""
        deliver = cast(Producer, self.producer).deliver
        return Notes(self.conf.id, self._client_settings, deliver)

    @cached_property
    def changelogs(self) -> Changelogs:
        """What the changelogs of this app's tables held."""
        return Changelogs(self.notes, self._client_settings, settings().accept_loss)

    async def on_first_start(self) -> None:
        """Make the folder of the app's data."""
        self.conf.datadir.parent.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_start(self) -> None:
        """Create topics and feeds before Faust's consumer starts."""
        await super().on_start()
        self.loop_watch.start()
        self.discover()
        conf = settings()
        plans = list(plan_topics(self.engine_agents.values(), self.conf.id, conf.partitions))
        plans.append(plan_state(self.conf.id))
        partitions = await create_topics(self._client_settings(), plans, replication(conf))
        check_logs(self._logs, partitions)
        if await self.membership.give_up_predecessor(self._client_settings()):
            self.log.info("left the group for a worker that was killed")
        agents = self.engine_agents.values()
        producer, store = cast(Producer, self.producer), self.models.payloads.put
        self.intake.serve(agents, make_outlet(self.conf.id, agents, partitions, producer, store))
        for topic in self.intake.topics:
            self.topics.add(self.topic(topic))
        self.add_future(self.watch.run())
        settle_heap()

    async def on_stop(self) -> None:
        """Stop Faust's consumer, then what the bodies ran on; bounded, whatever hangs."""
        if self.end_reason is None:
            self._bound_end(LostOutcomeError("it hangs; what is not committed is read again"))
        await super().on_stop()
        await self.intake.close()
        await self.changelogs.close()
        await self.notes.close()
        self.membership.forget()
        if self._models is not None:
            await self._models.close()
        if self._learning is not None:
            await self._learning.close()

    async def on_shutdown(self) -> None:
        """Everything has ended; nothing has to be watched any more."""
        await super().on_shutdown()
        self.loop_watch.stop()

    def end_worker(self, error: BaseException) -> None:
        """End this worker: the fate of a record, or the app itself, is in doubt.

        It drains as on SIGTERM, so that what is done gets committed. The first reason is kept,
        its `exit_code` becomes the process's, and it is said when all else has ended.
        """
        if self.end_reason is not None:
            return
        self.end_reason = error
        self._bound_end(error)
        worker = self.beacon.root.data if self.beacon.root is not None else None
        if isinstance(worker, mode.Worker):
            worker.crash_reason = error
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self.add_future(self.crash(error))

    def note_unfinished(self, offsets: Mapping[TP, int]) -> None:
        """The drain could not put everything on the broker, so it did not do what it should."""
        if self.end_reason is None:
            places = ", ".join(f"{tp.topic}/{tp.partition} from {at}" for tp, at in offsets.items())
            self.end_reason = BrokerError(
                f"the drain was cut short: Kafka did not take all that was done. {places} will be "
                "read and answered again, under the same ids"
            )
            self._bound_end(self.end_reason)

    def _bound_end(self, error: BaseException) -> None:
        self.loop_watch.end_within(END_BUDGET_S, getattr(error, "exit_code", 1), str(error))

    def _on_autodiscovery_error(self, name: str) -> None:
        """An agent that is not imported would leave its records unread: nothing is started.

        Raises:
            ConfigError: always; Faust itself would go on without the module.
        """
        error = sys.exc_info()[1]
        trace = "".join(traceback.format_exception(error))
        raise ConfigError(f"{name} cannot be imported: {error!r}\n{trace}".rstrip()) from error

    # -- Faust's own settings ------------------------------------------------------------

    def _load_settings(self, *, silent: bool = False) -> Any:
        conf = settings()
        name, options = self._default_options
        known = {
            "datadir": str(conf.state / "faust" / name),
            "web_port": conf.web_port,
            "topic_partitions": conf.partitions,
            "topic_replication_factor": replication(conf),
        }
        if "broker" not in options:
            known["broker"] = broker_url(conf)
        self._default_options = (name, {**known, **options})
        return super()._load_settings(silent=silent)

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return Transport(self.conf.broker_producer, self)

    def _new_web(self) -> Any:
        return Pages(self)

    def _client_settings(self) -> dict[str, Any]:
        conf = self.conf
        return {
            "bootstrap_servers": driver.server_list(conf.broker, Transport.default_port),
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        }
