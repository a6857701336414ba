"""Text models that label, measure, find and embed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import orjson
import torch
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    AutoModel,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    RobertaConfig,
    RobertaForSequenceClassification,
    pipeline,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import Reason
from aimass_stream.records import (
    Embedding,
    Entities,
    Entity,
    Estimate,
    Labels,
    Prediction,
    Question,
    Span,
    Text,
)
from aimass_stream.records.question import encode_question
from tests.zoo.case import Case
from tests.zoo.library import model_of, words_of
from tests.zoo.words import SENTENCES, tokenizer

LABELS = {0: "refund", 1: "delivery", 2: "praise", 3: "other"}
NLI = {0: "contradiction", 1: "neutral", 2: "entailment"}
TAGS = {0: "O", 1: "B-city", 2: "I-city", 3: "B-order"}
TEXTS = [
    "refund",
    "Where is my parcel from Köln?",
    "我的包裹 in Paris 在哪里？ order 12-34!",
    "thank you " * 20,
    "please cancel order 1234-56 and refund me, I live in Paris now",
]
VALUES = [text.encode() for text in TEXTS]
SMALL: dict[str, Any] = {
    "vocab_size": 220,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 66,
    "initializer_range": 0.5,
}


def build(model_class: Any, config_class: Any, folder: Path, **settings: Any) -> None:
    model_class(config_class(**SMALL, **settings)).save_pretrained(folder)
    tokenizer().save_pretrained(folder)


def build_albert(folder: Path) -> None:
    build(
        AlbertForSequenceClassification,
        AlbertConfig,
        folder,
        embedding_size=16,
        id2label=LABELS,
    )


def build_roberta(folder: Path) -> None:
    build(RobertaForSequenceClassification, RobertaConfig, folder, pad_token_id=1, id2label=LABELS)


def logits_of(folder: Path, *texts: str, **how: Any) -> torch.Tensor:
    model = model_of(AutoModelForSequenceClassification, folder)
    inputs = words_of(folder)(*texts, truncation=True, max_length=64, return_tensors="pt", **how)
    with torch.no_grad():
        found: torch.Tensor = model(**inputs).logits[0]
    return found


def ranked(names: Any, scores: list[float], top: int) -> dict[str, float]:
    pairs = sorted(zip(names, scores, strict=True), key=lambda pair: -pair[1])
    return dict(pairs[:top])


def classify(folder: Path, payload: bytes) -> Prediction:
    scores = ranked(LABELS.values(), logits_of(folder, payload.decode()).softmax(0).tolist(), 4)
    return Prediction(*next(iter(scores.items())), scores)


def label(folder: Path, payload: bytes) -> Labels:
    scores = ranked(LABELS.values(), logits_of(folder, payload.decode()).sigmoid().tolist(), 4)
    return Labels([name for name, score in scores.items() if score >= 0.4], scores)


def estimate(folder: Path, payload: bytes) -> Estimate:
    return Estimate({"stars": float(logits_of(folder, payload.decode())[0])})


def entail(folder: Path, payload: bytes) -> Prediction:
    logits = [
        float(logits_of(folder, payload.decode(), f"This example is {name}.")[2])
        for name in ("a parcel", "refund", "Paris")
    ]
    shares = torch.tensor(logits).softmax(0).tolist()
    scores = ranked(("a parcel", "refund", "Paris"), shares, 3)
    return Prediction(*next(iter(scores.items())), scores)


def find_entities(folder: Path, payload: bytes) -> Entities:
    finder: Any = pipeline(
        "token-classification",
        model=model_of(AutoModelForTokenClassification, folder),
        tokenizer=words_of(folder),
        aggregation_strategy="first",
    )
    text = payload.decode()
    found = []
    for one in finder(text):
        start, end = one["start"], one["end"]
        found.append(Entity(one["entity_group"], start, end, text[start:end], float(one["score"])))
    return Entities(found)


def embed(folder: Path, payload: bytes) -> Embedding:
    model = model_of(AutoModel, folder)
    inputs = words_of(folder)(payload.decode(), truncation=True, return_tensors="pt")
    with torch.no_grad():
        mean = model(**inputs).last_hidden_state[0].mean(dim=0)
    return Embedding.of(torch.nn.functional.normalize(mean, dim=0).numpy())


QUESTIONS = [
    ("who sent the parcel?", SENTENCES[6]),
    ("Where?", "I live in Köln 🙂 now, not in Paris"),
    ("我的包裹在哪里", "我的包裹在哪里，请取消订单 in Paris"),
    ("what is it?", "great service!"),
]


def read(folder: Path, payload: bytes) -> Span:
    """The best pair of tokens that lie in the context, in order; one window is enough here."""
    asked = orjson.loads(payload)
    inputs = words_of(folder)(
        asked["question"], asked["context"], return_tensors="pt", return_offsets_mapping=True
    )
    offsets = inputs.pop("offset_mapping")[0].tolist()
    inside = torch.tensor([one == 1 for one in inputs.sequence_ids(0)])
    with torch.no_grad():
        found = model_of(AutoModelForQuestionAnswering, folder)(**inputs)
    start, end = (
        torch.where(inside, logits[0], -torch.inf).softmax(0)
        for logits in (found.start_logits, found.end_logits)
    )
    pairs = torch.triu(torch.outer(start, end)).tril(7)
    first, last = divmod(int(pairs.argmax()), len(offsets))
    at, behind = offsets[first][0], offsets[last][1]
    return Span(asked["context"][at:behind], at, behind, float(pairs.max()))


def case(name: str, row: str, make: Any, declare: Any, library: Any) -> Case:
    return Case(name, (row,), make, declare, VALUES, library, (b"\xff", Reason.UNDECODABLE), Text)


def declared(task: str, **settings: Any) -> Any:
    # The overloads want a task that is written out.
    made: Any = Transformers
    return lambda folder: made(task, folder, **settings)


BERT = partial(build, BertForSequenceClassification, BertConfig)
CASES = [
    case(
        "text-classification-bert",
        "T1",
        partial(BERT, id2label=LABELS),
        declared("text-classification", top=4),
        classify,
    ),
    case(
        "text-classification-albert",
        "T1",
        build_albert,
        declared("text-classification", top=4),
        classify,
    ),
    case(
        "text-classification-roberta",
        "T1",
        build_roberta,
        declared("text-classification", top=4),
        classify,
    ),
    case(
        "multi-label-classification-bert",
        "T1",
        partial(BERT, id2label=LABELS, problem_type="multi_label_classification"),
        declared("multi-label-classification", top=4, threshold=0.4),
        label,
    ),
    case(
        "text-regression-bert",
        "T1",
        partial(BERT, id2label={0: "stars"}, problem_type="regression"),
        declared("text-regression"),
        estimate,
    ),
    case(
        "token-classification-bert",
        "T2",
        partial(build, BertForTokenClassification, BertConfig, id2label=TAGS),
        declared("token-classification"),
        find_entities,
    ),
    Case(
        "question-answering-bert",
        ("T3",),
        partial(build, BertForQuestionAnswering, BertConfig),
        declared("question-answering", max_tokens=64, stride=16, max_answer_tokens=8),
        [encode_question(*pair) for pair in QUESTIONS],
        read,
        (b'{"question": "x"}', Reason.BAD_ENVELOPE),
        Question,
    ),
    case(
        "zero-shot-classification-bert",
        "T6",
        partial(BERT, id2label=NLI),
        declared("zero-shot-classification", labels=["a parcel", "refund", "Paris"]),
        entail,
    ),
    case(
        "sentence-embedding-bert",
        "T6",
        partial(build, BertModel, BertConfig),
        declared("sentence-embedding"),
        embed,
    ),
]
