"""The detectors of vectors that are measured, with the settings they are shipped with."""

from __future__ import annotations

from typing import Any

from aimass_stream.learners.anomaly import (
    AutoencoderDetector,
    Detector,
    EnsembleDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
    MahalanobisDetector,
    TailsDetector,
    vector_ensemble,
)


def table_detectors(dimensions: int) -> dict[str, Detector]:
    """By name; the ensemble is the one `vector_ensemble` makes."""
    shape: dict[str, Any] = {"features": "vector", "dimensions": dimensions}
    ensemble: EnsembleDetector = vector_ensemble("ensemble", dimensions)
    return {
        "isolation forest": IsolationForestDetector("forest", **shape),
        "mahalanobis": MahalanobisDetector("mahalanobis", **shape),
        "tails": TailsDetector("tails", **shape),
        "autoencoder": AutoencoderDetector("autoencoder", **shape),
        "half-space trees": HalfSpaceTreesDetector("trees", **shape),
        "ensemble": ensemble,
    }
