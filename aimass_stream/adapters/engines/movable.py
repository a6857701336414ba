"""What `Predictor`s of transformers share whose model another engine than torch may compute."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch

from aimass_stream.adapters.engines import LIBRARIES, TORCH, engine_of
from aimass_stream.adapters.engines.acceptance import TOLERANCES, Apart, Trial, accept, farthest
from aimass_stream.adapters.engines.export import Recorded, write_onnx
from aimass_stream.adapters.engines.kept import kept_or_written
from aimass_stream.adapters.engines.onnx_model import OnnxModel
from aimass_stream.adapters.extras import require
from aimass_stream.adapters.packing import pack_linears
from aimass_stream.adapters.rows import in_order
from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec


class Movable(ABC):
    """Base of predictors that hold a model of transformers in `_model`.

    Attributes:
        output: the part of the model's answer that is read.
    """

    output: ClassVar[str] = "logits"

    _folder: Path
    _device: torch.device
    _model: Any

    @abstractmethod
    def _groups(self, inputs: Sequence[Any]) -> list[list[int]]:
        """Rows that go through the model together."""

    @abstractmethod
    def _probes(self) -> Sequence[Any]:
        """Inputs of many shapes, drawn from a seed; the first two may go through together."""

    @abstractmethod
    def _axes(self, probes: Sequence[Any]) -> Mapping[int, str]:
        """Dimensions of the model's arguments that differ from batch to batch, with their names."""

    @abstractmethod
    def _arguments(self, inputs: Sequence[Any]) -> Mapping[str, torch.Tensor]:
        """What the model is called with for inputs of one group."""

    @abstractmethod
    def _scores(self, inputs: Sequence[Any]) -> torch.Tensor:
        """What answers are made of, `(rows, ...)`, float32, on the CPU."""

    def _measure(self, engine: str) -> tuple[Apart, float]:
        """How far two answers lie apart, and how far an engine's may."""
        return farthest, TOLERANCES[engine].scores

    def _move(self, spec: ModelSpec) -> None:
        """Have the declared engine compute the model from now on; torch's weights are let go.

        The file that the engine needs is written once, and kept below the state folder.

        Args:
            spec: the resolved declaration; option `engine`.

        Raises:
            SetupError: the device is no CPU, a library of the extra is missing, the model cannot
                be written, or the engine answers otherwise.
        """
        engine = engine_of(spec.options)
        if engine == TORCH:
            pack_linears(self._model)
            return
        if self._device.type != "cpu":
            raise SetupError(
                f"Model {spec.id}: engine={engine!r} computes on the CPU, and its device is "
                f"{self._device}. Declare it with engine='torch'."
            )
        for module in LIBRARIES:
            require(module)
        probes = self._probes()
        due, example = self._alone(probes), self._arguments(probes[:2])
        recorded = Recorded(self._model, self._folder, example, self._axes(probes), self.output)
        with kept_or_written(spec, partial(write_onnx, recorded, engine)) as file:
            config = self._model.config
            self._model = OnnxModel(file, self._folder, list(example), self.output, config)
        trial = Trial(due, self._alone(probes), self._together(probes))
        accept(spec.id, engine, trial, *self._measure(engine))

    def _alone(self, probes: Sequence[Any]) -> list[torch.Tensor]:
        return [self._scores([one])[0] for one in probes]

    def _together(self, probes: Sequence[Any]) -> list[torch.Tensor]:
        groups = self._groups(probes)
        found = [list(self._scores([probes[row] for row in rows])) for rows in groups]
        return in_order(groups, found)
