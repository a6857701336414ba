"""A tutorial as a list of steps: files to write and commands to type, taken from its Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = "$ "
_ANY = "..."


@dataclass(frozen=True)
class File:
    """A file to write."""

    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """A line to type.

    Attributes:
        shown: the lines that the tutorial shows below it.
    """

    line: str
    shown: tuple[str, ...]


def steps_of(markdown: str) -> list[File | Command]:
    """Every fenced block, in order.

    Raises:
        ValueError: a block is neither a file with a title nor commands.
    """
    steps: list[File | Command] = []
    for language, title, text in _FENCE.findall(markdown):
        if title:
            steps.append(File(title, text))
        elif language == "console":
            steps += _commands(text)
        else:
            raise ValueError(f"a block of {language} that nothing can be done with: {text[:60]!r}")
    return steps


def missing_line(shown: Sequence[str], printed: str) -> str | None:
    """The first line that is shown and was not printed behind those before it; None if all were.

    Three dots stand for anything, and alone on a line for any lines. Spaces count as one, since
    columns are filled up. Lines that are printed and not shown, such as that Kafka starts, do not
    count.
    """
    lines = iter(" ".join(line.split()) for line in printed.splitlines())
    for line in shown:
        pattern = ".*".join(re.escape(" ".join(part.split())) for part in line.split(_ANY))
        if line != _ANY and not any(re.fullmatch(pattern, one) for one in lines):
            return line
    return None


def _commands(text: str) -> Iterator[Command]:
    first, *typed = re.split(r"^\$ ", text, flags=re.MULTILINE)
    if first:
        raise ValueError(f"lines before the first {_PROMPT!r}: {first!r}")
    for each in typed:
        line, *shown = each.splitlines()
        yield Command(line, tuple(shown))
