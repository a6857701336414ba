"""What a case of the contract suite is: a tiny model, its declaration, and what it must answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any

import msgspec
import torch

from aimass_stream.errors import Reason
from aimass_stream.model import Model, ModelSpec, Predictor, import_adapter
from aimass_stream.records import Image, Record
from aimass_stream.registry.folder import resolve


@dataclass(frozen=True, eq=False)
class Case:
    """One kind of model.

    Attributes:
        name: of the test, and of the model's folder.
        rows: the rows of the table of systems that it stands for.
        build: writes a tiny model of random weights into a folder, as its library saves it.
        declare: the declaration of what lies in a folder.
        values: values of records; all are answered.
        library: what the library itself answers to a payload, as the answer type.
        bad: a payload that is refused, and why.
        kind: the record type of the values.
        needs: a module without which the case is left out.
        tolerance: how far a number may be from the library's.
    """

    name: str
    rows: tuple[str, ...]
    build: Callable[[Path], Any]
    declare: Callable[[str], Model[Any]]
    values: Sequence[bytes]
    library: Callable[[Path, bytes], Any]
    bad: tuple[bytes, Reason] = (b"\x89PNG\r\n\x1a\nbroken", Reason.UNDECODABLE)
    kind: type[Record] = Image
    needs: str = ""
    tolerance: float = 1e-4

    @property
    def is_possible(self) -> bool:
        """Whether what it needs is installed."""
        return not self.needs or util.find_spec(self.needs) is not None


class Zoo:
    """The built and loaded models of a run, each made when it is first asked for.

    Args:
        home: where their folders lie.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self.folder = cache(self._build)
        self.predictor = cache(self._load)

    def declared(self, case: Case) -> Model[Any]:
        """The case's declaration of its folder."""
        return case.declare(str(self.folder(case)))

    def spec(self, case: Case) -> ModelSpec:
        """What its declaration resolves to."""
        return resolve(self.declared(case), self._home)

    def payloads(self, case: Case) -> list[bytes]:
        """What the model is given of each of the case's records."""
        declared, found = self.declared(case), []
        for place, value in enumerate(case.values):
            record = case.kind("zoo", 0, place, 0, None, value, ())
            record.check(declared.limits)
            found.append(declared.payload(record))
        return found

    def answers(self, case: Case) -> list[Any]:
        """The model's answers to all payloads, in one batch."""
        predictor = self.predictor(case)
        return list(predictor.predict([predictor.decode(one) for one in self.payloads(case)]))

    def _build(self, case: Case) -> Path:
        folder = self._home / case.name
        folder.mkdir()
        torch.manual_seed(7)
        case.build(folder)
        return folder

    def _load(self, case: Case) -> Predictor:
        spec = self.spec(case)
        predictor: Predictor = import_adapter(spec.adapter)(spec, "cpu")
        declared = self.declared(case)
        return Read(predictor, declared.answer_type) if spec.parts else predictor


class Read:
    """A predictor whose answers are read as a worker reads them: a graph tells its by name.

    Args:
        predictor: the model.
        answer_type: of its declaration.
    """

    def __init__(self, predictor: Predictor, answer_type: type[Any]) -> None:
        self._predictor = predictor
        self._type = answer_type
        self.decode = predictor.decode
        self.close = predictor.close

    def predict(self, inputs: Sequence[Any]) -> list[Any]:
        """The answers, of the declared type."""
        return [
            msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=self._type)
            for answer in self._predictor.predict(inputs)
        ]
