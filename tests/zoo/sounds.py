"""Models that tell what is heard, and the recordings for all that hear."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
)

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.errors import Reason
from aimass_stream.records import Audio, Embedding, Limits, Prediction
from tests.codecs.audio_files import encoded, tone
from tests.zoo.case import Case
from tests.zoo.library import model_of

SOUNDS = {0: "tone", 1: "speech", 2: "knock"}
RATE_HZ = 16_000


def noisy(seconds: float, seed: int) -> bytes:
    draw = np.random.default_rng(seed)
    samples = tone(seconds, hz=150 * (seed + 1))
    return encoded((samples + draw.normal(0, 0.1, len(samples))).astype(np.float32))


RECORDINGS = [noisy(0.6, 0), noisy(0.6, 1), noisy(0.9, 2), noisy(0.35, 3)]


def heard(payload: bytes) -> Samples:
    return decode_audio(payload, Limits(), RATE_HZ)


@cache
def extractor_of(folder: Path) -> Any:
    return AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)


def features(folder: Path, payload: bytes) -> Any:
    return extractor_of(folder)(heard(payload), sampling_rate=RATE_HZ, return_tensors="pt")


def build_ast(folder: Path) -> None:
    config = ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_length=64,
        num_mel_bins=32,
        frequency_stride=16,
        time_stride=16,
        id2label=SOUNDS,
        initializer_range=0.5,
    )
    ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor(max_length=64, num_mel_bins=32).save_pretrained(folder)


def classify(folder: Path, payload: bytes) -> Prediction:
    model = model_of(AutoModelForAudioClassification, folder)
    with torch.no_grad():
        scores = model(**features(folder, payload)).logits.softmax(1)[0].tolist()
    pairs = sorted(zip(SOUNDS.values(), scores, strict=True), key=lambda pair: -pair[1])
    return Prediction(*pairs[0], dict(pairs))


def embed(folder: Path, payload: bytes) -> Embedding:
    model = model_of(AutoModelForAudioClassification, folder)
    body = model.encoder if hasattr(model, "encoder") else model.base_model
    with torch.no_grad():
        mean = body(**features(folder, payload)).last_hidden_state[0].mean(dim=0)
    return Embedding.of(torch.nn.functional.normalize(mean, dim=0).numpy())


def listener(folder: str) -> Transformers[Prediction]:
    return Transformers("audio-classification", folder)


def encoder(folder: str) -> Transformers[Embedding]:
    return Transformers("audio-embedding", folder)


def case(name: str, row: str, build: Any, declare: Any, library: Any, needs: str = "") -> Case:
    bad = (RECORDINGS[0][:40], Reason.UNDECODABLE)
    return Case(name, (row,), build, declare, RECORDINGS, library, bad, Audio, needs)


CASES = [
    case("audio-classification-ast", "A1", build_ast, listener, classify),
    case("audio-embedding-ast", "A1", build_ast, encoder, embed),
]
