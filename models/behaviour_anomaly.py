"""Learns what users usually do and where they usually are; one state a partition."""

from aimass_stream.learners.anomaly.detectors import IsolationForestDetector

behaviour_anomaly = IsolationForestDetector("behaviour-anomaly")
