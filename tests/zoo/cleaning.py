"""Models behind chains that clean what they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr
import torch
from PIL import Image as Pictures
from PIL import ImageFilter, ImageOps
from scipy import signal
from sklearn.feature_extraction.text import TfidfVectorizer
from transformers import BertConfig, BertForSequenceClassification

from aimass_stream import transforms as t
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import Reason
from aimass_stream.records import Audio, Prediction, Text
from aimass_stream.training.fitting import fit
from tests.codecs.audio_files import encoded
from tests.zoo import images, sounds, texts
from tests.zoo.case import Case
from tests.zoo.library import model_of, processor_of
from tests.zoo.pictures import PICTURES, pixels

ENGLISH = [
    "Where is my PARCEL?   It was sent on Monday, the parcel to Paris.",
    "please cancel order 1234-56 and refund me",
    "I live in Paris now, not in Berlin",
    "thank you, great service! A great parcel service.",
]
VALUES = [text.encode() for text in ENGLISH]
BEFORE = t.Chain(t.Lowercase(), t.StripSpace(), t.StopWords(("english",)))


def binarizer(folder: str) -> Transformers[Prediction]:
    before = t.Chain(t.MedianFilter(), t.EqualizeHistogram(), t.AdaptiveThreshold(block_size=15))
    return Transformers("image-classification", folder, top=5, before=before)


def binarized(folder: Path, payload: bytes) -> Prediction:
    from skimage.filters import threshold_local
    from transformers import AutoModelForImageClassification

    image = Pictures.fromarray(pixels(payload)).filter(ImageFilter.MedianFilter(3))
    grey = np.asarray(ImageOps.equalize(image).convert("L"))
    white = (grey > threshold_local(grey, 15)).astype(np.uint8) * 255
    given = processor_of(folder)(np.stack([white] * 3, axis=2), return_tensors="pt")
    with torch.no_grad():
        scores = model_of(AutoModelForImageClassification, folder)(**given).logits.softmax(1)
    pairs = zip(images.LABELS.values(), scores[0].tolist(), strict=True)
    ranked = sorted(pairs, key=lambda pair: -pair[1])
    return Prediction(*ranked[0], dict(ranked))


def denoiser(folder: str) -> Transformers[Prediction]:
    before = t.Chain(t.ClipPeaks(level=0.4), t.WienerDenoise(window=9), t.Resample(8_000))
    return Transformers("audio-classification", folder, before=before)


def denoised(folder: Path, payload: bytes) -> Prediction:
    samples = signal.wiener(np.clip(sounds.heard(payload), -0.4, 0.4), 9).astype(np.float32)
    telephone = soxr.resample(samples, 16_000, 8_000).clip(-1, 1)
    return sounds.classify(
        folder, encoded(soxr.resample(telephone, 8_000, 16_000), encoding="FLOAT")
    )


def build_keywords(folder: Path) -> None:
    texts.build(BertForSequenceClassification, BertConfig, folder, id2label=texts.LABELS)
    records = [Text("t", 0, at, 0, None, value, ()) for at, value in enumerate(VALUES)]
    fit(folder, records, before=BEFORE, chain=t.Chain(t.Keywords(top=3, min_records=1)))


def keyword_reader(folder: str) -> Transformers[Prediction]:
    return Transformers("text-classification", folder, top=4, before=BEFORE)


def keywords(folder: Path, payload: bytes) -> Prediction:
    vectorizer = TfidfVectorizer(stop_words="english").fit(ENGLISH)
    weights = vectorizer.transform([payload.decode()]).toarray()[0]
    best = np.argsort(-weights, kind="stable")[: min(3, np.count_nonzero(weights))]
    words = vectorizer.get_feature_names_out()[best]
    return texts.classify(folder, " ".join(words).encode())


CASES = [
    Case(
        "image-classification-swin-binarized",
        ("C1",),
        images.build_swin,
        binarizer,
        PICTURES,
        binarized,
        needs="skimage",
    ),
    Case(
        "audio-classification-ast-denoised",
        ("C1",),
        sounds.build_ast,
        denoiser,
        sounds.RECORDINGS,
        denoised,
        (sounds.RECORDINGS[0][:40], Reason.UNDECODABLE),
        Audio,
    ),
    Case(
        "text-classification-bert-keywords",
        ("C1",),
        build_keywords,
        keyword_reader,
        VALUES,
        keywords,
        (b"it is not in the", Reason.EMPTY),
        Text,
    ),
]
