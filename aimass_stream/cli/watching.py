"""The loop behind `aimass watch`: where to begin, in which order, and when to end."""

from __future__ import annotations

import asyncio
import heapq
import shutil
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from aiokafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from aimass_stream.cli.app_place import has_app
from aimass_stream.cli.app_report import AppQuestion
from aimass_stream.cli.record_text import Line, escape, json_of, line_of
from aimass_stream.cli.terminal import say
from aimass_stream.cli.units import count_text
from aimass_stream.errors import AimassError, ConfigError
from aimass_stream.kafka.reader import Offsets, TopicReader, bootstrap_servers
from aimass_stream.kafka.survey import refused, survey
from aimass_stream.records import Chunk, Record

LISTED = 20
"""Topics named where the one asked for is not there."""
PIPE_CHARS = 240
"""Length of a line that goes to no terminal."""
MIN_VALUE_CHARS = 20
APPEARS_EVERY_S = 0.5
"""How often to look for a topic that a worker is about to make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What `aimass watch` was asked for; see its help.

    Attributes:
        start: `beginning`, `end`, an offset, or a negative number of last records.
        key: only records of this key; None for all.
        app: the package whose app may declare a topic that is not there yet.
    """

    topic: str
    start: str
    limit: int | None = None
    key: str | None = None
    headers: bool = False
    as_json: bool = False
    follow: bool = True
    app: str = "agents"


class Watch:
    """One topic, shown on standard output."""

    def __init__(self, options: WatchOptions, url: str) -> None:
        self._options = options
        self._url = url
        self._printer = Printer(options)
        self._left = options.limit
        self._shown = 0

    async def run(self) -> None:
        """Show records until there is a reason to end.

        Raises:
            BrokerError: Kafka cannot be reached.
            AimassError: there is no such topic.
        """
        await self._check_topic()
        try:
            async with TopicReader(self._url, [self._options.topic]) as reader:
                await self._show(reader)
        except KafkaError as error:
            raise refused(error) from error
        if not self._shown and self._options.key is not None:
            start = self._options.start
            part = "" if start == "beginning" or start.startswith("-") else f" from {start} on"
            topic, key = escape(self._options.topic), escape(self._options.key)
            say(f"No record of {topic}{part} has the key {key}.")

    async def _check_topic(self) -> None:
        """A client that asks for a topic by name may create it, so the list is asked for."""
        servers, topic = bootstrap_servers(self._url), self._options.topic
        seen = await survey(servers)
        if topic not in seen.topics:
            if not self._options.follow or topic not in await _declared(self._options.app):
                raise AimassError(unknown_topic(topic, self._url, seen.topics))
            say(f"{escape(topic)} is made when a worker first runs: waiting for that. Ctrl-C ends.")
            while topic not in seen.topics:
                await asyncio.sleep(APPEARS_EVERY_S)
                seen = await survey(servers)
        if sys.stderr.isatty() and self._options.follow:
            partitions = count_text(seen.topics[topic].partitions, "partition")
            say(f"{topic}, {partitions}, on {self._url}. Ctrl-C ends.")

    async def _show(self, reader: TopicReader) -> None:
        ends = await reader.end_offsets()
        start = self._options.start
        recent = -int(start) if start.startswith("-") else None
        # The last few of a key may lie anywhere.
        anywhere = recent is not None and self._options.key is not None
        reader.seek(start_offsets("beginning" if anywhere else start, ends))
        if recent is not None:
            kept = _Latest(recent)
            while await reader.remains(ends):
                kept.add(await self._poll(reader))
            self._print(in_order(kept.records)[-recent:] if recent else [])
        while self._left != 0 and (self._options.follow or await reader.remains(ends)):
            records = await self._poll(reader)
            if not self._options.follow:
                records = [r for r in records if r.offset < ends[r.topic, r.partition]]
            self._print(in_order(records))

    async def _poll(self, reader: TopicReader) -> list[Record]:
        records = [r for chunk in await reader.poll() for r in records_of(chunk)]
        if self._options.key is None:
            return records
        wanted = self._options.key.encode(errors="surrogateescape")
        return [record for record in records if record.key == wanted]

    def _print(self, records: list[Record]) -> None:
        for record in records if self._left is None else records[: self._left]:
            self._printer.show(record)
            self._shown += 1
        if self._left is not None:
            self._left = max(0, self._left - len(records))
        sys.stdout.flush()


class _Latest:
    """The last few records of every partition, whatever is added."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._of: dict[int, deque[Record]] = {}

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            held = self._of.setdefault(record.partition, deque(maxlen=self._count))
            held.append(record)

    @property
    def records(self) -> list[Record]:
        return [record for held in self._of.values() for record in held]


class Printer:
    """Writes records to standard output: coloured lines, plain lines, or JSON."""

    def __init__(self, options: WatchOptions) -> None:
        self._options = options
        self._console = Console(highlight=False) if sys.stdout.isatty() else None

    def show(self, record: Record) -> None:
        """Write one record."""
        if self._options.as_json:
            sys.stdout.write(json_of(record) + "\n")
            return
        now = datetime.now().astimezone()
        line = line_of(record, now, headers=self._options.headers)
        width = shutil.get_terminal_size().columns if self._console else PIPE_CHARS
        text = render(line, None if self._options.headers else width)
        if self._console is None:
            sys.stdout.write(text.plain + "\n")
        else:
            self._console.print(text, soft_wrap=True)


def render(line: Line, width: int | None) -> Text:
    """The line, its value cut to what `width` cells leave of it; None cuts nothing."""
    text = Text.assemble(
        (line.time, "dim"),
        "  ",
        (f"{line.place:<8}", "cyan"),
        " ",
        (f"{line.key:<16}", "bold"),
        " ",
    )
    if line.mark:
        text.append(f"{line.mark} ", "bold red")
    origin = Text(f"  {line.origin}" if line.origin else "", "green")
    value = Text(line.value)
    if width is not None:
        room = width - text.cell_len - origin.cell_len
        value.truncate(max(room, MIN_VALUE_CHARS), overflow="ellipsis")
    return text + value + origin


def start_offsets(start: str, ends: Offsets) -> Offsets:
    """Where each partition begins; an offset before its first record means the first.

    An offset past the end would be taken for an error, and send the reader to the beginning.
    """
    if start == "beginning":
        return {}
    if start == "end":
        return dict(ends)
    number = int(start)
    if start.startswith("-"):
        return {place: max(0, end + number) for place, end in ends.items()}
    return {place: min(number, end) for place, end in ends.items()}


def in_order(records: Iterable[Record]) -> list[Record]:
    """Records of several partitions merged by time; each partition keeps its own order."""
    partitions: dict[int, list[Record]] = {}
    for record in records:
        partitions.setdefault(record.partition, []).append(record)
    return list(heapq.merge(*partitions.values(), key=lambda record: record.timestamp_ms))


async def _declared(app: str) -> set[str]:
    """The topics that a worker of the app in this folder makes; none where there is no app."""
    if not has_app(app):
        return set()
    question = AppQuestion(app)
    try:
        report = await asyncio.to_thread(question.answer)
    except ConfigError as error:
        say(f"The app in {app} cannot be asked about its topics: {error}")
        return set()
    finally:
        question.drop()
    return {plan.name for plan in report.plans}


def unknown_topic(topic: str, url: str, topics: Iterable[str]) -> str:
    """What to say of a topic that is not there."""
    names = sorted(topics)
    near = get_close_matches(topic, names)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    if not names:
        return f"There is no topic {escape(topic)} on {url}, nor any other. Try: aimass produce"
    listed = "".join(f"\n  {name}" for name in names[:LISTED])
    more = f"\n  and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return f"There is no topic {escape(topic)} on {url}.{hint} There are:{listed}{more}"


def records_of(chunk: Chunk) -> list[Record]:
    """The rows of a chunk as plain records."""
    return chunk.records(Record)
