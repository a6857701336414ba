"""What a check found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `aimass doctor`.

    Attributes:
        status: only FAIL fails the command.
        check: what was looked at.
        text: what was found.
        fix: what to do or type; empty where nothing is to be done.
        details: more lines.
    """

    status: Status
    check: str
    text: str
    fix: str = ""
    details: Sequence[str] = ()


def ok(check: str, text: str, details: Sequence[str] = ()) -> Finding:
    """Nothing to do."""
    return Finding(Status.OK, check, text, details=details)


def warn(check: str, text: str, fix: str, details: Sequence[str] = ()) -> Finding:
    """Works, and may not be what is wanted."""
    return Finding(Status.WARN, check, text, fix, details)


def fail(check: str, text: str, fix: str, details: Sequence[str] = ()) -> Finding:
    """Does not work."""
    return Finding(Status.FAIL, check, text, fix, details)
