"""Importing transformers without what only training, compiling and spreading a model need.

The parts of transformers that every model shares import torch's compiler, its distributed tensors,
SymPy, SciPy and scikit-learn along the way: more than half of the time until a device process is
warm, for code that answering never calls. Two doors of the libraries themselves let that be put
off: transformers asks whether a package is there before it imports it, and what it takes from the
compiler are decorators for a function that is compiled, and two functions it calls late or never.

For processes that answer, before anything else has imported transformers. Whoever compiles
afterwards finds the whole compiler. Where a release asks for more, everything is imported as it
always was, only slower; `tests/adapters/test_lean_imports.py` says when that is so.
"""

from __future__ import annotations

import importlib
import logging
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
_NEVER_ASKED_FOR = (
    "is_sklearn_available",
    "is_torch_distributed_available",
    "is_torch_flex_attn_available",
)
"""Of an assistant that drafts, of several processes with one model, and of a compiled attention."""

_ASKED_FOR_BY_SOME = ("is_scipy_available",)
"""Losses of detectors take it; models of which some have their own reason for it."""

Attributes = Mapping[str, Any]


def import_lean() -> None:
    """Import what every model of transformers shares; does nothing where it is imported already.

    From now on transformers takes scikit-learn, distributed tensors and flex attention for absent
    in this process.
    """
    if "transformers.modeling_utils" in sys.modules or "torch._dynamo" in sys.modules:
        return
    try:
        with _told_absent(), _standing_in(_compiler()):
            for name in _SHARED:
                importlib.import_module(name)
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


@contextmanager
def _told_absent() -> Iterator[None]:
    """Have transformers believe that packages are missing, some of them only for now."""
    doors = [importlib.import_module(f"transformers.utils{part}") for part in ("", ".import_utils")]
    told = {name: getattr(doors[0], name) for name in _ASKED_FOR_BY_SOME}
    _set(doors, dict.fromkeys([*_NEVER_ASKED_FOR, *_ASKED_FOR_BY_SOME], _never))
    try:
        yield
    finally:
        _set(doors, told)


def _set(modules: list[ModuleType], attributes: Attributes) -> None:
    for module in modules:
        vars(module).update(attributes)


def _never() -> bool:
    return False


@contextmanager
def _standing_in(modules: Mapping[str, Attributes]) -> Iterator[None]:
    """Have modules with these attributes found in place of others, and not afterwards."""
    torch: Any = importlib.import_module("torch")
    for name, attributes in modules.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(attributes)
    torch._dynamo = sys.modules["torch._dynamo"]  # noqa: SLF001 - what this module is for
    try:
        yield
    finally:
        del torch._dynamo  # noqa: SLF001 - as above
        for name in modules:
            del sys.modules[name]


def _compiler() -> Mapping[str, Attributes]:
    """What is taken from the compiler by modules that are imported without it."""
    marks = dict.fromkeys(("allow_in_graph", "assume_constant_result", "disable"), _mark)
    masks, utils = "torch._dynamo._trace_wrapped_higher_order_op", "torch._dynamo.utils"
    return {
        "torch._dynamo": marks,
        masks: {"TransformGetItemToIndex": _late(masks, "TransformGetItemToIndex")},
        utils: {"is_compile_supported": _late(utils, "is_compile_supported")},
    }


def _mark(function: Any = None, *_: object, **__: object) -> Any:
    """A decorator that tells a compiler something; nobody compiles here."""
    return _mark if function is None else function


def _late(module: str, name: str) -> Callable[..., Any]:
    """The function of that name, whose module is imported when it is first called."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments, **options)

    return call
