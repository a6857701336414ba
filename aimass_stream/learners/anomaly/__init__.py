"""Anomaly detectors: declarations in `detectors`, one state a module."""

from aimass_stream.learners.anomaly.detectors import (
    AutoencoderDetector,
    Detector,
    EnsembleDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
    MahalanobisDetector,
    TailsDetector,
    ValueDetector,
    vector_ensemble,
)

__all__ = [
    "AutoencoderDetector",
    "Detector",
    "EnsembleDetector",
    "HalfSpaceTreesDetector",
    "IsolationForestDetector",
    "MahalanobisDetector",
    "TailsDetector",
    "ValueDetector",
    "vector_ensemble",
]
