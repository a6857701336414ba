"""The oracle: what became of every record, told from topics alone.

It reads an agent's source topic, its answers, and the app's outcomes and dead letters, and
knows nothing of workers, groups or committed offsets. A record is lost when no outcome speaks
of it, or when its outcome speaks of an answer or a dead letter that is not on its topic. What
others have put onto the topics that the engine writes is counted, and otherwise left out.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
import orjson

from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.outcomes import Outcomes, outcomes_topic
from aimass_stream.kafka.reader import Offsets, TopicReader
from aimass_stream.records import Chunk, Embedding, Headers, identity
from aimass_stream.verify.written import Place, buried_of, outcomes_in, source_of, text_of

TOLERANCE = 1e-4
"""By how much a score may differ between repeats."""

RECENT = 500
"""Latencies kept for a live view."""


@dataclass(frozen=True, slots=True)
class Watched:
    """An agent to account for: its name, source topic and answer topic, if it has one."""

    agent: str
    topic: str
    to: str | None


@dataclass(frozen=True, slots=True)
class Burial:
    """What a dead letter says of itself: the root of its chain, the model that failed, and why."""

    root: str
    model: str
    reason: str


@dataclass(slots=True)
class Account:
    """What is known of one agent's records.

    Attributes:
        arrived_ms: records on the source topic and their timestamps.
        fates: the outcome of each record: `answered`, `quiet` or `dead_lettered`; of several the
            latest, so that a dead letter that was replayed to a model counts as what came of it.
        settled_ms: the timestamp of the outcomes record that spoke of each record first.
        recent_ms: latencies of the records that were settled last.
        answers: the latest answer on the answer topic to each record.
        roots: the latest answer by the root of its chain.
        dead: sources of the dead letters, and their reasons.
        burials: the same sources, and more of what is said there.
        ids: the first value under each answer id.
        dead_ids: the first value under each id of a dead letter, which would be the answer's.
        duplicated: answers and dead letters beyond the first of an id.
        differing: those among them that disagree with the first: in anything but a number, or
            in a number by more than `TOLERANCE`; and outcomes that changed though nobody replayed
            the record.
    """

    arrived_ms: dict[Place, int] = field(default_factory=dict)
    fates: dict[Place, str] = field(default_factory=dict)
    settled_ms: dict[Place, int] = field(default_factory=dict)
    recent_ms: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))
    answers: dict[Place, bytes] = field(default_factory=dict)
    roots: dict[str, bytes] = field(default_factory=dict)
    dead: dict[Place, str] = field(default_factory=dict)
    burials: dict[Place, Burial] = field(default_factory=dict)
    ids: dict[str, bytes] = field(default_factory=dict)
    dead_ids: dict[str, bytes] = field(default_factory=dict)
    duplicated: int = 0
    differing: int = 0

    def counts(self) -> dict[str, int]:
        """`in`, `answered`, `quiet`, `dead_lettered`."""
        fates = Counter(fate for place, fate in self.fates.items() if place in self.arrived_ms)
        return {
            "in": len(self.arrived_ms),
            "answered": fates["answered"],
            "quiet": fates["quiet"],
            "dead_lettered": fates["dead_lettered"],
        }

    def latencies_ms(self) -> list[int]:
        """From each record's timestamp to the moment its outcome was recorded."""
        return [
            self.settled_ms[place] - arrived_ms
            for place, arrived_ms in self.arrived_ms.items()
            if place in self.settled_ms
        ]

    def lost(self) -> list[Place]:
        """Records without an outcome, or whose outcome is not borne out by a topic."""
        return [place for place in self.arrived_ms if not self._accounted(place)]

    def _accounted(self, place: Place) -> bool:
        fate = self.fates.get(place)
        if fate == "answered":
            return place in self.answers
        if fate == "dead_lettered":
            return place in self.dead
        return fate == "quiet"


class Oracle:
    """Follows the topics of some agents and accounts for their records.

    Args:
        url: the broker.
        app_id: the app, for its outcomes and dead letter topics.
        watched: the agents.
        since: offsets to begin at, of any of the topics; the beginning where not given.

    Attributes:
        accounts: of each agent, by its name.
        foreign: records that no engine wrote, by the topic of answers, outcomes or dead letters
            that they lie on.

    Use as an async context manager, then `follow` as often as wanted.
    """

    def __init__(
        self, url: str, app_id: str, watched: Iterable[Watched], since: Offsets | None = None
    ) -> None:
        self._watched = list(watched)
        self._outcomes = outcomes_topic(app_id)
        self._dead_letters = dead_letters_topic(app_id)
        topics = {self._outcomes, self._dead_letters}
        topics |= {w.topic for w in self._watched} | {w.to for w in self._watched if w.to}
        self._reader = TopicReader(url, sorted(topics))
        self._since = since or {}
        self.accounts: dict[str, Account] = {w.agent: Account() for w in self._watched}
        self.foreign: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            BrokerError: the broker cannot be reached.
        """
        await self._reader.__aenter__()
        self._reader.seek(self._since)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Disconnect."""
        await self._reader.__aexit__(*exc)

    async def follow(self, timeout_ms: int = 200) -> bool:
        """Read what arrived since the last call; whether anything did."""
        chunks = await self._reader.poll(timeout_ms)
        for chunk in chunks:
            self._read(chunk)
        return bool(chunks)

    async def catch_up(self) -> None:
        """Read to where every topic ends at the time of the call."""
        for (topic, partition), end in (await self.ends()).items():
            while await self._reader.position(topic, partition) < end:
                await self.follow()

    async def ends(self) -> Offsets:
        """Where every topic ends now."""
        return await self._reader.end_offsets()

    def settled(self) -> bool:
        """Whether every record seen has been accounted for."""
        return not any(account.lost() for account in self.accounts.values())

    def _read(self, chunk: Chunk) -> None:
        if chunk.topic == self._outcomes:
            for value, timestamp_ms in zip(chunk.values, chunk.timestamps_ms, strict=True):
                self._note_outcomes(outcomes_in(value), timestamp_ms)
        elif chunk.topic == self._dead_letters:
            for value, headers in zip(chunk.values, chunk.headers, strict=True):
                self._note_dead_letter(value or b"", headers)
        for watched in self._watched:
            if chunk.topic == watched.topic:
                self._note_arrivals(self.accounts[watched.agent], chunk)
        writers = [watched for watched in self._watched if watched.to == chunk.topic]
        if writers:
            self._note_answers(writers, chunk)

    @staticmethod
    def _note_arrivals(account: Account, chunk: Chunk) -> None:
        for offset, timestamp_ms in zip(chunk.offsets, chunk.timestamps_ms, strict=True):
            account.arrived_ms[chunk.partition, offset] = timestamp_ms

    def _note_outcomes(self, outcomes: Outcomes | None, timestamp_ms: int) -> None:
        if outcomes is None:
            self.foreign[self._outcomes] += 1
            return
        account = self.accounts.get(outcomes.agent)
        if account is None:
            return
        for fate in ("answered", "quiet", "dead_lettered"):
            for first, last in getattr(outcomes, fate):
                for offset in range(first, last + 1):
                    place = (outcomes.partition, offset)
                    changed = account.fates.get(place, fate) != fate
                    account.differing += changed and not outcomes.replayed
                    account.fates[place] = fate
                    if place not in account.settled_ms:
                        account.settled_ms[place] = timestamp_ms
                        arrived_ms = account.arrived_ms.get(place, timestamp_ms)
                        account.recent_ms.append(timestamp_ms - arrived_ms)

    def _note_answers(self, writers: Sequence[Watched], chunk: Chunk) -> None:
        for value, headers in zip(chunk.values, chunk.headers, strict=True):
            source = source_of(headers)
            if source is None:
                self.foreign[chunk.topic] += 1
                continue
            topic, place = source
            for watched in writers:
                if topic == watched.topic:
                    account = self.accounts[watched.agent]
                    account.answers[place] = value or b""
                    account.roots[text_of(headers, identity.ROOT)] = value or b""
                    _note_id(account, account.ids, headers, value or b"")

    def _note_dead_letter(self, value: bytes, headers: Headers) -> None:
        place = buried_of(headers)
        if place is None:
            self.foreign[self._dead_letters] += 1
            return
        account = self.accounts.get(text_of(headers, identity.AGENT))
        if account is not None:
            reason = text_of(headers, identity.REASON)
            account.dead[place] = reason
            root, model = text_of(headers, identity.ROOT), text_of(headers, identity.MODEL)
            account.burials[place] = Burial(root, model, reason)
            _note_id(account, account.dead_ids, headers, value)


def _note_id(account: Account, ids: dict[str, bytes], headers: Headers, value: bytes) -> None:
    answer_id = text_of(headers, identity.ID)
    known = ids.get(answer_id)
    if known is None:
        ids[answer_id] = value
    else:
        account.duplicated += 1
        account.differing += not agree(known, value)


def agree(first: bytes, second: bytes) -> bool:
    """Whether two answers say the same: equal bytes, or JSON equal up to `TOLERANCE`.

    A batch of another shape changes the last bits of a model's scores, so a repeat need not be
    equal to the letter; an embedding's numbers are compared as numbers.
    """
    if first == second:
        return True
    try:
        return _alike(_numbers(first), _numbers(second))
    except orjson.JSONDecodeError:
        return False


def _numbers(answer: bytes) -> Any:
    """The JSON of an answer, an embedding as the list of its numbers."""
    try:
        numbers: list[float] = msgspec.json.decode(answer, type=Embedding).numbers.tolist()
    except (msgspec.MsgspecError, ValueError):
        return orjson.loads(answer)
    return numbers


def _alike(first: Any, second: Any) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return abs(first - second) <= TOLERANCE
    if isinstance(first, dict) and isinstance(second, dict):
        return list(first) == list(second) and all(_alike(first[k], second[k]) for k in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_alike, first, second))
    return type(first) is type(second) and first == second
