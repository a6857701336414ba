"""The way of a replay that runs the agent here and now, with a model version somebody chose."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from aimass_stream.app import App
from aimass_stream.cli.letters.replaying import Result
from aimass_stream.config import settings
from aimass_stream.errors import ConfigError
from aimass_stream.kafka.outgoing import Outgoing
from aimass_stream.kafka.outlets import make_outlet, plan_topics
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.replays import Mode
from aimass_stream.kafka.rerun import Rerun
from aimass_stream.kafka.revival import Revived
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.settings import replication
from aimass_stream.kafka.topics import create_topics
from aimass_stream.model import Model
from aimass_stream.records import Limits
from aimass_stream.runtime.body import Agent
from aimass_stream.runtime.pinned_models import PinnedModels


class ToModel:
    """The agent's own body over its dead letters; the app is not started and joins no group.

    Args:
        app: imported, with its agents.
        agent: whose letters.
        url: the broker.
        wanted: `name@version` of the model that is to answer.
    """

    mode: Mode = "model"

    def __init__(self, app: App, agent: Agent, url: str, wanted: str) -> None:
        self._app = app
        self._agent = agent
        self._url = url
        self._wanted = wanted
        self._models = PinnedModels(settings(), self._end, wanted)
        self._rerun: Rerun | None = None
        app.replay_on(self._models)

    async def run(self, sender: Sender, revived: Sequence[Revived]) -> list[Result]:
        """Have the agent answer a round.

        Raises:
            ConfigError: the agent learns, or does not score that model, or there is no such
                version.
            AimassError: the agent cannot go on, or the broker refuses.
        """
        if self._rerun is None:
            self._rerun = await self._prepare(sender)
        outcomes = await self._rerun.run(revived)
        return [Result(self._model_id(), outcome) for outcome in outcomes]

    async def close(self) -> None:
        """End the agent and what it ran on."""
        if self._rerun is not None:
            await self._rerun.close()
        await self._models.close()

    async def _prepare(self, sender: Sender) -> Rerun:
        conf, app_id = settings(), self._app.conf.id
        partitions = await create_topics(
            {"bootstrap_servers": bootstrap_servers(self._url)},
            plan_topics([self._agent], app_id, conf.partitions),
            replication(conf),
        )
        checked = _Checked(sender, self)
        store = self._models.payloads.put
        outlet = make_outlet(app_id, [self._agent], partitions, checked, store)
        limits = Limits(payload_bytes=conf.max_payload_bytes)
        return Rerun(self._agent, replace(outlet, replayed=True), limits)

    def _model_id(self) -> str:
        """The model that answers, by its whole name.

        Raises:
            ConfigError: the agent has scored its records without it.
        """
        if self._models.pinned is None:
            raise ConfigError(
                f"Agent {self._agent.name} scores no model of the name "
                f"{self._wanted.partition('@')[0]}, so nothing was replayed. "
                "aimass dlq list shows the models of dead letters."
            )
        return self._models.pinned.id

    def _end(self, error: BaseException) -> None:
        if self._rerun is not None:
            self._rerun.end(error)

    def look_for(self, declared: Iterable[Model[Any]]) -> None:
        """What a dry run can check of the chosen model: that one declared can be had so.

        Raises:
            ConfigError: there is no such model or version.
        """
        self._models.look_for(declared)

    def check(self) -> None:
        """Nothing may be written before it is known that the chosen model answers.

        Raises:
            ConfigError: it does not.
        """
        self._model_id()


class _Checked:
    """The sender, once it is known that the chosen model answers."""

    def __init__(self, sender: Sender, way: ToModel) -> None:
        self._sender = sender
        self._way = way

    async def deliver(self, outgoing: Outgoing, before: asyncio.Future[None] | None = None) -> None:
        """Deliver, behind what is under way.

        Raises:
            ConfigError: the agent does not score the chosen model.
        """
        self._way.check()
        await self._sender.deliver(outgoing, before)
