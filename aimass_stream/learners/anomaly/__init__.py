"""Anomaly detectors: declarations in `detectors`, one state a module."""

from aimass_stream.learners.anomaly.detectors import (
    AutoencoderDetector,
    Detector,
    EnsembleDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
    ValueDetector,
)

__all__ = [
    "AutoencoderDetector",
    "Detector",
    "EnsembleDetector",
    "HalfSpaceTreesDetector",
    "IsolationForestDetector",
    "ValueDetector",
]
