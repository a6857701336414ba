"""Learns how far users usually go; one state a partition."""

from aimass_stream.learners.anomaly import ExtremesDetector

behaviour_extremes = ExtremesDetector("behaviour-extremes", warm_records=200)
