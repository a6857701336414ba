"""Learns what users usually do and where they usually are; one state a partition."""

from aimass_stream.learners.anomaly import (
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
    alarm_share=0.03,  # of the mean of the members' scores, which few rows of one reach
    warm_records=200,
)
