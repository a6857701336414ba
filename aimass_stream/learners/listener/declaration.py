"""The declaration of a listener; importing it imports no library."""

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
from aimass_stream.records import Transcript


@dataclass(frozen=True)
class Listener(Learner[Transcript]):
    """Writes down speech that comes in pieces, each piece a record, with a streaming transducer.

    ```python
    calls = Listener("calls", "models://nemotron@1", lookahead=6)
    ```

    Its log holds `Audio` records, keyed by whoever speaks, and `{"end": true}` where a speaker has
    finished. A piece that brings something new is answered with all that was said so far, others
    with None; an end is answered with all of it, and the next piece begins anew. The encoder's
    context, the predictor's state and the samples that wait go on from piece to piece, so where
    pieces are cut changes nothing.

    Attributes:
        model: `models://name@version` or a folder: a cache-aware transducer of transformers
            (`NemotronAsrStreamingForRNNT`). Without a version a newer model is refused until the
            listener has another `version`: what one model heard is nothing to another.
        lookahead: steps of 80 ms, as a rule, that the model hears beyond the one it writes; one of
            those it was trained with. Fewer answer earlier, more answer better.
        gap_s: seconds of event time between two pieces of one speaker, at the most; behind a
            longer silence speech begins anew.
        keep_s: seconds of speech that an answer tells of, at the most; older words are left out.
        piece_s: seconds of one piece, at the most.
        keys: speakers remembered; the longest silent go first.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.adapters.transformers_listening:ListenerState"

    name: str
    model: str
    _: KW_ONLY
    lookahead: int = 13
    gap_s: float = 10.0
    keep_s: float = 600.0
    piece_s: float = 30.0
    keys: int = 32
    block_rows: int = 1
    snapshot_rows: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, lookahead=0, keys=1)
        require(self, holds=bool(self.model), otherwise="model must say where it is")
        require_above_zero(self, "gap_s", "keep_s", "piece_s")

    @property
    def answer_type(self) -> type[Transcript]:
        """What was said."""
        return Transcript

    @property
    def location(self) -> str:
        """Where the weights lie."""
        return self.model

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
