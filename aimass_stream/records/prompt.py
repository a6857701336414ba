r"""A prompt on a topic: a text, what fills the model's template beside it, and how to write on.

`{"text": "...", "max_new_tokens": 40, "temperature": 0.7, "stop": ["\\n"], "style": "formal"}`, or
a raw text as `Text` takes it. Fields that hold text, `style` here, fill the gaps of that name in
the template of the model's declaration; where it has none, they are metadata.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec
import orjson

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.example import Example, draw_of, draw_text, draw_user
from aimass_stream.records.json_object import as_form
from aimass_stream.records.limits import Limits
from aimass_stream.records.text import Text

_StopText = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class PromptControls(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one prompt is to be written on from, within what the model's declaration allows.

    Attributes:
        max_new_tokens: tokens that are written at the most; None for the declaration's.
        temperature: instead of the declaration's.
        stop: texts at which to stop.
        fields: what fills the template's gaps, by name.
    """

    max_new_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    stop: Annotated[tuple[_StopText, ...], msgspec.Meta(max_length=8)] = ()
    fields: dict[str, str] = {}


class PromptText(msgspec.Struct, frozen=True):
    """A prompt as an answer; in JSON it is what `Prompt` and `Text` read.

    Attributes:
        text: what a model is to write on from.
    """

    text: str


class Prompt(Text):
    """A prompt record; its properties hold once `check` has accepted it."""

    __slots__ = ("_controls",)

    _controls: PromptControls

    @classmethod
    def examples(cls, count: int, seed: int = 0) -> list[Example]:
        """Sentences to write on from, every second with controls."""
        draw = draw_of(seed, "prompt")
        found = []
        for number in range(count):
            text, user = draw_text(draw, number), draw_user(draw)
            controls = PromptControls(max_new_tokens=draw.randrange(1, 9)) if number % 2 else None
            found.append(Example(encode_prompt(text, controls), user.encode()))
        return found

    def check(self, limits: Limits) -> None:
        """Accept a text with controls that are what they should be.

        Raises:
            RecordError: as of `Text`; also BAD_ENVELOPE for a control of another type, or one
                that makes no sense.
        """
        super().check(limits)
        told = {name: held for name, held in (self._fields or {}).items() if name != "fields"}
        form = as_form(told, PromptControls) if told else PromptControls()
        if form.temperature is not None and not math.isfinite(form.temperature):
            raise RecordError(Reason.BAD_ENVELOPE, "temperature is no finite number")
        fields = {name: held for name, held in told.items() if isinstance(held, str)}
        self._controls = msgspec.structs.replace(form, fields=fields)

    @property
    def controls(self) -> PromptControls:
        """How to write on."""
        return self._controls


def encode_prompt(text: str, controls: PromptControls | None = None) -> bytes:
    """The value of a prompt record; it needs no headers.

    Raises:
        ValueError: the text is blank, or a field has the name of a control.
    """
    if not text.strip():
        raise ValueError("the text has no visible character")
    told: dict[str, Any] = msgspec.to_builtins(controls or PromptControls())
    fields = told.pop("fields", {})
    if fields.keys() & {"text", *PromptControls.__struct_fields__}:
        raise ValueError("a field may not have the name of a control")
    return orjson.dumps({"text": text, **told, **fields})
