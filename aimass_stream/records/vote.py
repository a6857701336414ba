"""The answers of several models that were asked together."""

from __future__ import annotations

import msgspec

from aimass_stream.records.detections import Detections
from aimass_stream.records.labels import Estimate, Labels
from aimass_stream.records.prediction import Prediction


class Vote(Prediction, frozen=True):
    """A label that several models agreed on, and which of them answered.

    Attributes:
        members: `name@version` of those that answered, in the order of the declaration. One that
            failed on the record, or was not asked, is not among them.
    """

    members: list[str] = msgspec.field(default_factory=list)


class JointEstimate(Estimate, frozen=True):
    """Numbers that several models agreed on.

    Attributes:
        spread: how far the members lie from each number, in its unit: the root of their weighted
            mean square distance.
        members: as of a `Vote`.
    """

    spread: dict[str, float] = msgspec.field(default_factory=dict)
    members: list[str] = msgspec.field(default_factory=list)


class JointLabels(Labels, frozen=True):
    """Labels that apply by what several models say.

    Attributes:
        members: as of a `Vote`.
    """

    members: list[str] = msgspec.field(default_factory=list)


class JointDetections(Detections, frozen=True):
    """What is where in an image by what several detectors say; without outlines.

    Attributes:
        members: as of a `Vote`.
    """

    members: list[str] = msgspec.field(default_factory=list)
