"""Which dead letters a command is about: its filters, and the words they are written in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from aimass_stream.cli.app_place import has_app
from aimass_stream.cli.app_report import AppQuestion
from aimass_stream.errors import ConfigError, Reason
from aimass_stream.kafka.letters import Letter, Letters

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PLACE = re.compile(r"(?:(.+)/)?(\d+)/(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Filters; a letter must meet each that is given, and of one kind any.

    Attributes:
        models: `name` or `name@version`.
        since_ms: dead-lettered then or later, milliseconds since the epoch.
        until_ms: dead-lettered before.
        ids: references: see `refers`.
        words: the filters as they were typed, for the audit.
    """

    reasons: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    ids: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words)

    def pick(self, letters: Letters) -> list[Letter]:
        """The letters that meet the filters."""
        return [letter for letter in letters.letters if self._meets(letter, letters.topic)]

    def _meets(self, letter: Letter, topic: str) -> bool:
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.agents or letter.agent in self.agents)
            and (not self.models or any(_is_of(letter, model) for model in self.models))
            and (not self.topics or letter.topic in self.topics)
            and (self.since_ms is None or letter.written_ms >= self.since_ms)
            and (self.until_ms is None or letter.written_ms < self.until_ms)
            and (not self.ids or any(refers(each, letter, topic) for each in self.ids))
        )


def refers(reference: str, letter: Letter, topic: str) -> bool:
    """Whether a reference means this letter.

    Args:
        reference: an `aimass-id`; `partition/offset` of a letter on the dead letter topic, or
            the same with that topic before it; `topic/partition/offset` of the record.
        letter: the letter.
        topic: the dead letter topic.
    """
    place = _PLACE.fullmatch(reference)
    if place is None:
        return reference == letter.id
    if place[1] in (None, topic):
        return letter.place == (int(place[2]), int(place[3]))
    return reference == letter.source


def app_id_of(app: str, app_id: str | None) -> str:
    """The id of the app whose letters are meant.

    Args:
        app: the package, as for `aimass worker --app`.
        app_id: the id itself, where it was given.

    Raises:
        ConfigError: the package is not there, or cannot be imported.
    """
    if app_id is not None:
        return app_id
    if not has_app(app):
        raise ConfigError(
            f"There is no app {app!r} in this folder, so it is not known whose dead letters are "
            "meant. Name the app by its id: --app-id ID"
        )
    way_out = "Without importing it the app is named by its id: --app-id ID."
    return AppQuestion(app).answer(way_out=way_out).id


def read_reason(word: str) -> str:
    """A reason as it was typed.

    Raises:
        ValueError: there is no such reason; the text names those near.
    """
    known = [reason.value for reason in Reason]
    if word in known:
        return word
    near = get_close_matches(word, known) or known
    raise ValueError(f"{word!r} is no reason; did you mean: {', '.join(near)}")


def read_moment(text: str, now: datetime) -> int:
    """A moment in milliseconds since the epoch.

    Args:
        text: how long ago, e.g. `90s`, `30m`, `2h`, `1.5d`; or an ISO time, local unless it
            says otherwise.
        now: local time.

    Raises:
        ValueError: it is neither.
    """
    duration = _DURATION.fullmatch(text)
    if duration:
        return round(now.timestamp() * 1000 - float(duration[1]) * _UNIT_MS[duration[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a duration such as 2h nor a time such as "
            f"{now.isoformat(timespec='minutes', sep='T')[:16]}"
        ) from None
    return round(
        (moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)).timestamp() * 1000
    )


def newest_first(letters: Iterable[Letter]) -> list[Letter]:
    """Letters by the time they were written."""
    return sorted(letters, key=lambda letter: (letter.written_ms, letter.place), reverse=True)


def _is_of(letter: Letter, model: str) -> bool:
    return any(model in (each, each.partition("@")[0]) for each in letter.models)
