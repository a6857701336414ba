"""Tasks that hear, and those that speak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aimass_stream.adapters.tasks.task import (
    DTYPE,
    MAX_TOKENS,
    TOP,
    Common,
    Setting,
    Task,
    Told,
    a_text,
    always,
    at_least,
    between,
)
from aimass_stream.adapters.tasks.told import read_manner
from aimass_stream.codecs.audio_headers import length_s
from aimass_stream.codecs.text import estimate_tokens
from aimass_stream.records import Embedding, Prediction, Record, Speech, Transcript
from aimass_stream.transforms.chain import Chain, Kind, chain_of

_HOME = "aimass_stream.adapters.transformers_"


class Sounds(Common, total=False):
    """Settings of every task that hears."""

    before: Chain


class AudioClassification(Sounds, total=False):
    """Settings of `audio-classification`."""

    top: int
    dtype: str


class AudioEmbedding(Sounds, total=False):
    """Settings of `audio-embedding`."""

    dtype: str


class Recognition(Sounds, total=False):
    """Settings of `automatic-speech-recognition`."""

    max_new_tokens: int


class Synthesis(Common, total=False):
    """Settings of `text-to-speech`."""

    before: Chain
    max_tokens: int
    max_seconds: float
    speaker: int
    styles: Mapping[str, Mapping[str, float]]
    vocoder: str


def _seconds(record: Record, settings: Mapping[str, Any]) -> float:
    """Seconds of audio: rows are padded to the longest."""
    del settings
    return length_s(record.bytes)


def _tokens(record: Record, settings: Mapping[str, Any]) -> float:
    """Tokens of a text: what is spoken is about as long."""
    return min(estimate_tokens(record.bytes), float(settings["max_tokens"]))


def _styles(value: Any) -> str:
    """Names, each with what it changes."""
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value):
        return "is no mapping of names to styles"
    for name, style in value.items():
        if not isinstance(style, Mapping) or not name or style.keys() - _CHANGES.keys():
            return f"has the style {name!r}, which is none: it may have {', '.join(_CHANGES)}"
        for change, number in style.items():
            wrong = between(*_CHANGES[change])(number)
            if wrong:
                return f"has the style {name!r}, whose {change} {wrong}"
    return ""


_CHANGES = {"speed": (0.25, 4.0), "variation": (0.0, 2.0)}
_BEFORE = Setting([], chain_of(Kind.SOUND))

AUDIO_TASKS: Mapping[str, Task] = {
    "audio-classification": Task(
        _HOME + "audio:AudioClassifier",
        Prediction,
        {"top": TOP, "dtype": DTYPE, "before": _BEFORE},
        _seconds,
    ),
    "audio-embedding": Task(
        _HOME + "audio_embeddings:AudioEncoder",
        Embedding,
        {"dtype": DTYPE, "before": _BEFORE},
        _seconds,
    ),
    "automatic-speech-recognition": Task(
        _HOME + "recognition:Recogniser",
        Transcript,
        {"max_new_tokens": Setting(256, between(1, 4096)), "before": _BEFORE},
        _seconds,
    ),
    "text-to-speech": Task(
        _HOME + "synthesis:Speaker",
        Speech,
        {
            "before": Setting([], chain_of(Kind.TEXT)),
            "max_tokens": MAX_TOKENS,
            "max_seconds": Setting(60.0, between(0.1, 600)),
            "speaker": Setting(0, at_least(0)),
            "styles": Setting({}, _styles),
            "vocoder": Setting("vocoder", a_text),
        },
        _tokens,
        seeded=True,
        told=Told(always, read_manner, is_required=False),
    ),
}
"""By name."""

SPOKEN_BY_TORCH: Mapping[str, Task] = {
    "text-to-speech": AUDIO_TASKS["text-to-speech"]._replace(
        adapter="aimass_stream.adapters.tacotron:TacotronSpeaker"
    ),
}
"""Those of networks that are no transformers models, by name."""
