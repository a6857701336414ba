"""A question about a text, on a topic: one JSON object.

`{"question": "Who wrote it?", "context": "It was written by ...", ...metadata}`. A header
`meta-<name>` is metadata too, as text; a JSON field of the same name wins. Places in an answer
count the characters of `context` as it is here.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.chunk import Record
from aimass_stream.records.envelope import METADATA_BYTES
from aimass_stream.records.example import Example, draw_of, draw_text, draw_user
from aimass_stream.records.json_object import (
    METADATA_PREFIX,
    as_form,
    check_declared,
    read_object,
)
from aimass_stream.records.limits import Limits

# A byte of text takes up to six in JSON: a control character is written as \u0001.
_ESCAPE_BYTES = 6


class _Form(msgspec.Struct):
    question: str
    context: str


_OWN = frozenset(_Form.__struct_fields__)


class Question(Record):
    """A question record; its properties hold once `check` has accepted it."""

    __slots__ = ("_form",)

    _form: _Form

    @classmethod
    def examples(cls, count: int, seed: int = 0) -> list[Example]:
        """Questions about made-up sentences, all different."""
        draw = draw_of(seed, "question")
        found = []
        for number in range(count):
            context, user = draw_text(draw, number), draw_user(draw)
            found.append(Example(encode_question("What happened?", context), user.encode()))
        return found

    def check(self, limits: Limits) -> None:
        """Accept the object; question and context together are bounded as a text is.

        Raises:
            RecordError: EMPTY (also for a tombstone, and for a blank question or context),
                TOO_LARGE, BAD_ENVELOPE, or TYPE_MISMATCH (declared not to be JSON).
        """
        if self.headers:
            check_declared(self.headers)
        fields = read_object(self.value, _ESCAPE_BYTES * limits.text_bytes + METADATA_BYTES)
        form = as_form(fields, _Form)
        size = len(form.question.encode()) + len(form.context.encode())
        if size > limits.text_bytes:
            raise RecordError(
                Reason.TOO_LARGE,
                f"{size} bytes of text are more than the limit of {limits.text_bytes}",
            )
        for name in ("question", "context"):
            if not getattr(form, name).strip():
                raise RecordError(Reason.EMPTY, f"the {name} has no visible character")
        self._form = form

    @property
    def question(self) -> str:
        """What is asked."""
        return self._form.question

    @property
    def context(self) -> str:
        """Where the answer is looked for."""
        return self._form.context

    @property
    def metadata(self) -> dict[str, Any]:
        """Everything the producer sent beside the two texts; a copy."""
        start = len(METADATA_PREFIX)
        found: dict[str, Any] = {
            name[start:]: held.decode(errors="replace")
            for name, held in self.headers
            if name.startswith(METADATA_PREFIX)
        }
        fields = orjson.loads(self.value or b"{}")
        found.update((name, held) for name, held in fields.items() if name not in _OWN)
        return found

    @property
    def bytes(self) -> bytes:
        """Question and context alone, as JSON in UTF-8."""
        return orjson.dumps({"question": self.question, "context": self.context})


def encode_question(question: str, context: str, metadata: dict[str, Any] | None = None) -> bytes:
    """The value of a question record; it needs no headers.

    Raises:
        ValueError: a text is blank or holds half a surrogate pair, or the metadata does not fit.
    """
    if not (question.strip() and context.strip()):
        raise ValueError("question and context need a visible character each")
    own = {"question": question, "context": context}
    if metadata and own.keys() & metadata.keys():
        raise ValueError("metadata may not use the names 'question' and 'context'")
    try:
        return orjson.dumps({**own, **(metadata or {})})
    except orjson.JSONEncodeError as error:
        raise ValueError(f"the texts or metadata cannot be written as JSON: {error}") from error
