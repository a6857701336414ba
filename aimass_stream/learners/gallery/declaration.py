"""The declaration of a gallery; importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require,
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import Match


@dataclass(frozen=True)
class Gallery(Learner[Match]):
    """Says whose an embedding is: the nearest of those that were enrolled, or nobody's.

    ```python
    people = Gallery("people", dimensions=512, threshold=0.6)
    app.feed(people, faces, through=encoder)
    app.feed(people, enrolments)
    ```

    Its log holds embeddings (JSON of `records.Embedding`), each answered with a `Match`; and what
    is said of identities, answered with None:

    * `{"record": "faces/0/17", "label": "anna"}`, a `Feedback`: that record's embedding is hers;
    * `{"enrol": "anna", "vector": ..., "dimensions": 512}`: an embedding that comes along;
    * `{"erase": "anna"}`: all of hers go.

    Embeddings wait for the first of these in a bounded memory, by event time; one that does not
    wait is counted and changes nothing. Of an identity that is full the oldest embedding goes. An
    identity beyond `identities` is not enrolled, and counted: nobody is forgotten for another.

    Attributes:
        dimensions: length of an embedding.
        threshold: cosine from which on two embeddings are of one identity, -1 to 1.
        identities: that may be enrolled.
        embeddings: of one identity.
        top: identities in `Match.nearest`.
        keep_records: embeddings that wait to be enrolled; the oldest go first.
        keep_s: seconds of event time that one waits.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.gallery.state:GalleryState"

    name: str
    dimensions: int
    _: KW_ONLY
    threshold: float
    identities: int = 10_000
    embeddings: int = 8
    top: int = 3
    keep_records: int = 1_000
    keep_s: float = 3_600.0
    block_rows: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, dimensions=1, identities=1, embeddings=1, top=1, keep_records=1)
        require(self, holds=-1 <= self.threshold <= 1, otherwise="threshold must be -1 to 1")
        require_above_zero(self, "keep_s")

    @property
    def answer_type(self) -> type[Match]:
        """Who it is."""
        return Match

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
