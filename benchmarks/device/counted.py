"""A text classifier that notes how much of its batches is padding, in tokens and not estimates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aimass_stream.adapters.classification import Features
from aimass_stream.adapters.transformers_text import TextClassifier
from aimass_stream.model import ModelSpec
from benchmarks.device.kinds import NOTES
from benchmarks.place import Place


class CountedTextClassifier(TextClassifier):
    """The engine's own, with a line written for each batch."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        # The passes that try the model out are no batches of records.
        self._notes: Any = None
        super().__init__(spec, device)
        self._notes = (Place.from_env().state / NOTES).open("a", buffering=1)

    def close(self) -> None:
        """Give memory and the file back."""
        super().close()
        self._notes.close()

    def _forward(self, inputs: Sequence[Features]) -> Any:
        if self._notes is not None:
            lengths = [len(one) for one in inputs]
            self._notes.write(f"{len(lengths)} {sum(lengths)} {len(lengths) * max(lengths)}\n")
        return super()._forward(inputs)
