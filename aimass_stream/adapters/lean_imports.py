"""Importing transformers without what only training, compiling and spreading a model need.

The parts of transformers that every model shares import torch's compiler, its distributed tensors,
SymPy, SciPy and scikit-learn along the way, the losses of all detectors, and the models and data
sets that torchvision has of its own: more than half of the time until a device process is warm,
for code that answering never calls. Two doors of the libraries themselves let that be put off:
transformers asks whether a package is there before it imports it, and what it takes from the
compiler are decorators for a function that is compiled, and two functions it calls late or never.
The rest is imported when it is asked for.

For processes that answer, before anything else has imported transformers. Whoever compiles
afterwards finds the whole compiler. Where a release asks for more, everything is imported as it
always was, only slower; `tests/adapters/test_lean_imports.py` says when that is so.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Any

log = logging.getLogger("aimass.device")

NEEDED_BY = "aimass_stream.adapters.transformers_"
"""What the modules of adapters that are built on transformers begin with."""

_SHARED = (
    "transformers.modeling_utils",
    "transformers.generation.utils",
    "transformers.image_processing_utils",
    "transformers.models.auto.modeling_auto",
)
_LATER = ("torchvision.datasets", "torchvision.models")
_NEVER_ASKED_FOR = (
    "is_sklearn_available",
    "is_torch_distributed_available",
    "is_torch_flex_attn_available",
)
"""Of an assistant that drafts, of several processes with one model, and of a compiled attention."""

Attributes = Mapping[str, Any]


def import_lean() -> None:
    """Import what every model of transformers shares; does nothing where it is imported already.

    From now on transformers takes scikit-learn, distributed tensors and flex attention for absent
    in this process.
    """
    if "transformers.modeling_utils" in sys.modules or "torch._dynamo" in sys.modules:
        return
    try:
        with _standing_in({**_compiler(), **_put_off()}):
            _tell_absent()
            for name in _SHARED:
                importlib.import_module(name)
        if "torchvision" in sys.modules:
            vars(sys.modules["torchvision"])["__getattr__"] = _find_later
        _begin_with_memory()
    except (ImportError, AttributeError) as error:
        log.warning(
            "transformers is imported with all it can import, which takes longer: %s", error
        )


def _begin_with_memory() -> None:
    """Have models begin as weights that were not filled, not as weights that have no memory.

    What they hold comes from files in both cases, and memory that nothing was written to costs
    none. But torch works out what has no memory in Python, for which it imports its compiler.
    """
    models: Any = importlib.import_module("transformers.modeling_utils")
    contexts_of = models.PreTrainedModel.get_init_context.__func__

    @wraps(contexts_of)
    def get_init_context(cls: type[Any], *told: Any, **options: Any) -> list[Any]:
        # Some of what is in the list are devices, which tensors are then made on.
        return [
            models.init.no_init_weights() if str(context) == "meta" else context
            for context in contexts_of(cls, *told, **options)
        ]

    models.PreTrainedModel.get_init_context = classmethod(get_init_context)


def _tell_absent() -> None:
    """Have transformers believe that packages are missing."""
    for part in ("", ".import_utils"):
        door = importlib.import_module(f"transformers.utils{part}")
        vars(door).update(dict.fromkeys(_NEVER_ASKED_FOR, _never))


def _never() -> bool:
    return False


@contextmanager
def _standing_in(modules: Mapping[str, Attributes]) -> Iterator[None]:
    """Have modules with these attributes found in place of others, and not afterwards."""
    torch: Any = importlib.import_module("torch")
    # What somebody imported already stays.
    missing = [name for name in modules if name not in sys.modules]
    for name in missing:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(modules[name])
    torch._dynamo = sys.modules["torch._dynamo"]  # noqa: SLF001 - what this module is for
    try:
        yield
    finally:
        for name in missing:
            stood_in = sys.modules.pop(name)
            package, _, part = name.rpartition(".")
            held = vars(sys.modules[package]) if package in sys.modules else {}
            if held.get(part) is stood_in:
                del held[part]


def _find_later(name: str) -> ModuleType:
    """A part that torchvision was not given, in place of its attribute."""
    if f"torchvision.{name}" not in _LATER:
        raise AttributeError(f"module 'torchvision' has no attribute {name!r}")
    return importlib.import_module(f"torchvision.{name}")


def _compiler() -> Mapping[str, Attributes]:
    """What is taken from the compiler by modules that are imported without it."""
    marks = dict.fromkeys(("allow_in_graph", "assume_constant_result", "disable"), _mark)
    masks, utils = "torch._dynamo._trace_wrapped_higher_order_op", "torch._dynamo.utils"
    return {
        "torch._dynamo": marks,
        masks: {"TransformGetItemToIndex": _late(masks, "TransformGetItemToIndex")},
        utils: {"is_compile_supported": _late(utils, "is_compile_supported")},
    }


def _put_off() -> Mapping[str, Attributes]:
    """What is imported for training, and by HTTPX for a terminal."""
    return {
        "transformers.loss.loss_utils": {"LOSS_MAPPING": _Losses()},
        "httpx._main": {"main": _late("httpx._main", "main")},
        **{name: {} for name in _LATER},
    }


class _Losses(Mapping[str, Any]):
    """The library's table of losses, imported when one is first asked for.

    A model looks up, when it is made, which name in the table its own name holds, and so asks for
    its loss by that one. Here every name is one, and it is looked up when the loss is asked for.
    """

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        table = self._table()
        held = re.search("|".join(table), name)
        # The library's own default.
        return table[name if name in table else held.group() if held else "ForCausalLM"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())

    @staticmethod
    def _table() -> Mapping[str, Any]:
        losses: Any = importlib.import_module("transformers.loss.loss_utils")
        table: Mapping[str, Any] = losses.LOSS_MAPPING
        return table


def _mark(function: Any = None, *_: object, **__: object) -> Any:
    """A decorator that tells a compiler something; nobody compiles here."""
    return _mark if function is None else function


def _late(module: str, name: str) -> Callable[..., Any]:
    """The function of that name, whose module is imported when it is first called."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments, **options)

    return call
