"""The app: a Faust app whose agents may also read the engine's topics.

`App.agent` given one of our `Topic`s declares an engine agent; given anything Faust knows, it
declares a plain Faust agent. Both run in the same worker, beside Faust's tables and pages.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar, cast, overload

import faust
from aiokafka.partitioner import DefaultPartitioner
from faust.agents import AgentFun
from faust.transport.drivers import aiokafka as driver
from faust.types import AgentT

from aimass_stream.config import Settings, settings
from aimass_stream.errors import AimassError, BrokerError, ConfigError
from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.delivery import Outlet
from aimass_stream.kafka.embedded import find_broker
from aimass_stream.kafka.intake import Intake
from aimass_stream.kafka.membership import Membership
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.producer import Producer
from aimass_stream.kafka.topics import TopicPlan, create_topics, topic_config
from aimass_stream.kafka.transport import Transport
from aimass_stream.model import Model
from aimass_stream.records import Limits, Record, Topic
from aimass_stream.runtime.body import Agent, Body
from aimass_stream.runtime.models import Models
from aimass_stream.runtime.scored import ScoredStream
from aimass_stream.runtime.streams import Stream
from aimass_stream.runtime.supervisor import SLOT

R = TypeVar("R", bound=Record)
A = TypeVar("A")
B = TypeVar("B")
BodyT = TypeVar("BodyT", bound=Body)

FAUST_SETTINGS: dict[str, Any] = {
    "broker_commit_interval": 1.0,
    "broker_session_timeout": 10.0,
    "broker_heartbeat_interval": 3.0,
    "broker_max_poll_records": 1024,
    "consumer_auto_offset_reset": "earliest",
    "producer_acks": -1,
    "producer_request_timeout": 60.0,
    "store": "memory://",
    "stream_wait_empty": True,
    "topic_disable_leader": True,
    "web_bind": "127.0.0.1",
    "web_tables_enabled": False,
    "web_router_enabled": False,
    "worker_redirect_stdouts": False,
}
"""Faust's defaults that lose time, memory or privacy, set otherwise."""


class App(faust.App):
    """An application: agents over topics, run by `aimass worker` or `faust worker`.

    Args:
        name: names the consumer group and the app's own topics.
        origin: the package of the agents; each of its modules is imported at start.
        options: Faust settings, where an app needs one of its own.
    """

    def __init__(self, name: str, *, origin: str = "agents", **options: Any) -> None:
        super().__init__(
            name, **{**FAUST_SETTINGS, "autodiscover": [origin], "origin": origin, **options}
        )
        self.engine_agents: dict[str, Agent] = {}
        self.end_reason: BaseException | None = None
        self._models: Models | None = None
        self._intake: Intake | None = None

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
            agent = Agent(name or body.__name__, channel, to, body)
            declared = self.engine_agents.get(agent.name)
            if declared is not None and declared.body is not body:
                raise ConfigError(f"Two agents are named {agent.name}; give one another name=")
            self.engine_agents[agent.name] = agent
            return body

        return declare

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

    # -- what a worker runs on -----------------------------------------------------------

    @property
    def models(self) -> Models:
        """The models of this worker."""
        if self._models is None:
            self._models = Models(settings(), self.end_worker)
        return self._models

    @property
    def intake(self) -> Intake:
        """The engine's feeds on this worker."""
        if self._intake is None:
            conf = settings()
            limits = Limits(payload_bytes=conf.max_payload_bytes)
            self._intake = Intake(limits, conf.buffer_bytes, self.end_worker)
        return self._intake

    @cached_property
    def membership(self) -> Membership:
        """This worker's place in the consumer group."""
        slot = os.environ.get(SLOT, str(os.getpid()))
        return Membership(settings().state / "run" / f"{self.conf.id}.{slot}.json")

    async def on_first_start(self) -> None:
        """Make the folder of the app's data."""
        self.conf.datadir.parent.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_start(self) -> None:
        """Create topics and feeds before Faust's consumer starts."""
        await super().on_start()
        self.discover()
        conf = settings()
        partitions = await create_topics(
            self._client_settings(), self._plan_topics(conf), replication(conf)
        )
        if await self.membership.give_up_predecessor(self._client_settings()):
            self.log.info("left the group for a worker that was killed")
        self.intake.serve(self.engine_agents.values(), self._outlet(partitions))
        for topic in self.intake.topics:
            self.topics.add(self.topic(topic))

    async def on_stop(self) -> None:
        """Stop Faust's consumer, then what the bodies ran on."""
        await super().on_stop()
        await self.intake.close()
        self.membership.forget()
        if self._models is not None:
            await self._models.close()

    def end_worker(self, error: BaseException) -> None:
        """End this worker: the fate of a record, or the app itself, is in doubt.

        The first reason is kept, its `exit_code` becomes the process's.
        """
        if self.end_reason is None:
            self.end_reason = error
            if isinstance(error, AimassError):
                self.log.error("%s", error)
            else:
                self.log.error("the worker ends: %r", error, exc_info=error)
            self.add_future(self.crash(error))

    # -- topics --------------------------------------------------------------------------

    def _plan_topics(self, conf: Settings) -> Iterator[TopicPlan]:
        sources: dict[str, int] = {}
        for agent in self.engine_agents.values():
            sources[agent.topic.name] = agent.topic.partitions or conf.partitions
        answers = {
            agent.to.name: agent.to.partitions or sources[agent.topic.name]
            for agent in self.engine_agents.values()
            if agent.to is not None
        }
        compacted = {
            topic.name
            for agent in self.engine_agents.values()
            for topic in (agent.topic, agent.to)
            if topic is not None and topic.compacted
        }
        own = (outcomes_topic(self.conf.id), dead_letters_topic(self.conf.id))
        for name, count in {**answers, **sources, **dict.fromkeys(own, conf.partitions)}.items():
            yield TopicPlan(name, count, topic_config(compacted=name in compacted))

    def _outlet(self, partitions: dict[str, int]) -> Outlet:
        answered = {a.to.name: a.topic.name for a in self.engine_agents.values() if a.to}
        hashed = DefaultPartitioner()

        def answer_partition(topic: str, partition: int, key: bytes | None) -> int:
            count = partitions[topic]
            if count == partitions[answered[topic]] or key is None:
                return partition % count
            return int(hashed(key, list(range(count)), list(range(count))))

        app_id = self.conf.id
        own = min(partitions[outcomes_topic(app_id)], partitions[dead_letters_topic(app_id)])
        return Outlet(
            app_id, cast(Producer, self.producer), self.models.payloads.put, answer_partition, own
        )

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

    def _client_settings(self) -> dict[str, Any]:
        conf = self.conf
        return {
            "bootstrap_servers": driver.server_list(conf.broker, Transport.default_port),
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        }


def broker_url(conf: Settings) -> str:
    """The broker to use: the one configured, else the embedded one if it runs.

    Raises:
        BrokerError: neither.
    """
    if conf.broker:
        return conf.broker
    found = find_broker(conf.state)
    if found is None:
        raise BrokerError(
            f"No broker: AIMASS_BROKER is not set and none runs under {conf.state}. "
            "Start one: aimass kafka start"
        )
    return found.url


def replication(conf: Settings) -> int:
    """Replicas of a created topic: 1 on the embedded broker, 3 elsewhere, unless configured."""
    return conf.replication or (3 if conf.broker else 1)
