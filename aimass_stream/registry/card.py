"""The card of a model: what it is, where it comes from, and what it costs. Pure data.

It is kept in a version's manifest, as JSON. What can be read off the files is derived
(`registry.description`); the rest is told by whoever publishes the model. The idea is that of
Mitchell et al., "Model Cards for Model Reporting" (2019); prose belongs into the model's README.
"""

from __future__ import annotations

import msgspec


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What answering was measured to cost, decoding included.

    Attributes:
        ms_per_record: milliseconds of wall time, on average.
        records: how many were answered.
        batch_rows: records of one call.
        device: what answered, e.g. `cpu`.
        threads: of the model library, on a CPU.
        machine: the processor's architecture, e.g. `x86_64`.
    """

    ms_per_record: float
    records: int
    batch_rows: int
    device: str
    threads: int
    machine: str


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What no file of a model tells, and somebody must.

    Attributes:
        source: where it comes from: a page, a paper, or how it was trained; empty if not told.
        licence: of the weights, an SPDX identifier where there is one; empty if not told.
        limits: what it cannot do, or was not tried on, a sentence each.
        cost: what it was measured to cost; None where nobody measured.
    """

    source: str = ""
    licence: str = ""
    limits: tuple[str, ...] = ()
    cost: Cost | None = None


class Card(Provenance, frozen=True, kw_only=True):
    """What a version of a model is, beside its name, task, labels and files.

    Attributes:
        modality: `image`, `audio` or `text`: what it takes; empty for a task of an adapter that
            is not the engine's own.
        takes: the record type it takes, e.g. `Image`; empty likewise.
        answers: the type of its answers, e.g. `Prediction`; empty likewise.
        library: what builds the network: `transformers`, `timm`, `torchvision`, `torchaudio`,
            `yolox`, `diffusers`, `scikit-learn`, or `layers` for a chain of `torch.nn`; empty if
            its files do not say.
        architecture: the network's class or name there, e.g. `ResNetForImageClassification`.
        values: numbers in its safetensors files, buffers such as running means included, by
            their type there, e.g. `{"F32": 79714}`.
    """

    modality: str = ""
    takes: str = ""
    answers: str = ""
    library: str = ""
    architecture: str = ""
    values: dict[str, int] = {}

    @property
    def parameters(self) -> int:
        """Numbers in its safetensors files, of whatever type."""
        return sum(self.values.values())
