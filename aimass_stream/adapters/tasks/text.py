"""Tasks whose records are texts, or questions about texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Required

from aimass_stream.adapters.tasks.task import (
    DTYPE,
    ENGINE,
    LABELS,
    MAX_TOKENS,
    THRESHOLD,
    TOP,
    Common,
    Setting,
    Task,
    Told,
    a_text,
    always,
    at_least,
    between,
    engine_clash,
    on_or_off,
    template_of,
    texts_by_name,
)
from aimass_stream.adapters.tasks.told import read_controls
from aimass_stream.codecs.text import estimate_tokens
from aimass_stream.records import (
    Embedding,
    Entities,
    Estimate,
    Generated,
    Labels,
    Prediction,
    Record,
    Span,
)
from aimass_stream.transforms.chain import Chain, Kind, chain_of

_HOME = "aimass_stream.adapters.transformers_"


class Texts(Common, total=False):
    """Settings of every task on texts."""

    max_tokens: int


class TokenClassification(Texts, total=False):
    """Settings of `token-classification`."""

    engine: str


class CleanedTexts(Texts, total=False):
    """Settings of tasks whose answers say nothing of places in the text."""

    before: Chain


class TextClassification(CleanedTexts, total=False):
    """Settings of `text-classification`."""

    top: int
    dtype: str
    engine: str


class Embeddings(CleanedTexts, total=False):
    """Settings of `sentence-embedding`."""

    dtype: str
    engine: str


class TextLabels(CleanedTexts, total=False):
    """Settings of `multi-label-classification`."""

    top: int
    threshold: float


class OpenLabels(CleanedTexts, total=False):
    """Settings of `zero-shot-classification`."""

    labels: Required[Sequence[str]]
    template: str
    top: int


class Reading(Texts, total=False):
    """Settings of `question-answering`."""

    stride: int
    max_answer_tokens: int
    may_decline: bool


class Writing(CleanedTexts, total=False):
    """Settings of `summarization` and `translation`."""

    template: str
    max_new_tokens: int
    beams: int
    source_language: str
    target_language: str


class Generation(CleanedTexts, total=False):
    """Settings of `text-generation`."""

    template: str
    fields: Mapping[str, str]
    together: int
    max_new_tokens: int
    temperature: float
    top_k: int
    top_p: float


def _tokens(record: Record, settings: Mapping[str, Any]) -> float:
    """Tokens of a text, estimated: rows are padded to the longest."""
    return min(estimate_tokens(record.bytes), float(settings["max_tokens"]))


def _written(record: Record, settings: Mapping[str, Any]) -> float:
    """Tokens that are read, and those that may be written."""
    return _tokens(record, settings) + float(settings["max_new_tokens"])


def _labelled(record: Record, settings: Mapping[str, Any]) -> float:
    """The text is read once for each label."""
    return _tokens(record, settings) * len(settings["labels"])


_BEFORE = Setting([], chain_of(Kind.TEXT))
_TEMPLATE = Setting("{text}", template_of("text"))
_NEW_TOKENS = Setting(64, between(1, 4096))
_WRITING = {
    "before": _BEFORE,
    "max_tokens": MAX_TOKENS,
    "template": _TEMPLATE,
    "max_new_tokens": _NEW_TOKENS,
    "beams": Setting(1, between(1, 16)),
    "source_language": Setting("", a_text),
    "target_language": Setting("", a_text),
}

TEXT_TASKS: Mapping[str, Task] = {
    "text-classification": Task(
        _HOME + "text:TextClassifier",
        Prediction,
        {
            "top": TOP,
            "max_tokens": MAX_TOKENS,
            "dtype": DTYPE,
            "engine": ENGINE,
            "before": _BEFORE,
        },
        _tokens,
        clash=engine_clash,
    ),
    "multi-label-classification": Task(
        _HOME + "labels:LabelFinder",
        Labels,
        {"top": TOP, "threshold": THRESHOLD, "max_tokens": MAX_TOKENS, "before": _BEFORE},
        _tokens,
    ),
    "text-regression": Task(
        _HOME + "labels:Estimator", Estimate, {"max_tokens": MAX_TOKENS, "before": _BEFORE}, _tokens
    ),
    "zero-shot-classification": Task(
        _HOME + "labels:OpenLabeller",
        Prediction,
        {
            "before": _BEFORE,
            "labels": LABELS,
            "template": Setting("This example is {label}.", template_of("label")),
            "top": TOP,
            "max_tokens": MAX_TOKENS,
        },
        _labelled,
    ),
    "token-classification": Task(
        _HOME + "entities:EntityFinder",
        Entities,
        {"max_tokens": MAX_TOKENS, "engine": ENGINE},
        _tokens,
    ),
    "sentence-embedding": Task(
        _HOME + "embeddings:SentenceEncoder",
        Embedding,
        {"max_tokens": MAX_TOKENS, "dtype": DTYPE, "engine": ENGINE, "before": _BEFORE},
        _tokens,
        clash=engine_clash,
    ),
    "question-answering": Task(
        _HOME + "reading:SpanFinder",
        Span,
        {
            "max_tokens": Setting(384, at_least(8)),
            "stride": Setting(128, at_least(0)),
            "max_answer_tokens": Setting(30, at_least(1)),
            "may_decline": Setting(default=False, problem=on_or_off),
        },
        _tokens,
    ),
    "text-generation": Task(
        _HOME + "continuation:TextGenerator",
        Generated,
        {
            "before": _BEFORE,
            "max_tokens": MAX_TOKENS,
            "template": _TEMPLATE,
            "fields": Setting({}, texts_by_name),
            "together": Setting(16, between(1, 32)),
            "max_new_tokens": _NEW_TOKENS,
            "temperature": Setting(0.0, at_least(0)),
            "top_k": Setting(0, at_least(0)),
            "top_p": Setting(1.0, between(0, 1)),
        },
        _written,
        seeded=True,
        writes=True,
        told=Told(always, read_controls, is_required=False),
    ),
    "summarization": Task(_HOME + "generation:Rewriter", Generated, _WRITING, _written),
    "translation": Task(_HOME + "generation:Rewriter", Generated, _WRITING, _written),
}
"""By name."""
