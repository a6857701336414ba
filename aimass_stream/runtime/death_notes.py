"""How device processes ended, told to the workers that lost them.

Only the owner of a process learns how it ended, and a worker has another owner. So the owner keeps
a file beside the socket, and a link that gives a model up looks there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from aimass_stream.runtime.processes import Exit

_NAME = "deaths.json"
_KEPT = 16
_SAID_LINES = 5


class _Note(msgspec.Struct, frozen=True):
    pid: int
    reason: str
    last_words: str


def note_deaths(socket_path: Path, deaths: Iterable[Exit]) -> None:
    """Write down how the latest processes behind a socket ended; a full disk costs the note."""
    notes = [_Note(each.pid, each.reason, each.last_words) for each in deaths][-_KEPT:]
    draft = socket_path.with_name(f"{_NAME}.draft")
    with contextlib.suppress(OSError):
        draft.write_bytes(msgspec.json.encode(notes))
        # Renamed, since a worker may read it at any time.
        draft.replace(socket_path.with_name(_NAME))


def tell_death(socket_path: Path, pids: Sequence[int]) -> tuple[str, str]:
    """How the latest of some processes ended of which that is known.

    Returns:
        The exit code or signal, and the last lines it said; either may be empty.
    """
    try:
        found = msgspec.json.decode(socket_path.with_name(_NAME).read_bytes(), type=list[_Note])
    except (OSError, msgspec.DecodeError):
        return "", ""
    ended = next((note for note in reversed(found) if note.pid in pids), None)
    return (ended.reason, ended.last_words) if ended is not None else ("", "")


def said_last(words: str) -> str:
    """The last lines of a process as the end of a sentence; empty where it said nothing."""
    lines = words.splitlines()[-_SAID_LINES:]
    return "; it last said:\n" + "\n".join(lines) if lines else ""
