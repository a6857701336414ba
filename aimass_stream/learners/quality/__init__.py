"""A learner that watches other models: accuracy, calibration and drift, by version."""

from aimass_stream.learners.quality.declaration import QualityWatch

__all__ = ["QualityWatch"]
