"""What a voice turn is made of: its models, its dialogue, and tiny folders of weights for them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.ensembles.graph import Graph, Step
from aimass_stream.learners.dialogue import Dialogue, Form
from aimass_stream.learners.listener import Listener
from aimass_stream.records import Entities, Prediction, Speech, Transcript
from aimass_stream.verify.oracle import Watched

AGENTS = ("hear", "answer", "speak", "listen")
PARTS = ("speech", "understood", "replies", "spoken", "written")
LOOKAHEAD = 1
PATIENCE_S = 300.0
"""A machine that runs many tests takes long over a first batch."""


def topics_of(name: str) -> list[str]:
    """The topics of an app, in the order of a turn."""
    return [f"{name}.{part}" for part in PARTS]


def watched_of(name: str) -> list[Watched]:
    """What an oracle watches of it."""
    speech, understood, replies, spoken, written = topics_of(name)
    turn = [(speech, understood), (understood, replies), (replies, spoken), (speech, written)]
    return [Watched(agent, *ends) for agent, ends in zip(AGENTS, turn, strict=True)]


class Understood(msgspec.Struct, frozen=True):
    """A turn as it was understood; nothing is, where nothing was said."""

    words: Transcript
    intent: Prediction | None
    slots: Entities | None


def hearing(home: str) -> Graph[Understood]:
    """Recognition, then what the words want and what they speak of."""
    return Graph(
        "hearing",
        {
            "words": Step(Transformers("automatic-speech-recognition", f"{home}/words")),
            "intent": Step(Transformers("text-classification", f"{home}/intent"), after="words"),
            "slots": Step(Transformers("token-classification", f"{home}/slots"), after="words"),
        },
        answer=Understood,
        timeout_s=PATIENCE_S,
    )


def talk() -> Dialogue:
    """Two things that can be asked for, and one that is only said."""
    which = {"order": "which order is it", "city": "where do you live"}
    return Dialogue(
        "talk",
        {
            "refund": Form("please send order {order} back from {city}", which),
            "delivery": Form("the parcel is in {city} now", {"city": "where is it to go"}),
            "praise": Form("thank you", style="slow"),
        },
        otherwise="please say that again",
        least_score=0.3,
        pause_s=3_600,
        snapshot_rows=4,
    )


def calls(home: str) -> Listener:
    """The same recordings as pieces of one speech of each speaker."""
    return Listener("calls", f"{home}/pieces", lookahead=LOOKAHEAD, snapshot_rows=4)


def voice(home: str) -> Transformers[Speech]:
    """A voice with a slow style."""
    return Transformers(
        "text-to-speech",
        f"{home}/voice",
        styles={"slow": {"speed": 0.5}},
        timeout_s=PATIENCE_S,
    )


def build(home: Path) -> None:
    """Tiny models of random weights, as their library saves them."""
    import torch
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        BertForTokenClassification,
    )

    from tests.learners.streaming import build_streaming
    from tests.zoo import speech, texts, transcripts

    torch.manual_seed(7)
    for part in ("words", "intent", "slots", "voice", "pieces"):
        (home / part).mkdir()
    transcripts.build_wav2vec2("layer", home / "words")
    texts.build(BertForSequenceClassification, BertConfig, home / "intent", id2label=texts.LABELS)
    texts.build(BertForTokenClassification, BertConfig, home / "slots", id2label=texts.TAGS)
    speech.build_fastspeech2(home / "voice")
    build_streaming(home / "pieces")
