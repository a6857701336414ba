"""Anomaly detectors: declarations in `detectors` and `values.detector`, one state a module."""

from aimass_stream.learners.anomaly.detectors import (
    AutoencoderDetector,
    Detector,
    EnsembleDetector,
    ExtremesDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
    MahalanobisDetector,
    TailsDetector,
    vector_ensemble,
)
from aimass_stream.learners.anomaly.values.detector import ValueDetector

__all__ = [
    "AutoencoderDetector",
    "Detector",
    "EnsembleDetector",
    "ExtremesDetector",
    "HalfSpaceTreesDetector",
    "IsolationForestDetector",
    "MahalanobisDetector",
    "TailsDetector",
    "ValueDetector",
    "vector_ensemble",
]
