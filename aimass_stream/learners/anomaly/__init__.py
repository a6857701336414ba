"""Anomaly detectors: declarations in `detectors`, one state a module."""

from aimass_stream.learners.anomaly.detectors import (
    AutoencoderDetector,
    Detector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
)

__all__ = [
    "AutoencoderDetector",
    "Detector",
    "HalfSpaceTreesDetector",
    "IsolationForestDetector",
]
