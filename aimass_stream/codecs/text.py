"""UTF-8 to text as a tokenizer is given it, and how many tokens that may make."""

from __future__ import annotations

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.limits import Limits

# One for one, so that places in the text stay. Tab and line breaks are white space already.
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160)], " ")

_CHARS_PER_TOKEN = 4
_TOKENS_PER_WORD = 1.3
_LETTERS_OF_LONG_WORDS = 8
_SPECIAL_TOKENS = 2


def decode_text(payload: bytes | memoryview, limits: Limits) -> str:
    """The text, each control character but tab and line breaks replaced by a space.

    Raises:
        RecordError: EMPTY, TOO_LARGE or UNDECODABLE (not UTF-8).
    """
    if len(payload) > limits.text_bytes:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{len(payload)} bytes of text are more than the limit of {limits.text_bytes}",
        )
    try:
        text = str(payload, "utf-8").translate(_CONTROLS)
    except UnicodeDecodeError as error:
        raise RecordError(
            Reason.UNDECODABLE, f"the text is not UTF-8 (byte {error.start})"
        ) from None
    if not text or text.isspace():
        raise RecordError(Reason.EMPTY, "the text has no visible character")
    return text


def estimate_tokens(payload: bytes | memoryview) -> float:
    """About how many tokens a text makes, without a tokenizer; never below 2.

    Of an alphabet, four letters count as a token, and so do three quarters of a word: the mean of
    both serves tokenizers with few pieces, which cut by letters, and with many, which cut by words.
    A character of three bytes (Chinese, Japanese) counts as one; one of two bytes lies between.
    """
    text = str(payload, "utf-8", "replace")
    wide = (len(payload) - len(text)) / 2
    narrow = max(0.0, len(text) - wide)
    words = max(min(narrow, text.count(" ") + 1), narrow / _LETTERS_OF_LONG_WORDS)
    both = (narrow / _CHARS_PER_TOKEN + words * _TOKENS_PER_WORD) / 2
    return wide + both + _SPECIAL_TOKENS
