"""What learns from the stream: anomaly detectors, recommenders, and heads.

Declarations import no learning library. The states they name do, and are imported in learner
processes only.
"""
