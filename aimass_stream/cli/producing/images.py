"""Images to send."""

from __future__ import annotations

from aimass_stream.cli.producing.payloads import PayloadKind
from aimass_stream.records.image import JPEG, PNG, Image

IMAGES = PayloadKind(
    noun="image",
    record=Image,
    suffixes={".jpg": JPEG, ".jpeg": JPEG, ".png": PNG},
    doubt="neither JPEG nor PNG inside",
)
"""Which files are images, and what their name says they are."""
