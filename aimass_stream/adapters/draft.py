"""A text while it is written, token by token: what is new of it, and where it ends.

It is told in whole words, since tokens to come may still change the last one: a character may
need several of them, and tokenizers move spaces around signs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from aimass_stream.records.generated import Stop

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"


class Draft:
    """A text that is being written.

    Args:
        decode: tokens to text, without special tokens.
        ends: tokens that end a text.
        most: tokens of it at the most.
        stops: texts that end it, and are no part of it.

    Attributes:
        text: so far, or the whole once `stop` is known.
        stop: why it ended; None while it is written.
        count: tokens that were written, what ended it included.
    """

    def __init__(
        self,
        decode: Callable[[list[int]], str],
        ends: Collection[int],
        most: int,
        stops: Sequence[str] = (),
    ) -> None:
        self._decode = decode
        self._ends = ends
        self._most = most
        self._stops = stops
        self._tokens: list[int] = []
        self._told = ""
        self.text = ""
        self.stop: Stop | None = None
        self.count = 0

    def add(self, token: int) -> str:
        """Write one more token; the words that are certain now and were not told before."""
        self.count += 1
        if token in self._ends:
            self.stop = "end"
        else:
            self._tokens.append(token)
            self.text = self._decode(self._tokens)
            self._look_for_stops()
            if self.stop is None and self.count >= self._most:
                self.stop = "length"
        certain = self.text if self.stop else self.text[: self._certain_end()]
        if len(certain) <= len(self._told) or not certain.startswith(self._told):
            return ""
        new, self._told = certain[len(self._told) :], certain
        return new

    def _look_for_stops(self) -> None:
        found = [at for each in self._stops if (at := self.text.find(each)) >= 0]
        if found:
            self.text, self.stop = self.text[: min(found)], "stop"

    def _certain_end(self) -> int:
        """Where the last word begins that may still change, or a text at which it may stop."""
        text = self.text
        end = len(text)
        while end and (text[end - 1] == _UNFINISHED or not _is_settled(text[end - 1])):
            end -= 1
        while end and text[end - 1].isspace():
            end -= 1
        begun = [
            len(text) - size
            for each in self._stops
            for size in range(1, len(each))
            if text.endswith(each[:size])
        ]
        return min([end, *begun])


def _is_settled(character: str) -> bool:
    """Whether a word ends with this character, whatever follows; none does in Latin script."""
    return not character.isascii() or character.isspace()
