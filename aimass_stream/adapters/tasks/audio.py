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
    a_text,
    at_least,
    between,
)
from aimass_stream.codecs.audio_headers import length_s
from aimass_stream.codecs.text import estimate_tokens
from aimass_stream.records import Prediction, Record, Speech, Transcript
from aimass_stream.transforms.chain import Chain, Kind, chain_of

_HOME = "aimass_stream.adapters.transformers_"


class Sounds(Common, total=False):
    """Settings of every task that hears."""

    before: Chain


class AudioClassification(Sounds, total=False):
    """Settings of `audio-classification`."""

    top: int
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
    vocoder: str


def _seconds(record: Record, settings: Mapping[str, Any]) -> float:
    """Seconds of audio: rows are padded to the longest."""
    del settings
    return length_s(record.bytes)


def _tokens(record: Record, settings: Mapping[str, Any]) -> float:
    """Tokens of a text: what is spoken is about as long."""
    return min(estimate_tokens(record.bytes), float(settings["max_tokens"]))


_BEFORE = Setting([], chain_of(Kind.SOUND))

AUDIO_TASKS: Mapping[str, Task] = {
    "audio-classification": Task(
        _HOME + "audio:AudioClassifier",
        Prediction,
        {"top": TOP, "dtype": DTYPE, "before": _BEFORE},
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
            "vocoder": Setting("vocoder", a_text),
        },
        _tokens,
        seeded=True,
    ),
}
"""By name."""
