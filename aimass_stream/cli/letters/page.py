"""One dead letter, whole, as a person reads it. Nothing in it can act on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from aimass_stream.cli.letters.listing import letter_json, place_text
from aimass_stream.cli.record_text import about_record, escape, json_line, show_bytes, time_text
from aimass_stream.cli.units import size_text
from aimass_stream.errors import AimassError, ConfigError, RecordError
from aimass_stream.kafka.dead_letters import take_back
from aimass_stream.kafka.letters import Letter, Letters
from aimass_stream.kafka.replays import Replay
from aimass_stream.kafka.revival import FetchPayload, Revived
from aimass_stream.records import Limits, Record, identity
from aimass_stream.records.envelope import read_envelope

MIN_CELLS = 20
"""Of a text, however narrow the terminal."""


@dataclass(frozen=True, slots=True)
class Page:
    """A dead letter to show.

    Attributes:
        letters: all of the app.
        letter: what it says.
        record: the dead letter itself.
        revived: with its record's value; None where that cannot be had.
    """

    letters: Letters
    letter: Letter
    record: Record
    revived: Revived | None


def page_lines(page: Page, width: int | None) -> list[Text]:
    """Everything a dead letter says.

    Args:
        page: what to show.
        width: cells of a line, what is longer goes on below; None for lines of any length.
    """
    now = datetime.now().astimezone()
    letters, letter, record = page.letters, page.letter, page.record
    lines = [Text(place_text(letter.place, letters.topic), "bold cyan")]
    facts = [
        ("reason", letter.reason, "bold red"),
        ("error", letter.error, ""),
        ("agent", letter.agent, ""),
        ("model", letter.model, ""),
        ("record", letter.source, ""),
        ("root", "" if letter.root == letter.source else letter.root, ""),
        ("id", letter.id, ""),
        ("time", f"{time_text(letter.timestamp_ms, now)} (of the record)", ""),
        ("written", time_text(letter.written_ms, now), ""),
        ("key", "-" if record.key is None else show_bytes(record.key), ""),
        ("value", _value_text(record, page.revived), ""),
        ("repeats", ", ".join(place_text(each.place) for each in letters.repeats(letter)), ""),
    ]
    replays = letters.replays.get(letter.place, ())
    facts += [("replayed", replay_text(replay, now), "green") for replay in replays]
    lines += _columns(facts, width)
    headers = [(name, show_bytes(held), "") for name, held in take_back(record.headers)]
    if headers:
        lines += [Text(), Text("headers of the record", "dim"), *_columns(headers, width)]
    trace = (record.header(identity.TRACE) or "").splitlines()
    if trace:
        # The error's own text may quote a payload, so it is kept apart from the trace.
        head = Text("traceback (its text is the error above)", "dim")
        lines += [Text(), head, *_columns([("", t, "") for t in trace], width)]
    return lines


def page_json(page: Page) -> str:
    """The same for a program, on one line; the value is that of the record."""
    letter, dead = page.letter, page.record
    value = dead.value if page.revived is None else page.revived.value
    record = Record(
        letter.topic,
        letter.partition,
        letter.offset,
        letter.timestamp_ms,
        dead.key,
        value,
        take_back(dead.headers),
    )
    about = letter_json(letter, page.letters)
    about["trace"] = dead.header(identity.TRACE)
    about["repeats"] = [each.place for each in page.letters.repeats(letter)]
    about["record"] = about_record(record)
    return json_line(about)


def replay_text(replay: Replay, now: datetime) -> str:
    """One replay in one line."""
    what = f"written again at {replay.to}" if replay.mode == "source" else f"run with {replay.to}"
    fate = "" if replay.outcome == "sent" else f": {replay.outcome.replace('_', '-')}"
    return f"{time_text(replay.at_ms, now)} by {replay.by}, {what}{fate}"


def payload_of(revived: Revived, fetch: FetchPayload, limits: Limits) -> bytes:
    """The file in a record: what its JSON form carries or claims, else its value as it is.

    Raises:
        RecordError: the claim's payload cannot be had.
    """
    value = revived.value
    if not value[:64].lstrip().startswith(b"{"):
        return value
    try:
        envelope = read_envelope(value, limits)
    except RecordError:
        return value
    if envelope.claim is not None:
        return fetch(envelope.claim, limits)
    return envelope.payload or b""


def write_payload(path: Path, payload: bytes) -> None:
    """Write a payload to a file that is not there yet.

    Raises:
        AimassError: it is there.
        ConfigError: it cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.write(payload)
    except FileExistsError:
        raise AimassError(f"{path} is there already. Remove it, or name another file.") from None
    except OSError as error:
        raise ConfigError(f"The payload cannot be written to {path}: {error}") from error


def _value_text(record: Record, revived: Revived | None) -> str:
    if revived is None:
        return f"in the payload store, and cannot be had: {show_bytes(record.value)}"
    size, shown = size_text(len(revived.value)), show_bytes(revived.value)
    where = " (from the payload store)" if revived.claim else ""
    return f"{shown}{where}" if size in shown else f"{size}{where}: {shown}"


def _columns(facts: Sequence[tuple[str, str, str]], width: int | None) -> Iterable[Text]:
    """Labels, and texts beside them that go on below themselves."""
    shown = [(escape(label), escape(text), style) for label, text, style in facts if text]
    size = max((Text(label).cell_len for label, _, _ in shown if label), default=-2)
    for label, text, style in shown:
        head = f"  {label}{' ' * (size - Text(label).cell_len + 2)}"
        room = None if width is None else max(width - size - 4, MIN_CELLS)
        for number, part in enumerate(_wrapped(Text(text, style), room)):
            yield Text.assemble((" " * (size + 4) if number else head, "dim"), part)


def _wrapped(text: Text, width: int | None) -> Iterable[Text]:
    if width is None or text.cell_len <= width:
        return [text]
    return text.wrap(Console(), width, overflow="fold")
