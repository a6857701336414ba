"""Every case of the suite."""

from __future__ import annotations

from tests.zoo import (
    cleaning,
    clips,
    combined,
    defects,
    detection,
    drawing,
    encoders,
    images,
    maps,
    mining,
    named,
    networks,
    sounds,
    spectra,
    texts,
    writers,
)
from tests.zoo.case import Case

CASES: list[Case] = [
    *images.CASES,
    *detection.CASES,
    *maps.CASES,
    *named.CASES,
    *drawing.CASES,
    *defects.CASES,
    *clips.CASES,
    *encoders.CASES,
    *networks.CASES,
    *texts.CASES,
    *writers.CASES,
    *sounds.CASES,
    *cleaning.CASES,
    *mining.CASES,
    *combined.CASES,
    *spectra.CASES,
]

ON_TOPICS = {
    "automatic-speech-recognition-wav2vec2",
    "depth-estimation-dpt",
    "ensemble-average",
    "ensemble-cascade",
    "graph-crops",
    "graph-speech",
    "image-classification-swin",
    "image-segmentation-segformer",
    "image-to-image-swin2sr",
    "inpainting-stable-diffusion",
    "multi-label-classification-bert",
    "object-detection-yolos",
    "own-network-dense",
    "question-answering-bert",
    "sklearn-clusters-of-audio",
    "sklearn-svm-on-behaviour",
    "sentence-embedding-bert",
    "text-classification-bert-keywords",
    "text-generation-falcon-sampled",
    "text-to-image-stable-diffusion",
    "text-regression-bert",
    "text-to-speech-vits",
    "token-classification-bert",
    "video-classification-videomae",
    "visual-anomaly-resnet",
    "zero-shot-object-detection-grounding-dino-names-of-records",
}
"""Those that go through real topics, too: one for each type of answer."""
