"""The answer of several classifiers that were asked together."""

from __future__ import annotations

import msgspec

from aimass_stream.records.prediction import Prediction


class Vote(Prediction, frozen=True):
    """A label that several models agreed on, and which of them answered.

    Attributes:
        members: `name@version` of those that answered, in the order of the declaration. One that
            failed on the record, or was not asked, is not among them.
    """

    members: list[str] = msgspec.field(default_factory=list)
