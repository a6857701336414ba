"""One run of `aimass dlq replay`: what is picked, the letters round by round, and the audit.

A round of letters is read, brought back, replayed, and noted in the audit before the next one
begins. So a run that ends early, whatever ends it, leaves out at most the audit of one round.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from aiokafka.errors import KafkaError

from aimass_stream.cli.letters.listing import place_text
from aimass_stream.cli.letters.payloads import payload_store
from aimass_stream.cli.letters.selection import Selection, newest_first
from aimass_stream.cli.producing.meter import show_progress
from aimass_stream.cli.producing.sending import Tally
from aimass_stream.cli.terminal import say
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import Settings
from aimass_stream.errors import RecordError
from aimass_stream.kafka.letters import Letter, Letters, fetch_letters
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.replays import Mode, Outcome, Replay, encode, plan_replays, replays_topic
from aimass_stream.kafka.revival import Revived, check_size, resend, revive
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.settings import replication
from aimass_stream.kafka.survey import TopicState, refused
from aimass_stream.kafka.topics import create_topics
from aimass_stream.runtime.signals import told

ROUND_LETTERS = 64
ROUND_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pick:
    """Letters to replay, and what is left out.

    Attributes:
        letters: one for each record, oldest first; one for each record and agent, where agents
            are run here.
        repeats: by the place of a letter, others of the same record that its replay settles.
        replayed: letters that meet the filters and were replayed before.
        impossible: letters whose topic or partition is gone, and why.
    """

    letters: list[Letter]
    repeats: dict[tuple[int, int], list[Letter]]
    replayed: int
    impossible: list[tuple[str, str]]


class Result(NamedTuple):
    """What a replay came to: `to` and `outcome` as in its audit."""

    to: str
    outcome: Outcome


class Way(Protocol):
    """How letters are replayed."""

    @property
    def mode(self) -> Mode:
        """What the audit calls it."""
        ...

    async def run(self, sender: Sender, revived: Sequence[Revived]) -> list[Result]:
        """Replay a round.

        Raises:
            AimassError: the replay cannot go on.
            KafkaError: the broker refuses.
        """
        ...

    async def close(self) -> None:
        """Give back what it ran on."""
        ...


class ToSource:
    """Every record to its topic and partition again, for whatever agents read it."""

    mode: Mode = "source"

    async def run(self, sender: Sender, revived: Sequence[Revived]) -> list[Result]:
        """Write the records again."""
        return [Result(place, "sent") for place in await resend(sender, revived)]

    async def close(self) -> None:
        """Nothing was started."""


def pick_letters(
    letters: Letters,
    selection: Selection,
    topics: Mapping[str, TopicState],
    *,
    again: bool,
    per_agent: bool,
) -> Pick:
    """Choose what to replay.

    Of several letters of one record the newest stands for all.

    Args:
        letters: all of the app.
        selection: the filters.
        topics: those on the broker.
        again: whether letters that were replayed before are replayed once more.
        per_agent: whether an agent's letters stand for that agent only; a record that is written
            to its topic again is read by all.
    """

    def subject(letter: Letter) -> tuple[str, str]:
        return letter.record_id, letter.agent if per_agent else ""

    picked = newest_first(selection.pick(letters))
    fresh = [letter for letter in picked if again or letter.place not in letters.replays]
    newest: dict[tuple[str, str], Letter] = {}
    for letter in fresh:
        newest.setdefault(subject(letter), letter)
    others: dict[tuple[str, str], list[Letter]] = {}
    for letter in letters.letters:
        others.setdefault(subject(letter), []).append(letter)
    chosen = [letter for letter in newest.values() if not _obstacle(letter, topics)]
    repeats = {
        letter.place: [
            other
            for other in others[subject(letter)]
            if other is not letter and other.place not in letters.replays
        ]
        for letter in chosen
    }
    impossible = [
        (place_text(letter.place), why)
        for letter in newest.values()
        if (why := _obstacle(letter, topics))
    ]
    return Pick(chosen[::-1], repeats, len(picked) - len(fresh), impossible)


def _obstacle(letter: Letter, topics: Mapping[str, TopicState]) -> str:
    """Why a letter's record has no place to go back to; empty where it has one."""
    state = topics.get(letter.topic)
    if state is None:
        return f"topic {letter.topic} is gone"
    return "" if letter.partition < state.partitions else f"{letter.topic} has no such partition"


class Replaying:
    """Replays what was picked, until it is done or somebody stops it.

    Args:
        url: the broker.
        app_id: whose letters.
        letters: all of them.
        pick: those to replay.
        words: the filters as they were typed, for the audit.

    Attributes:
        tally: how far it has come; `acknowledged` letters are replayed and noted.
        outcomes: of the letters replayed, how many came to what.
    """

    def __init__(
        self, url: str, app_id: str, letters: Letters, pick: Pick, words: Sequence[str]
    ) -> None:
        self._url = url
        self._app_id = app_id
        self._letters = letters
        self._pick = pick
        self._words = words
        self._stopped = asyncio.Event()
        self.signal: signal.Signals | None = None
        self.tally = Tally(total=len(pick.letters))
        self.outcomes: Counter[Outcome] = Counter()

    async def run(self, way: Way, conf: Settings, *, terminal: bool) -> None:
        """Replay, and note each letter.

        Raises:
            AimassError: the replay cannot go on; the tally says how far it came.
        """
        with self._told_of_signals():
            await self._run(way, conf, terminal=terminal)

    async def _run(self, way: Way, conf: Settings, *, terminal: bool) -> None:
        client = {"bootstrap_servers": bootstrap_servers(self._url)}
        await create_topics(client, [plan_replays(self._app_id)], replication(conf))
        store = payload_store(conf)
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(way.close)
                sender = await stack.enter_async_context(Sender(self._url))
                await stack.enter_async_context(
                    show_progress(self.tally, "letter", terminal=terminal)
                )
                rounds = await stack.enter_async_context(aclosing(self._rounds(store)))
                async for revived in rounds:
                    results = await way.run(sender, revived)
                    await self._note(sender, way.mode, zip(revived, results, strict=True))
        except KafkaError as error:
            raise refused(error) from error
        except asyncio.CancelledError:
            # The second Ctrl-C: what is noted is all that is known.
            task = asyncio.current_task()
            if self.signal is None or task is None:
                raise
            task.uncancel()
        finally:
            store.close()

    async def _rounds(self, store: PayloadStore) -> AsyncGenerator[list[Revived], None]:
        """Letters brought back, so many at a time, until there are no more or it is stopped."""
        gathered: list[Revived] = []
        size_bytes = 0
        fetched = fetch_letters(self._url, self._letters.topic, self._pick.letters)
        async with aclosing(fetched):
            async for letter, record in fetched:
                if self._stopped.is_set():
                    return
                try:
                    each = await asyncio.to_thread(revive, letter, record, store.fetch)
                    check_size(each)
                except RecordError as error:
                    self.tally.unsendable.append((place_text(letter.place), error.detail))
                    continue
                gathered.append(each)
                size_bytes += len(each.value)
                if len(gathered) >= ROUND_LETTERS or size_bytes >= ROUND_BYTES:
                    yield gathered
                    gathered, size_bytes = [], 0
        if gathered and not self._stopped.is_set():
            yield gathered

    async def _note(
        self, sender: Sender, mode: Mode, round_: Iterable[tuple[Revived, Result]]
    ) -> None:
        topic, noting = replays_topic(self._app_id), []
        for revived, result in round_:
            letter = revived.letter
            settled = [letter, *self._pick.repeats[letter.place]]
            replay = Replay(
                letters=[place_text(each.place, self._letters.topic) for each in settled],
                id=letter.id,
                source=letter.source,
                agent=letter.agent,
                mode=mode,
                to=result.to,
                outcome=result.outcome,
                by=_person(),
                picked_by=self._words,
            )
            key = letter.source.encode()
            noting.append(await sender.send(topic, encode(replay), key=key))
            self.outcomes[result.outcome] += 1
        await asyncio.wait(noting)
        if sender.error is not None:
            raise sender.error
        self.tally.acknowledged += len(noting)

    def _told_of_signals(self) -> AbstractContextManager[None]:
        task = asyncio.current_task()

        def stop(number: signal.Signals) -> None:
            if self.signal is None:
                self.signal = number
                self._stopped.set()
                say("Finishing the letters in hand. Ctrl-C again ends at once.")
            elif task is not None:
                task.cancel()

        return told(stop)


def _person() -> str:
    """`user@host`, as well as it can be told."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may have a user without a name.
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
