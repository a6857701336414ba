"""aimass-stream: put a model on a Kafka topic and trust every answer.

The names a user needs, imported when first used, so that a declaration costs no Faust and a
worker no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimass_stream.adapters.diffusers import Diffusers
    from aimass_stream.adapters.faces import FaceCascade
    from aimass_stream.adapters.inline import Inline
    from aimass_stream.adapters.sklearn import Sklearn
    from aimass_stream.adapters.torch import Torch
    from aimass_stream.adapters.transformers import Transformers
    from aimass_stream.app import App
    from aimass_stream.ensembles.ensemble import Ensemble
    from aimass_stream.ensembles.graph import Graph, Step
    from aimass_stream.learner import Learner
    from aimass_stream.model import Model
    from aimass_stream.records import (
        Alert,
        Audio,
        Behaviour,
        Chunk,
        Clip,
        ClipData,
        Cluster,
        Depth,
        Detection,
        Detections,
        Drawing,
        EmbeddedDetection,
        EmbeddedDetections,
        Embedding,
        Entities,
        Estimate,
        Example,
        Feedback,
        FeedbackRecord,
        FinerDetection,
        FinerDetections,
        Generated,
        Image,
        Labels,
        Limits,
        Mask,
        Match,
        Picture,
        Prediction,
        Question,
        Recommendation,
        Record,
        Region,
        Segmentation,
        Span,
        Speech,
        Surprise,
        Text,
        Topic,
        TrackedCluster,
        Transcript,
        Understanding,
        VisualAnomaly,
        Vote,
        Word,
    )
    from aimass_stream.runtime.streams import Stream
    from aimass_stream.transforms import Chain

_HOMES = {
    "Alert": "aimass_stream.records",
    "App": "aimass_stream.app",
    "Audio": "aimass_stream.records",
    "Behaviour": "aimass_stream.records",
    "Chain": "aimass_stream.transforms",
    "Chunk": "aimass_stream.records",
    "Clip": "aimass_stream.records",
    "ClipData": "aimass_stream.records",
    "Cluster": "aimass_stream.records",
    "Depth": "aimass_stream.records",
    "Detection": "aimass_stream.records",
    "Detections": "aimass_stream.records",
    "Diffusers": "aimass_stream.adapters.diffusers",
    "Drawing": "aimass_stream.records",
    "EmbeddedDetection": "aimass_stream.records",
    "EmbeddedDetections": "aimass_stream.records",
    "Embedding": "aimass_stream.records",
    "Ensemble": "aimass_stream.ensembles.ensemble",
    "Entities": "aimass_stream.records",
    "Estimate": "aimass_stream.records",
    "Example": "aimass_stream.records",
    "FaceCascade": "aimass_stream.adapters.faces",
    "Feedback": "aimass_stream.records",
    "FeedbackRecord": "aimass_stream.records",
    "FinerDetection": "aimass_stream.records",
    "FinerDetections": "aimass_stream.records",
    "Generated": "aimass_stream.records",
    "Graph": "aimass_stream.ensembles.graph",
    "Image": "aimass_stream.records",
    "Inline": "aimass_stream.adapters.inline",
    "Labels": "aimass_stream.records",
    "Learner": "aimass_stream.learner",
    "Limits": "aimass_stream.records",
    "Mask": "aimass_stream.records",
    "Match": "aimass_stream.records",
    "Model": "aimass_stream.model",
    "Picture": "aimass_stream.records",
    "Prediction": "aimass_stream.records",
    "Question": "aimass_stream.records",
    "Recommendation": "aimass_stream.records",
    "Record": "aimass_stream.records",
    "Region": "aimass_stream.records",
    "Segmentation": "aimass_stream.records",
    "Sklearn": "aimass_stream.adapters.sklearn",
    "Span": "aimass_stream.records",
    "Speech": "aimass_stream.records",
    "Step": "aimass_stream.ensembles.graph",
    "Stream": "aimass_stream.runtime.streams",
    "Surprise": "aimass_stream.records",
    "Text": "aimass_stream.records",
    "Topic": "aimass_stream.records",
    "TrackedCluster": "aimass_stream.records",
    "Torch": "aimass_stream.adapters.torch",
    "Transcript": "aimass_stream.records",
    "Transformers": "aimass_stream.adapters.transformers",
    "Understanding": "aimass_stream.records",
    "VisualAnomaly": "aimass_stream.records",
    "Vote": "aimass_stream.records",
    "Word": "aimass_stream.records",
}

__all__ = [
    "Alert",
    "App",
    "Audio",
    "Behaviour",
    "Chain",
    "Chunk",
    "Clip",
    "ClipData",
    "Cluster",
    "Depth",
    "Detection",
    "Detections",
    "Diffusers",
    "Drawing",
    "EmbeddedDetection",
    "EmbeddedDetections",
    "Embedding",
    "Ensemble",
    "Entities",
    "Estimate",
    "Example",
    "FaceCascade",
    "Feedback",
    "FeedbackRecord",
    "FinerDetection",
    "FinerDetections",
    "Generated",
    "Graph",
    "Image",
    "Inline",
    "Labels",
    "Learner",
    "Limits",
    "Mask",
    "Match",
    "Model",
    "Picture",
    "Prediction",
    "Question",
    "Recommendation",
    "Record",
    "Region",
    "Segmentation",
    "Sklearn",
    "Span",
    "Speech",
    "Step",
    "Stream",
    "Surprise",
    "Text",
    "Topic",
    "Torch",
    "TrackedCluster",
    "Transcript",
    "Transformers",
    "Understanding",
    "VisualAnomaly",
    "Vote",
    "Word",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
