"""What differs between text, images and audio; no model library is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aimass_stream.records import Audio, Image, Record, Text

LABELS = ("a", "b", "c", "d")
PACKED = ", packed"
"""The end of a policy with layers as a device process has them."""
NOTES = "padding"
"""A file in the state folder: a line `rows real padded` for each forward pass over texts."""


@dataclass(frozen=True)
class Kind:
    """One modality.

    Attributes:
        name: of its row set.
        task: of its model, as `Transformers` knows it.
        record: what its topic holds.
        records: how many of them a contestant is given.
        policies: of the floor, that which ours is held against first; see `offline`.
    """

    name: str
    task: str
    record: type[Record]
    records: int
    policies: tuple[str, ...]

    @property
    def model(self) -> str:
        """Its name in the registry."""
        return f"bench-{self.name}"


_TEXT_POLICIES = (
    f"window of 160, 1024 tokens{PACKED}",
    "window of 160, 1024 tokens",
    "window of 160, 512 tokens",
    "longest of 32",
)
_WHOLE_POLICIES = (f"batches of 16{PACKED}", "batches of 16")
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("text", "text-classification", Text, 4_000, _TEXT_POLICIES),
        Kind("images", "image-classification", Image, 600, _WHOLE_POLICIES),
        Kind("audio", "audio-classification", Audio, 3_000, _WHOLE_POLICIES),
    )
}
