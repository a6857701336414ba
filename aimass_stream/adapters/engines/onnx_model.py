"""A model in ONNX Runtime, called as transformers' own is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from aimass_stream.adapters.extras import require
from aimass_stream.errors import SetupError


class OnnxModel:
    """Takes the place of a model of transformers, on the CPU, with as many threads as torch has.

    Args:
        file: as it was written for ONNX Runtime; not needed afterwards.
        folder: of the model it was written from, for messages.
        inputs: the arguments it must take.
        output: what it must answer with.
        config: that of the model it was written from.

    Attributes:
        config: as the model's own.
        dtype: what it takes and answers with.

    Raises:
        SetupError: ONNX Runtime is missing or refuses the file, or it takes or gives something
            else.
    """

    dtype = torch.float32

    def __init__(
        self, file: Path, folder: Path, inputs: Sequence[str], output: str, config: Any
    ) -> None:
        self.config = config
        self._output = output
        self._session = _open(file, folder)
        self._inputs = [one.name for one in self._session.get_inputs()]
        outputs = [one.name for one in self._session.get_outputs()]
        if not {*self._inputs} <= {*inputs} or outputs != [output]:
            raise SetupError(
                f"What was written of the model in {folder} takes {', '.join(self._inputs)} and "
                f"gives {', '.join(outputs)}, instead of {', '.join(inputs)} and {output}."
            )

    def __call__(self, **arguments: torch.Tensor) -> Any:
        """The answer to a batch: an object with the output as a float32 tensor."""
        fed = {name: arguments[name].numpy() for name in self._inputs}
        (found,) = self._session.run([self._output], fed)
        return SimpleNamespace(**{self._output: torch.from_numpy(found)})


def _open(file: Path, folder: Path) -> Any:
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that wait by turning would take the cores from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # a plan of memory is of use where batches have one shape
    options.log_severity_level = 3
    try:
        # By its path: of bytes, the session would keep a copy.
        return runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # The library has a kind of exception for each of its codes, and no common one.
        raise SetupError(
            f"ONNX Runtime refuses what was written of the model in {folder}: {error}"
        ) from error
