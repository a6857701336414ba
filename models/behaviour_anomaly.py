"""Learns what users usually do and where they usually are; one state a partition."""

from aimass_stream.learners import (
    AutoencoderDetector,
    EnsembleDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
)

behaviour_anomaly = EnsembleDetector(
    "behaviour-anomaly",
    (
        IsolationForestDetector("forest"),
        AutoencoderDetector("autoencoder"),
        HalfSpaceTreesDetector("trees"),
    ),
    version="2",
    warm_records=200,
)
