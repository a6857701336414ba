"""A Faust app that runs engine agents: what a worker starts, watches and ends.

How agents are declared is `aimass_stream/app.py`.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any, cast

import faust
import mode
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP

from aimass_stream.config import settings
from aimass_stream.error_text import explain, place_of
from aimass_stream.errors import BrokerError, ConfigError, LostOutcomeError
from aimass_stream.kafka.assignment import Assignment
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
from aimass_stream.kafka.settling import await_coordinator
from aimass_stream.kafka.tables import Tables
from aimass_stream.kafka.topics import create_topics
from aimass_stream.kafka.transport import Consumer, Transport
from aimass_stream.learner import Learner
from aimass_stream.records import Limits
from aimass_stream.runtime.body import Agent
from aimass_stream.runtime.failure_limit import FailureLimit
from aimass_stream.runtime.heap import settle_heap
from aimass_stream.runtime.learning import Learning
from aimass_stream.runtime.loop_watch import LoopWatch
from aimass_stream.runtime.models import Models
from aimass_stream.runtime.project import find_project, put_first
from aimass_stream.runtime.supervisor import SLOT
from aimass_stream.runtime.usage import Want

END_BUDGET_S = 12.0
"""How long the end of a worker may take: less than its supervisor waits, so that it says why."""


class WorkerApp(faust.App):
    """What a worker runs: Faust's own parts, and the engine's beside them.

    Args:
        name: names the consumer group and the app's own topics.
        origin: the package of the agents; each of its modules is imported at start.
        options: Faust settings, where an app needs one of its own.

    Attributes:
        engine_agents: those that read the engine's topics, by name.
        learner_logs: topics of one partition that learners learn from.
        end_reason: why the worker ends, where that is not what was asked for.
    """

    def __init__(self, name: str, *, origin: str = "agents", **options: Any) -> None:
        own = {"TableManager": Tables, "autodiscover": [origin], "origin": origin}
        super().__init__(name, **{**FAUST_SETTINGS, **own, **options})
        self.engine_agents: dict[str, Agent] = {}
        self.learner_logs: set[str] = set()
        self.end_reason: BaseException | None = None
        self._models: Models | None = None
        self._learning: Learning | None = None
        self._is_replay = False
        self._intake: Intake | None = None
        self.page("/metrics")(show_metrics)
        self.page("/livez")(show_live)
        self.page("/readyz")(show_ready)

    @property
    def models(self) -> Models:
        """The models of this worker."""
        if self._models is None:
            self._models = Models(settings(), self.end_worker, self._why_idle)
        return self._models

    def _why_idle(self) -> Want:
        return self.watch.why_idle()

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
    def learns(self) -> bool:
        """Whether a learner is fed, or the module of an agent's body holds one."""
        modules = [getattr(agent.body, "__globals__", {}) for agent in self.engine_agents.values()]
        return bool(self.learner_logs) or any(
            isinstance(held, Learner) for module in modules for held in module.values()
        )

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
        conf = self.conf
        assignment = Assignment(conf.id, conf.broker_session_timeout, conf.broker_rebalance_timeout)
        stall_s = settings().stall_s
        return HealthWatch(self, self._client_settings, assignment, stall_s, self.end_worker)

    @property
    def unfilled(self) -> int:
        """Records that tables have yet to read of their changelogs; 0 where none is filled."""
        recovery = cast(Tables, self.tables).recovery
        return recovery.active_remaining_total() if recovery.in_recovery else 0

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

    # -- its beginning and its end -------------------------------------------------------

    async def on_first_start(self) -> None:
        """Make the folder of the app's data."""
        self.conf.datadir.parent.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_start(self) -> None:
        """Create topics and feeds before Faust's consumer starts."""
        await super().on_start()
        await_coordinator()
        self.loop_watch.start()
        self.discover()
        if self.learns:
            # Its imports take seconds, in which this worker joins the group.
            self.learning.begin()
        conf = settings()
        plans = list(plan_topics(self.engine_agents.values(), self.conf.id, conf.partitions))
        plans.append(plan_state(self.conf.id))
        partitions = await create_topics(self._client_settings(), plans, replication(conf))
        check_logs(self.learner_logs, partitions)
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
            # Not by the signal itself: it is lost where so much waits for a busy loop that the
            # pipe it is told through is full.
            worker.loop.call_soon_threadsafe(worker._on_sigterm)  # noqa: SLF001 - no public door
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

    def discover(self, *extra_modules: str, **options: Any) -> None:
        """Import the modules of the agents, those of their own project before any other's.

        `faust worker` has the working directory on the path only while it imports the app.

        Raises:
            ConfigError: a module cannot be imported.
        """
        folder = find_project(str(self.conf.origin))
        if folder is not None:
            put_first(folder)
        super().discover(*extra_modules, **options)

    def _on_autodiscovery_error(self, name: str) -> None:
        """An agent that is not imported would leave its records unread: nothing is started.

        Raises:
            ConfigError: always; Faust itself would go on without the module.
        """
        error = cast(BaseException, sys.exc_info()[1])
        # Without a place in the project's own code, the trace is all that says where.
        trace = "" if place_of(error) else "".join(traceback.format_exception(error))
        raise ConfigError(
            f"{name} cannot be imported: {explain(error)}\n{trace}".rstrip()
        ) from error

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
