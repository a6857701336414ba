"""The contract between a declaration, the engine, and the library that runs a model.

A `Model` is what a user declares: pure data, importable without any model library. The
registry resolves it to a `ModelSpec`, which travels to a device process; there the adapter it
names becomes a `Predictor`, which holds the weights. Nothing else crosses.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from hashlib import blake2b
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

import msgspec

from aimass_stream.declaration import (
    Declaration,
    require,
    require_above_zero,
    require_at_least,
)
from aimass_stream.error_text import describe
from aimass_stream.errors import RecordError, SetupError
from aimass_stream.records import Limits, Record
from aimass_stream.records.told import write_told

AnswerT = TypeVar("AnswerT")

SEED_BYTES = 8
"""Bytes of seed before the payload of a model that draws at random."""


class ModelSpec(msgspec.Struct, frozen=True):
    """A model as a device process loads it.

    Attributes:
        name: the model's name; `name@version` is code and settings.
        version: the model's version.
        adapter: `module:Class` whose instance is the `Predictor`.
        folder: absolute path of its weights and configuration; empty where it has none.
        options: the declaration's settings for the adapter: numbers, strings, lists.
        timeout_s: seconds one call of `predict` may take.
        limits: bounds for `decode`.
        digest: checksum of the folder's files, compared before they are loaded; empty where
            nothing is known of them.
        parts: the models that this one is made of, in the order of its declaration.
    """

    name: str
    version: str
    adapter: str
    folder: str
    options: dict[str, Any] = {}
    timeout_s: float = 30.0
    limits: Limits = Limits()
    digest: str = ""
    parts: tuple[ModelSpec, ...] = ()

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class Model(Declaration, Generic[AnswerT]):
    """What a user declares; subclasses are the adapters' declarations.

    Attributes:
        latency_ms: what a record should take from submit to answer when lag is low.
        timeout_s: seconds one batch may take before it counts as hung.
        max_batch_rows: rows of a batch at the most; memory sets the rest.
        limits: bounds on a record's payload.
        circuit_failures: records failing in a row after which the model and not its records is
            taken to be at fault; they are held then until it answers again.

    Raises:
        ConfigError: a setting is not known, or a number with which no record could be answered.
    """

    adapter: ClassVar[str]
    in_worker: ClassVar[bool] = False
    """Whether it runs in the worker itself and in no device process."""

    latency_ms: float = 50.0
    timeout_s: float = 30.0
    max_batch_rows: int = 256
    limits: Limits = field(default_factory=Limits)
    circuit_failures: int = 50

    def __post_init__(self) -> None:
        """Refuse what could answer nothing; a subclass that has more to say calls this first."""
        require_above_zero(self, "latency_ms", "timeout_s")
        require_at_least(self, max_batch_rows=1, circuit_failures=1)
        text = f"limits={self.limits!r}: it must be `Limits`"
        require(self, holds=isinstance(self.limits, Limits), otherwise=text)

    @property
    def answer_type(self) -> type[AnswerT]:
        """The type of an answer; what crosses from the device process is checked against it."""
        raise NotImplementedError

    @property
    def location(self) -> str:
        """`models://name[@version]` or a folder; empty where there are no weights."""
        raise NotImplementedError

    @property
    def options(self) -> Mapping[str, Any]:
        """Settings for the adapter; part of what the version stands for."""
        return {}

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What `options` are unless told; a version does not mention these."""
        return {one.name: one.default for one in fields(self) if one.default is not MISSING}

    @property
    def takes(self) -> str:
        """The name of the record type that it reads, e.g. `Image`; empty where it does not say."""
        return ""

    @property
    def parts(self) -> Sequence[Model[Any]]:
        """Models that this one is made of; they are resolved and loaded with it."""
        return ()

    @property
    def seeded(self) -> bool:
        """Whether it draws at random, and is given `SEED_BYTES` of seed before a payload."""
        return False

    @property
    def written_together(self) -> int:
        """Answers that are written side by side at the most; 0 where the model does not write.

        Records of a model that writes go to the device one by one, as soon as there is a place.
        """
        return 0

    @property
    def is_told(self) -> bool:
        """Whether it is given more of a record than its payload; see `told`."""
        return False

    @property
    def must_be_told(self) -> bool:
        """Whether it can answer nothing that says no more than its payload."""
        return False

    def told(self, record: Record) -> Mapping[str, Any]:
        """What the model is given of a record beside its payload, as plain JSON.

        Asked where `is_told`. It may be empty unless the model must be told something: a text
        that another model wrote says nothing beside itself.

        Raises:
            RecordError: the record does not say what it must.
        """
        del record
        return {}

    def payload(self, record: Record) -> bytes:
        """What the model is given of a record: its payload, behind a seed where it is `seeded`.

        What it is told stands between the two, as `write_told` writes it. Called once a record,
        in the worker, when its envelope was accepted and its claim fetched.
        Whatever a model draws at random it must draw from a seed in here, or a retry would give
        another answer under the same id.
        """
        body = record.bytes
        if self.is_told:
            body = write_told(self.told(record)) + body
        return seed_of(record) + body if self.seeded else body

    def cost(self, record: Record) -> float:
        """What a record adds to a batch: rows, tokens, pixels, frames.

        A batch costs its rows times its costliest row, because rows are padded to it. The
        default, 1, is right where every input is brought to one shape.
        """
        del record
        return 1.0


def all_parts(model: Model[Any]) -> Iterator[Model[Any]]:
    """The models that a model is made of, and those that these are made of."""
    for part in model.parts:
        yield part
        yield from all_parts(part)


def seed_of(record: Record) -> bytes:
    """`SEED_BYTES` that are the same for every retry of a record, made of its root."""
    return blake2b(record.root.encode(), digest_size=SEED_BYTES).digest()


@runtime_checkable
class Predictor(Protocol):
    """What an adapter is in a device process: one loaded model.

    The constructor takes the `ModelSpec` and the device (`cpu`, `cuda:0`), loads the weights
    and raises `SetupError` when it cannot. `decode` runs in threads, several at a time;
    `predict` runs in one thread, never two calls at once.

    One that brings all inputs to one shape may say `costs_alike = True`: a record of its costs 1
    then, whatever `Model.cost` says.
    """

    def decode(self, payload: bytes | memoryview) -> Any:
        """Turn one payload into an input, within the spec's limits.

        Raises:
            RecordError: the payload cannot be an input; it alone is dead-lettered.
        """
        ...

    def predict(self, inputs: Sequence[Any]) -> Sequence[Any | RecordError]:
        """Answer each input, in order: a value of the model's answer type, or why not.

        Whatever it raises fails the whole batch, which is then split until the culprit
        stands alone.
        """
        ...

    def close(self) -> None:
        """Give back memory and handles."""
        ...


@runtime_checkable
class BatchDecodingPredictor(Predictor, Protocol):
    """A `Predictor` that decodes many payloads better together than one by one.

    One whose `decode_all` shares them out by itself says `decodes_in_threads = True`, and is
    given all of a batch.
    """

    def decode_all(self, payloads: Sequence[bytes | memoryview]) -> Sequence[Any | RecordError]:
        """What `decode` makes of each payload, or what it raises, in order.

        Several threads may call it at once, each with a part of a batch. Where it raises, each
        payload is decoded by itself instead.
        """
        ...


@runtime_checkable
class LaunchingPredictor(Predictor, Protocol):
    """A `Predictor` whose device works by itself, so that the next batch is sent meanwhile.

    `predict(inputs)` is `collect(launch(inputs))`. Batches are collected in the order of their
    launch, on a thread of its own; at most two are launched and not collected.
    """

    @property
    def launches(self) -> bool:
        """Whether `launch` returns before the answers are known, as it does on a GPU."""
        ...

    def launch(self, inputs: Sequence[Any]) -> Any:
        """Send a batch to the device, and return what `collect` needs."""
        ...

    def collect(self, launched: Any) -> Sequence[Any | RecordError]:
        """Wait for the answers of a batch: as `predict` gives them."""
        ...


@runtime_checkable
class SharingPredictor(Predictor, Protocol):
    """A `Predictor` that decodes in two steps, so that several may share what they do alike.

    `decode(payload)` is `prepare(open(payload))`. What was opened is an image's pixels
    `(height, width, 3)` uint8, a recording's samples, a text: whatever the payload stands for
    before one model's own needs change it. Both steps run in several threads, and change nothing
    of what they are given.
    """

    @property
    def opening(self) -> Hashable:
        """What `open` depends on: where it is equal, one opens for both. None: it cannot."""
        ...

    @property
    def preparing(self) -> Hashable:
        """What `prepare` depends on: where it is equal too, one input serves both. None: never."""
        ...

    def open(self, payload: bytes | memoryview) -> Any:
        """Read one payload, within the spec's limits.

        Raises:
            RecordError: it cannot be read.
        """
        ...

    def prepare(self, opened: Any) -> Any:
        """Make an input of what was opened.

        Raises:
            RecordError: it cannot be an input.
        """
        ...


class Written(NamedTuple):
    """What one step added to an answer that is being written.

    Attributes:
        ticket: which answer.
        text: what is new of it.
        answer: the whole, or why there is none; None while it is being written.
    """

    ticket: int
    text: str
    answer: Any | RecordError | None = None


@runtime_checkable
class WritingPredictor(Predictor, Protocol):
    """A `Predictor` that writes answers step by step, and takes in more between two steps.

    All of it happens in the thread that predicts. What an input is answered with does not depend
    on what else is being written.
    """

    def begin(self, inputs: Sequence[Any]) -> list[int]:
        """Take inputs in; those that have a place are read in the next step.

        Returns:
            A ticket for each, never used before.
        """
        ...

    def step(self) -> Sequence[Written]:
        """Go one step on with everything that has a place.

        An input that makes the step fail costs its own answer only.
        """
        ...

    def drop(self, tickets: Iterable[int]) -> None:
        """Forget answers that nobody waits for."""
        ...


def import_adapter(name: str) -> Callable[..., Any]:
    """The class that `module:Class` names.

    Raises:
        SetupError: there is none, or its module cannot be imported.
    """
    module_name, _, class_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
        return cast(Callable[..., Any], getattr(module, class_name))
    except (ImportError, AttributeError, ValueError) as error:
        raise SetupError(f"adapter {name} cannot be imported: {describe(error)}") from error
