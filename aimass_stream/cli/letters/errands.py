"""`aimass dlq list` and `show`, from their options to what they print."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiokafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from aimass_stream.cli.letters.listing import Listing, list_json, list_lines
from aimass_stream.cli.letters.page import Page, page_json, page_lines, payload_of, write_payload
from aimass_stream.cli.letters.payloads import payload_store
from aimass_stream.cli.letters.selection import Selection, app_id_of, newest_first, refers
from aimass_stream.cli.record_text import escape, show_bytes
from aimass_stream.cli.terminal import hush_clients, say, use_broker
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import Settings, load_settings
from aimass_stream.errors import AimassError, RecordError
from aimass_stream.kafka.letters import Letters, fetch_letters, read_letters
from aimass_stream.kafka.revival import revive
from aimass_stream.kafka.survey import refused
from aimass_stream.records import Limits

PIPE_CHARS = 240
"""Length of a line that goes to no terminal."""


@dataclass(frozen=True, slots=True)
class ListErrand:
    """What `aimass dlq list` was asked for; see its help."""

    selection: Selection
    limit: int | None
    order: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class ShowErrand:
    """What `aimass dlq show` was asked for; see its help."""

    reference: str
    payload: Path | None
    as_json: bool


def run_list(errand: ListErrand, app: str, app_id: str | None) -> None:
    """Print the list.

    Raises:
        AimassError: it is not known whose letters are meant, or they cannot be read.
    """
    letters = _read(load_settings(), app, app_id)
    picked = newest_first(errand.selection.pick(letters))
    listing = Listing(
        letters, picked[::-1] if errand.order == "oldest" else picked, errand.limit, errand.order
    )
    if errand.as_json:
        sys.stdout.write(list_json(listing) + "\n")
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_CHARS
    print_lines(list_lines(listing, datetime.now().astimezone(), width))


def run_show(errand: ShowErrand, app: str, app_id: str | None) -> None:
    """Print the letters that are meant; write the payload of the newest of them.

    Raises:
        AimassError: there is none, its payload cannot be had, or the file is there already.
    """
    conf = load_settings()
    app_id = app_id_of(app, app_id)
    hush_clients()
    with use_broker(conf, is_brief=True) as url:
        pages = asyncio.run(_pages(url, app_id, errand.reference, conf))
    for number, page in enumerate(pages):
        if errand.as_json:
            sys.stdout.write(page_json(page) + "\n")
        else:
            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
            print_lines([*([Text()] if number else []), *page_lines(page, width)])
    if errand.payload is not None:
        _write(errand.payload, pages[0], payload_store(conf))


def print_lines(lines: Iterable[Text]) -> None:
    """Print on standard output, in colour where that is a terminal."""
    console = Console(highlight=False) if sys.stdout.isatty() else None
    for line in lines:
        if console is None:
            sys.stdout.write(line.plain.rstrip() + "\n")
        else:
            line.rstrip()
            console.print(line, soft_wrap=True)


def _read(conf: Settings, app: str, app_id: str | None) -> Letters:
    app_id = app_id_of(app, app_id)
    hush_clients()
    with use_broker(conf, is_brief=True) as url:
        try:
            return asyncio.run(read_letters(url, app_id))
        except KafkaError as error:
            raise refused(error) from error


async def _pages(url: str, app_id: str, reference: str, conf: Settings) -> list[Page]:
    """The letters meant by a reference, the newest first."""
    store = payload_store(conf)
    try:
        letters = await read_letters(url, app_id)
        found = [each for each in letters.letters if refers(reference, each, letters.topic)]
        pages = {}
        async with aclosing(fetch_letters(url, letters.topic, found)) as fetched:
            async for letter, record in fetched:
                try:
                    revived = await asyncio.to_thread(revive, letter, record, store.fetch)
                except RecordError:
                    revived = None
                pages[letter.place] = Page(letters, letter, record, revived)
    except KafkaError as error:
        raise refused(error) from error
    if not pages:
        raise AimassError(
            f"No dead letter {escape(reference)} on {letters.topic}. A letter is named by its "
            "aimass-id, by partition/offset, or by topic/partition/offset of its record; "
            "aimass dlq list shows them."
        )
    return [pages[letter.place] for letter in newest_first(found) if letter.place in pages]


def _write(path: Path, page: Page, store: PayloadStore) -> None:
    if page.revived is None:
        raise AimassError(
            "The payload lies in the payload store of another machine, or is gone: "
            f"{show_bytes(page.record.value)}"
        )
    value = page.revived.value
    try:
        payload = payload_of(page.revived, store.fetch, Limits(payload_bytes=sys.maxsize))
    except RecordError as error:
        raise AimassError(
            f"The payload of {page.letter.source} cannot be had: {error.detail}. "
            "aimass dlq show --json prints the record's value."
        ) from error
    write_payload(path, payload)
    what = "" if payload is value else " (out of the record's JSON)"
    say(f"Wrote {show_bytes(payload)}{what} to {path}")
