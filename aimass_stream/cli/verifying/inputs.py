"""What `aimass verify` sends: files that are named for a topic, by what its records are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from aimass_stream.cli.app_report import SourceReport
from aimass_stream.cli.producing.audio import AUDIO
from aimass_stream.cli.producing.behaviour import find_events
from aimass_stream.cli.producing.event_form import EventForm
from aimass_stream.cli.producing.images import IMAGES
from aimass_stream.cli.producing.items import Form, Item, KeyFrom, UnsendableError
from aimass_stream.cli.producing.lines import find_lines
from aimass_stream.cli.producing.payloads import PayloadKind, find_payloads
from aimass_stream.cli.producing.text import TextForm, find_texts
from aimass_stream.config import Settings
from aimass_stream.errors import ConfigError
from aimass_stream.records import Example

MOST = 200
"""Inputs of a topic; they are sent over and over."""

_PAYLOADS: Mapping[str, PayloadKind] = {"Image": IMAGES, "Audio": AUDIO}


def parse_inputs(texts: Iterable[str]) -> dict[str, Path]:
    """Files by topic, from `TOPIC=PATH`.

    Raises:
        ValueError: one is not written so, or its path does not exist.
    """
    found: dict[str, Path] = {}
    for text in texts:
        topic, sign, path = text.partition("=")
        if not sign or not topic or not path:
            raise ValueError(f"{text!r} is no TOPIC=PATH")
        if not Path(path).exists():
            raise ValueError(f"{path} does not exist")
        found[topic] = Path(path).absolute()
    return found


def read_inputs(source: SourceReport, path: Path, conf: Settings) -> list[Example]:
    """The first records that a folder or file holds for a topic.

    A folder holds images or audio. A file holds lines: texts, events, or values as they are to be
    sent, whatever the record type of the topic takes.

    Raises:
        ConfigError: nothing in it can be sent.
        AimassError: there is nothing in it.
    """
    if (kind := _PAYLOADS.get(source.record)) is not None:
        if not path.is_dir():
            raise ConfigError(f"--inputs {source.topic}={path} must be a folder of {kind.noun}s")
        items = find_payloads(path, conf, kind, Form.RAW, KeyFrom.NAME).items
    elif path.is_dir():
        raise ConfigError(f"--inputs {source.topic}={path} must be a file of lines")
    elif source.record == "Text":
        items = find_texts([path], TextForm()).items
    elif source.record == "Behaviour":
        items = find_events([path], EventForm()).items
    else:
        return [
            Example(line.read(), f"{line.number}".encode())
            for line in islice(find_lines(path), MOST)
        ]
    return _load(items, source, path)


def _load(items: Sequence[Item], source: SourceReport, path: Path) -> list[Example]:
    inputs: list[Example] = []
    reason = ""
    for item in items:
        if len(inputs) == MOST:
            break
        try:
            parcel = item.load()
        except UnsendableError as error:
            reason = f"{item.name}: {error}"
            continue
        inputs.append(Example(parcel.value, parcel.key, tuple(parcel.headers)))
    if not inputs:
        raise ConfigError(f"Nothing in {path} can be sent to {source.topic}; {reason}")
    return inputs
