"""`aimass draw`, from its options to the pictures it writes."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaError

from aimass_stream.cli.drawing.picture import draw
from aimass_stream.cli.drawing.shapes import Shape, shapes_of
from aimass_stream.cli.letters.payloads import payload_store
from aimass_stream.cli.record_text import escape
from aimass_stream.cli.terminal import hush_clients, say, use_broker
from aimass_stream.cli.units import count_text
from aimass_stream.cli.watching import in_order, records_of, start_offsets, unknown_topic
from aimass_stream.codecs.images import decode_image
from aimass_stream.config import Settings, load_settings
from aimass_stream.errors import AimassError, ConfigError, RecordError
from aimass_stream.kafka.ranges import read_range
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.survey import refused, survey
from aimass_stream.records import Image, Limits, Record, identity


@dataclass(frozen=True, slots=True)
class DrawErrand:
    """What `aimass draw` was asked for; see its help."""

    topic: str
    into: Path
    start: str
    limit: int
    font: Path | None


def run(errand: DrawErrand) -> int:
    """Write the pictures; the paths go to standard output.

    Returns:
        0, or 1 where there was nothing to draw.

    Raises:
        AimassError: there is no such topic, or the font or the folder cannot be used.
    """
    hush_clients()
    conf = load_settings()
    with use_broker(conf, is_brief=True) as url:
        written = asyncio.run(_Drawing(errand, conf, url).run())
    say(f"{count_text(written, 'picture')} in {errand.into}")
    return 0 if written else 1


class _Drawing:
    """The answers of one topic, drawn.

    Args:
        errand: what was asked for.
        conf: where payloads lie, and from where they may be fetched.
        url: of the broker.
    """

    def __init__(self, errand: DrawErrand, conf: Settings, url: str) -> None:
        self._errand = errand
        self._store = payload_store(conf)
        self._url = url

    async def run(self) -> int:
        """Draw each image that the answers are about; how many there were."""
        found: dict[str, list[Shape]] = {}
        try:
            answers = await self._answers()
            for answer in answers:
                root, shapes = answer.header(identity.ROOT) or "", shapes_of(answer.value)
                if root and shapes:
                    found.setdefault(root, []).extend(shapes)
            if not found:
                say(f"{escape(self._errand.topic)}: {_why_nothing(answers)}.")
            chosen = list(found.items())[: self._errand.limit]
            return sum([await self._draw(root, shapes) for root, shapes in chosen])
        except KafkaError as error:
            raise refused(error) from error

    async def _answers(self) -> list[Record]:
        """The records of the topic from where it is to begin, in order of time."""
        topic, start = self._errand.topic, self._errand.start
        seen = await survey(bootstrap_servers(self._url))
        if topic not in seen.topics:
            raise AimassError(unknown_topic(topic, self._url, seen.topics))
        found: list[Record] = []
        async with TopicReader(self._url, [topic]) as reader:
            ends = await reader.end_offsets()
            reader.seek(start_offsets(start, ends))
            while await reader.remains(ends):
                found += [one for chunk in await reader.poll() for one in records_of(chunk)]
        ordered = in_order(found)
        return ordered[int(start) :] if start.startswith("-") else ordered

    async def _draw(self, root: str, shapes: list[Shape]) -> bool:
        """Write one picture; whether there is an image to draw on."""
        try:
            image = decode_image(await self._image(root), Limits())
        except (RecordError, ConfigError) as error:
            say(f"{escape(root)}: {escape(str(error))}")
            return False
        path = self._errand.into / f"{root.replace('/', '-')}.png"
        try:
            self._errand.into.mkdir(parents=True, exist_ok=True)
            draw(image, shapes, self._errand.font).save(path)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error}.") from error
        sys.stdout.write(f"{path}\n")
        return True

    async def _image(self, root: str) -> bytes:
        """The file that a root names.

        Raises:
            ConfigError: it names no record that is there.
            RecordError: the record is no image, or its payload cannot be had.
        """
        topic, _, place = root.partition("/")
        partition, _, offset = place.partition("/")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise ConfigError("is no topic/partition/offset")
        at = {int(partition): (int(offset), int(offset))}
        if topic not in (await survey(bootstrap_servers(self._url))).topics:
            raise ConfigError(f"there is no topic {topic}")
        records = await read_range(self._url, topic, Image, at)
        if not records:
            raise ConfigError("the record is not there any more")
        (record,) = records
        record.check(Limits())
        if record.claim is not None:
            record.attach(self._store.fetch(record.claim, Limits()))
        return bytes(record.bytes)


def _why_nothing(answers: list[Record]) -> str:
    """Why none of these answers can be drawn."""
    if not answers:
        return "there are no answers here"
    if any(shapes_of(answer.value) for answer in answers):
        return f"records here do not say which image they are about (header {identity.ROOT})"
    return "answers here have no box, mask or keypoints"
