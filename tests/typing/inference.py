"""What a type checker infers where a user writes; mypy holds every `assert_type` here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import Any, assert_type

import msgspec
from faust.types import AgentT

import aimass_stream
from aimass_stream import (
    App,
    Chain,
    Chunk,
    Cluster,
    Detections,
    Diffusers,
    Drawing,
    Embedding,
    Ensemble,
    FaceCascade,
    Graph,
    Image,
    Inline,
    Model,
    PosedDetections,
    Prediction,
    Record,
    Sklearn,
    Speech,
    Step,
    Stream,
    Topic,
    Torch,
    Transformers,
    VisualAnomaly,
    Vote,
)
from aimass_stream.runtime.scored import ScoredStream
from aimass_stream.transforms import EqualizeHistogram

app = App("inference", origin="tests.typing.inference", broker="kafka://127.0.0.1:9")
images = Topic("images", Image, key="user")
labels = Topic("labels", Prediction)
classifier = Transformers("image-classification", "models://any")


class Twice(msgspec.Struct, frozen=True):
    first: Prediction


vote = Ensemble("vote", (classifier, classifier))
twice = Graph("twice", {"first": Step(classifier)}, answer=Twice)
sizes: Inline[int] = Inline("sizes", lambda chunk: [len(chunk)], answer=int)

assert_type(images, Topic[Image])
assert_type(labels, Topic[Prediction])
assert_type(aimass_stream.Topic("plain", Record), Topic[Record])
assert_type(classifier.answer_type, type[Prediction])
assert_type(sizes.answer_type, type[int])
assert_type(vote.answer_type, type[Vote])
assert_type(twice.answer_type, type[Twice])
assert_type(Diffusers("text-to-image", "models://any", steps=4).answer_type, type[Drawing])
assert_type(Diffusers("inpainting", "models://any", strength=0.5).answer_type, type[Drawing])
assert_type(Transformers("zero-shot-object-detection", "x").answer_type, type[Detections])
assert_type(FaceCascade("faces").answer_type, type[Detections])
assert_type(Torch("keypoint-detection", "x").answer_type, type[PosedDetections])
assert_type(Torch("text-to-speech", "x").answer_type, type[Speech])
assert_type(Sklearn("clustering", "models://any").answer_type, type[Cluster])
evened = Transformers(
    "image-classification", "models://any", before=Chain(EqualizeHistogram()), latency_ms=20
)
assert_type(evened.answer_type, type[Prediction])
assert_type(Transformers("video-classification", "a").answer_type, type[Prediction])
assert_type(Transformers("visual-anomaly", "a").answer_type, type[VisualAnomaly])
assert_type(Transformers("image-embedding", "a").answer_type, type[Embedding])
assert_type(Transformers("audio-embedding", "a").answer_type, type[Embedding])


@app.agent(images, to=labels)
async def record_by_record(stream: Stream[Image]) -> AsyncIterator[Prediction]:
    scored = app.score(classifier, stream)
    assert_type(scored, ScoredStream[Image, Prediction])
    async for image, prediction in scored:
        assert_type(image, Image)
        assert_type(image.metadata, dict[str, Any])
        assert_type(image.header("meta-user"), str | None)
        assert_type(prediction, Prediction)
        assert_type(prediction.scores, dict[str, float])
        yield prediction


@app.agent(images)
async def with_two_models(stream: Stream[Image]) -> None:
    async for image, prediction, size in app.score(classifier, sizes, stream):
        assert_type(image, Image)
        assert_type(prediction, Prediction)
        assert_type(size, int)


@app.agent(images)
async def unscored(stream: Stream[Image]) -> None:
    async for image in stream:
        assert_type(image, Image)


@app.agent(images, name="columns")
async def by_columns(stream: Stream[Image]) -> AsyncIterator[list[bytes]]:
    async for chunk in stream.batches(max_rows=8):
        assert_type(chunk, Chunk)
        assert_type(chunk.records(Image), list[Image])
        yield [value or b"" for value in chunk.values]


@app.agent(images, to=labels)
async def scored_columns(stream: Stream[Image]) -> AsyncIterator[list[Prediction]]:
    async for chunk, predictions in app.score(classifier, stream).batches(max_rows=8):
        assert_type(chunk, Chunk)
        assert_type(predictions, list[Prediction])
        yield predictions


async def columns_of_two_models(stream: Stream[Image]) -> None:
    async for chunk, predictions, numbers in app.score(classifier, sizes, stream).batches():
        assert_type(chunk, Chunk)
        assert_type(predictions, list[Prediction])
        assert_type(numbers, list[int])


def of_any_model(model: Model[Prediction], stream: Stream[Record]) -> None:
    assert_type(app.score(model, stream), ScoredStream[Record, Prediction])


@app.agent(app.topic("plain"))
async def plain(stream: object) -> None:
    """Faust's own kind of agent."""


def decorated_bodies_keep_their_type(stream: Stream[Image]) -> None:
    assert_type(record_by_record(stream), AsyncIterator[Prediction])
    assert_type(by_columns(stream), AsyncIterator[list[bytes]])
    _ = assert_type(unscored(stream), Coroutine[Any, Any, None])
    assert_type(plain, AgentT[Any])
