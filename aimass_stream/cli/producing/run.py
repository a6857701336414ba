"""One run of `aimass produce`, whatever the modality: topic, journal, sending, and the summary."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from difflib import get_close_matches

from aiokafka.errors import KafkaError

from aimass_stream.cli.app_place import has_app
from aimass_stream.cli.app_report import AgentReport, AppQuestion, AppReport
from aimass_stream.cli.producing.errand import Cargo, Errand
from aimass_stream.cli.producing.journal import Journal, journal_path
from aimass_stream.cli.producing.meter import show_progress
from aimass_stream.cli.producing.sending import Shipment, Tally
from aimass_stream.cli.producing.summary import Ending, print_summary
from aimass_stream.cli.terminal import say, use_broker
from aimass_stream.cli.units import count_text
from aimass_stream.config import Settings
from aimass_stream.errors import BrokerError, ConfigError
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.survey import refused, survey
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.learner import LOG_SUFFIX
from aimass_stream.runtime.signals import told


def run(errand: Errand, cargo: Cargo, conf: Settings, *, terminal: bool) -> int:
    """Send what is not yet sent.

    Args:
        errand: what was asked for.
        cargo: what there is.
        conf: the process's settings.
        terminal: whether a person watches standard error.

    Returns:
        The exit code: 0, 1 when some items could not be sent, 129, 130 or 143 when stopped.

    Raises:
        AimassError: nothing was sent, or Kafka took no more.
    """
    question = AppQuestion(errand.app) if has_app(errand.app) else None
    try:
        with use_broker(conf) as url:
            return asyncio.run(Run(errand, cargo, conf, question).run(url, terminal=terminal))
    finally:
        if question is not None:
            question.drop()


class Run:
    """A run, from the topic to the summary."""

    def __init__(
        self, errand: Errand, cargo: Cargo, conf: Settings, question: AppQuestion | None = None
    ) -> None:
        self._errand = errand
        self._items = cargo.items[: errand.limit]
        self._left_out = cargo.left_out
        self._conf = conf
        self._url = ""
        self._question = question
        self._report: AppReport | None = None
        self._stopped = asyncio.Event()
        self._signal: signal.Signals | None = None
        self._tally = Tally(total=len(self._items))
        self._seconds = 0.0

    async def run(self, url: str, *, terminal: bool) -> int:
        """Send to the broker at `url`, and say how it ended.

        Raises:
            AimassError: nothing was sent, or Kafka took no more.
        """
        self._url = url
        with self._told_of_signals():
            return await self._run(terminal=terminal)

    async def _run(self, *, terminal: bool) -> int:
        seen = await survey(bootstrap_servers(self._url))
        # Before anything is sent: what goes where it cannot be read comes back as dead letters.
        await self._ask_app()
        self._check_kind()
        fresh = await self._provide_topic(seen.topics)
        title = f"{self._errand.origin} -> {self._errand.topic} on {self._url}"
        path = journal_path(
            self._conf.state, self._errand.origin, self._errand.topic, seen.cluster_id
        )
        with Journal(path, title) as journal:
            await self._weigh(journal, fresh=fresh)
            error = await self._send(journal, terminal=terminal)
        ending = Ending(
            noun=self._errand.noun,
            topic=self._errand.topic,
            url=self._url,
            seconds=self._seconds,
            stopped=self._signal is not None,
            left_out=self._left_out,
            answers=self._answers(),
        )
        print_summary(self._tally, ending)
        if error is not None:
            raise error
        if self._signal is not None:
            return 128 + self._signal
        return 1 if self._tally.unsendable else 0

    def _told_of_signals(self) -> AbstractContextManager[None]:
        task = asyncio.current_task()

        def stop(number: signal.Signals) -> None:
            if self._signal is None:
                self._signal = number
                self._stopped.set()
                say("Waiting for what is in flight. Ctrl-C again ends at once.")
            elif task is not None:
                task.cancel()

        return told(stop)

    def _check_kind(self) -> None:
        """See that the agents of the topic can read what is sent.

        Raises:
            ConfigError: the app declares the topic to hold records of another type.
        """
        topic, record = self._errand.topic, self._errand.record
        strange = [one for one in self._agents() if one.kinds and record not in one.kinds]
        if not record or not strange:
            return
        agents = self._report.agents if self._report else []
        fit = sorted({one.topic for one in agents if record in one.kinds})
        advice = f" Topics of {record}: {', '.join(fit)}." if fit else ""
        raise ConfigError(
            f"The app in {self._errand.app} declares {topic} as a topic of {strange[0].kinds[0]}, "
            f"where what you send ({record}) would be dead-lettered.{advice}"
        )

    async def _provide_topic(self, there: Collection[str]) -> bool:
        """Whether the topic had to be created.

        Args:
            there: topics of the broker.

        Raises:
            ConfigError: the topic is not there, and nobody wants it.
        """
        topic, servers = self._errand.topic, bootstrap_servers(self._url)
        if topic in there:
            return False
        # It brings half of Faust along, which a run on an existing topic can do without.
        from aimass_stream.kafka.settings import replication

        plan = self._plan(there)
        await create_topics({"bootstrap_servers": servers}, [plan], replication(self._conf))
        say(f"Created topic {topic} with {count_text(plan.partitions, 'partition')}.")
        return True

    def _plan(self, there: Iterable[str]) -> TopicPlan:
        """The missing topic as the app declares it, or as it was asked for.

        Args:
            there: topics of the broker.

        Raises:
            ConfigError: neither; a name that was mistyped would be read by nobody.
        """
        topic = self._errand.topic
        plans = {plan.name: plan for plan in self._report.plans} if self._report else {}
        if topic in plans:
            return plans[topic]
        if self._errand.create:
            return TopicPlan(topic, self._conf.partitions)
        like = get_close_matches(topic, {*there, *plans}, n=1)
        advice = f"Did you mean {like[0]}? " if like else ""
        who = (
            f"the app in {self._errand.app} has none" if self._report else "no app says it has one"
        )
        raise ConfigError(
            f"There is no topic {topic} on {self._url}, and {who}. "
            f"{advice}To create it all the same, give --create."
        )

    async def _weigh(self, journal: Journal, *, fresh: bool) -> None:
        """Decide what of the journal counts, and tell."""
        errand, total = self._errand, len(self._items)
        if errand.again:
            journal.forget()
        elif journal.last and (fresh or not await self._holds(journal)):
            say(f"Topic {errand.topic} was made anew since these were sent: starting over.")
            journal.forget()
        before = self._tally.before = sum(item.id in journal for item in self._items)
        if before == total:
            say(f"All {total:,} are sent already; --again sends them once more.")
        elif before:
            say(f"Resuming: {before:,} of {total:,} already sent; --again starts over.")

    async def _holds(self, journal: Journal) -> bool:
        """Whether the topic reaches as far as the journal says it did."""
        async with TopicReader(self._url, [self._errand.topic]) as reader:
            ends = await reader.end_offsets()
        topic = self._errand.topic
        return all(ends.get((topic, part), 0) > last for part, last in journal.last.items())

    async def _send(self, journal: Journal, *, terminal: bool) -> BrokerError | ConfigError | None:
        """Send the rest; what ended it early is returned, so that it can be told last."""
        errand, tally, error = self._errand, self._tally, None
        rest = [item for item in self._items if item.id not in journal]
        if not rest:
            return None
        started_s = asyncio.get_running_loop().time()
        try:
            async with show_progress(tally, errand.noun, terminal=terminal):
                async with Sender(self._url) as sender:
                    shipment = Shipment(sender, errand.topic, journal, tally)
                    await shipment.send(rest, errand.rate, self._stopped)
                await shipment.settle()
        except KafkaError as refusal:
            await shipment.settle()
            error = refused(refusal)
        except asyncio.CancelledError:
            # The second Ctrl-C: what is noted is all that is known.
            task = asyncio.current_task()
            if self._signal is None or task is None:
                raise
            task.uncancel()
        self._seconds = asyncio.get_running_loop().time() - started_s
        if error is None and tally.refused:
            error = BrokerError(
                f"Kafka did not acknowledge {count_text(tally.refused, errand.noun)} in time. "
                "Try: aimass doctor; then the same command sends the rest."
            )
        return error

    async def _ask_app(self) -> None:
        question, self._question = self._question, None
        if question is None:
            return
        try:
            self._report = await asyncio.to_thread(question.answer)
        except ConfigError as error:
            say(f"The app in {self._errand.app} cannot be asked about its topics: {error}")

    def _agents(self) -> list[AgentReport]:
        agents = self._report.agents if self._report else []
        return [agent for agent in agents if agent.topic == self._errand.topic]

    def _answers(self) -> list[str]:
        """Where answers will come, in the order of the agents; none where no app says."""
        agents = self._report.agents if self._report else []
        logs = {agent.to for agent in self._agents() if agent.to and agent.to.endswith(LOG_SUFFIX)}
        # What a feed writes is for its learner; people want to see what is answered on that log.
        behind = [agent for agent in agents if agent.topic in logs]
        written = [agent.to for agent in (*self._agents(), *behind) if agent.to not in logs]
        return list(dict.fromkeys(filter(None, written)))
