"""An item to send, and the record it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Form(StrEnum):
    """How a payload lies in its record."""

    RAW = "raw"
    JSON = "json"
    CLAIM = "claim"


class KeyFrom(StrEnum):
    """What the key of a file's record is."""

    FOLDER = "folder"
    NAME = "name"


class UnsendableError(Exception):
    """An item that cannot be a record; the others go on. Its text is the reason."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A record that is about to be sent.

    Attributes:
        doubt: why the engine will probably not answer it; empty where nothing speaks against.
    """

    value: bytes
    key: bytes | None
    headers: list[tuple[str, bytes]]
    doubt: str = ""


class Item(Protocol):
    """One record to be: a file, or a line of one."""

    @property
    def id(self) -> str:
        """Names the item and its content in the journal; no spaces, the same in every run."""

    @property
    def name(self) -> str:
        """What people call it."""

    def load(self) -> Parcel:
        """Read it; blocks, and runs in any thread.

        Raises:
            UnsendableError: it cannot be a record.
        """
