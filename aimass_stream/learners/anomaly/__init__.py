"""Anomaly detectors: declarations in `detectors`, one state a module."""

from aimass_stream.learners.anomaly.detectors import Detector, IsolationForestDetector

__all__ = ["Detector", "IsolationForestDetector"]
