"""Learns how far users usually go; one state a partition."""

from aimass_stream.learners import ExtremesDetector

behaviour_extremes = ExtremesDetector("behaviour-extremes", warm_records=200)
