"""What declarations need of this environment and it lacks; told without importing any of it."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aimass_stream.adapters.extras import EXTRAS, libraries_of
from aimass_stream.error_text import extra_missing

if TYPE_CHECKING:
    from aimass_stream.learner import Learner
    from aimass_stream.model import Model

_CORRECT = (
    "Correct the declaration's adapter: 'module:Class', as this folder's code would import it"
)


class Lack(msgspec.Struct, frozen=True, order=True):
    """Why a process could not load what is declared.

    Attributes:
        text: what is missing, and for which declaration.
        fix: what to do.
    """

    text: str
    fix: str


def lacks_of(models: Iterable[Model[Any]], learners: Iterable[Learner[Any]]) -> list[Lack]:
    """What these declarations, and the models that they are made of, need and is not there.

    Looks for modules and imports none, so that no model library is loaded.
    """
    from aimass_stream.model import all_parts

    whole = [each for model in models for each in (model, *all_parts(model))]
    declared: list[Model[Any] | Learner[Any]] = [*whole, *learners]
    found = {lack for one in declared if (lack := _no_adapter(one)) is not None}
    for model in whole:
        needed = libraries_of(model.adapter, model.options)
        for extra, libraries in lacking(needed).items():
            text = f"{_called(model)} needs {is_not_installed(libraries)}"
            found.add(Lack(text, extra_missing(extra)))
    return sorted(found)


def lacking(libraries: Iterable[str]) -> dict[str, list[str]]:
    """Those of these libraries that are not installed, by the extra that brings them."""
    found: dict[str, list[str]] = {}
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            found.setdefault(EXTRAS[library], []).append(library)
    return found


def is_not_installed(libraries: list[str]) -> str:
    """The end of a sentence that begins with who needs them."""
    are = "are" if len(libraries) > 1 else "is"
    return f"{' and '.join(libraries)}, which {are} not installed"


def _called(declared: Model[Any] | Learner[Any]) -> str:
    name = getattr(declared, "name", "") or declared.location
    return f"{type(declared).__name__}({name!r})"


def _no_adapter(declared: Model[Any] | Learner[Any]) -> Lack | None:
    module, _, name = declared.adapter.partition(":")
    start = f"{_called(declared)} names the adapter {declared.adapter!r}, and"
    spec = _find(module)
    if spec is None:
        return Lack(f"{start} there is no module {module!r}", _CORRECT)
    if not name or not _may_hold(spec, name):
        return Lack(f"{start} its module holds no {name!r}", _CORRECT)
    return None


def _find(module: str) -> ModuleSpec | None:
    """Where a module would be imported from; `find_spec` imports what a module lies in."""
    if module in sys.modules:
        return sys.modules[module].__spec__ or ModuleSpec(module, None)
    first, *inner = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except ValueError:  # the name is empty, or of a module that was not imported as others are
        return None
    for name in inner:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{name}", spec.submodule_search_locations)
    return spec


def _may_hold(spec: ModuleSpec, name: str) -> bool:
    """Whether a module's source binds a name, or leaves open what it holds."""
    if not spec.origin or not spec.origin.endswith(".py"):
        return True
    try:
        tree = ast.parse(Path(spec.origin).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True
    return not {name, "__getattr__", "*"}.isdisjoint(_bound(tree))


def _bound(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
