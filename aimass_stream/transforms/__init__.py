"""Steps declared before a model: cleaning, features, and what selects or scales columns.

Everything here is pure data and imports no model library; `reading` runs it in device processes.
"""

from aimass_stream.transforms.chain import Chain, Kind, Transform
from aimass_stream.transforms.images import (
    AdaptiveThreshold,
    AutoContrast,
    Brightness,
    ColourHistogram,
    DenoiseTotalVariation,
    EdgeDirection,
    EqualizeHistogram,
    Greyscale,
    Hog,
    MedianFilter,
)
from aimass_stream.transforms.sounds import BandPass, ClipPeaks, Mel, Resample, Stft, WienerDenoise
from aimass_stream.transforms.texts import Keywords, Lowercase, StopWords, StripSpace, Tfidf
from aimass_stream.transforms.vectors import (
    Category,
    ChiSquare,
    ClipOutliers,
    Fields,
    Impute,
    Join,
    MinMaxScale,
    Normalize,
    Numbers,
    PrincipalComponents,
    RecursiveElimination,
    RefuseOutliers,
    RobustScale,
    StandardScale,
    VarianceThreshold,
)

__all__ = [
    "AdaptiveThreshold",
    "AutoContrast",
    "BandPass",
    "Brightness",
    "Category",
    "Chain",
    "ChiSquare",
    "ClipOutliers",
    "ClipPeaks",
    "ColourHistogram",
    "DenoiseTotalVariation",
    "EdgeDirection",
    "EqualizeHistogram",
    "Fields",
    "Greyscale",
    "Hog",
    "Impute",
    "Join",
    "Keywords",
    "Kind",
    "Lowercase",
    "MedianFilter",
    "Mel",
    "MinMaxScale",
    "Normalize",
    "Numbers",
    "PrincipalComponents",
    "RecursiveElimination",
    "RefuseOutliers",
    "Resample",
    "RobustScale",
    "StandardScale",
    "Stft",
    "StopWords",
    "StripSpace",
    "Tfidf",
    "Transform",
    "VarianceThreshold",
    "WienerDenoise",
]
