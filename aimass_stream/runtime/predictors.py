"""The models of a device process: imported, built once, shared by every worker."""

from __future__ import annotations

import ast
import asyncio
import importlib
import importlib.util
import logging
import os
import pkgutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from aimass_stream.adapters.lean_imports import NEEDED_BY, import_lean
from aimass_stream.error_text import describe, explain, is_mistake, near
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.learner import Learner
from aimass_stream.model import (
    LaunchingPredictor,
    Model,
    ModelSpec,
    Predictor,
    WritingPredictor,
    all_parts,
    import_adapter,
)
from aimass_stream.registry.files import check_digest
from aimass_stream.runtime.injection_plan import FAULTS

log = logging.getLogger("aimass.device")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready.

    Attributes:
        spec: what it was loaded from.
        predictor: the adapter's instance.
        guard: makes the context in which `predict` is called.
        load_ms: milliseconds from the import of the adapter to here.
        timeout_s: seconds one call may take; the spec's, except under `aimass verify`.
        launches: whether its batches are launched, and collected later.
        writes: whether its predictor writes answers step by step.
        costs_alike: whether its records cost the same.
    """

    spec: ModelSpec
    predictor: Predictor
    guard: Callable[[], AbstractContextManager[Any]]
    load_ms: float
    timeout_s: float
    launches: bool = False
    writes: bool = False
    costs_alike: bool = False


class Predictors:
    """Loads models, one at a time, on a thread of its own. Used from the event loop.

    Args:
        device: what adapters are told to load onto.
        torch_threads: cores one call of `predict` may use.
    """

    def __init__(self, device: str, torch_threads: int) -> None:
        self._device = device
        self._torch_threads = torch_threads
        self._models: dict[str, asyncio.Task[LoadedModel]] = {}
        self._thread = ThreadPoolExecutor(1, "load")

    async def load(self, spec: ModelSpec) -> LoadedModel:
        """Load a model, or wait for or find what another worker loads.

        A load goes on when its caller is cancelled: others may wait for it.

        Raises:
            SetupError: it cannot be loaded; the next call tries again.
        """
        task = self._models.get(spec.id)
        if task is None or (task.done() and task.exception() is not None):
            task = self._models[spec.id] = asyncio.create_task(self._load(spec))
        model = await asyncio.shield(task)
        if model.spec != spec:
            raise SetupError(
                f"{spec.id} is loaded with other settings; settings are part of a version, "
                "so give the changed model a new one"
            )
        return model

    def find(self, model_id: str) -> LoadedModel | None:
        """A model that is ready."""
        task = self._models.get(model_id)
        if task is None or not task.done() or task.exception() is not None:
            return None
        return task.result()

    async def close(self) -> None:
        """Close every model. Call it when nothing is predicted any more."""
        tasks = [task for task in self._models.values() if task.done() and not task.exception()]
        loop = asyncio.get_running_loop()
        for task in tasks:
            await loop.run_in_executor(self._thread, _close, task.result())

    async def _load(self, spec: ModelSpec) -> LoadedModel:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._build, spec)

    def _build(self, spec: ModelSpec) -> LoadedModel:
        started, timeout_s = time.perf_counter(), spec.timeout_s
        try:
            _check_files(spec)
            adapter = import_adapter(spec.adapter)
            # What computes beside torch takes over torch's number of threads.
            self._prepare_torch()
            predictor: Predictor = adapter(spec, self._device)
            if FAULTS in os.environ:
                from aimass_stream.runtime.injected import inject

                predictor, timeout_s = inject(spec, predictor)
        except SetupError:
            raise
        except BaseException as error:
            log.exception("model %s cannot be loaded", spec.id)
            raise SetupError(
                f"model {spec.id} cannot be loaded by {spec.adapter}: {describe(error)}"
            ) from error
        load_ms = (time.perf_counter() - started) * 1000
        log.info("model %s loaded in %.0f ms", spec.id, load_ms)
        launches = isinstance(predictor, LaunchingPredictor) and predictor.launches
        writes, guard = isinstance(predictor, WritingPredictor), self._prepare_torch()
        alike = bool(getattr(predictor, "costs_alike", False))
        return LoadedModel(spec, predictor, guard, load_ms, timeout_s, launches, writes, alike)

    def _prepare_torch(self) -> Callable[[], AbstractContextManager[Any]]:
        # Only an adapter may import torch. Where none has, there is nothing to prepare.
        torch: Any = sys.modules.get("torch")
        if torch is None:
            return nullcontext
        if torch.get_num_threads() != self._torch_threads:
            torch.set_num_threads(self._torch_threads)
        return cast(Callable[[], AbstractContextManager[Any]], torch.inference_mode)


def _check_files(spec: ModelSpec) -> None:
    """See that a model's files, and those of its parts, are what they were.

    A process that is started in mid-run loads again what may have been damaged.
    """
    if spec.digest:
        check_digest(Path(spec.folder), spec.digest)
    for part in spec.parts:
        _check_files(part)


def _close(model: LoadedModel) -> None:
    try:
        model.predictor.close()
    except Exception:
        log.exception("model %s did not close", model.spec.id)


def import_declared(package: str, kind: type[Model[Any]] | type[Learner[Any]]) -> list[str]:
    """Import a project's declarations and the adapters they name, so that loading is quick.

    Args:
        package: the project's models.
        kind: whose adapters to import: `Model` or `Learner`.

    Returns:
        The adapters' modules. None where the package does not exist.

    Raises:
        ConfigError: a declaration names an adapter that cannot be imported.
        Exception: whatever a module of the project raises when it is imported.
    """
    if _is_absent(package):
        return []
    modules = [importlib.import_module(package)]
    found = pkgutil.walk_packages(getattr(modules[0], "__path__", ()), f"{package}.")
    modules.extend(importlib.import_module(module.name) for module in found)
    declared: dict[str, list[tuple[ModuleType, str]]] = {}
    for module in modules:
        for name, value in _held_in(module, kind):
            for each in [value, *all_parts(value)] if isinstance(value, Model) else [value]:
                declared.setdefault(each.adapter.partition(":")[0], []).append((module, name))
    if any(adapter.startswith(NEEDED_BY) for adapter in declared):
        import_lean()
    for adapter in sorted(declared):
        _import_adapter(adapter, declared[adapter])
    return sorted(declared)


def _import_adapter(adapter: str, declared: Sequence[tuple[ModuleType, str]]) -> None:
    """Import an adapter's module on behalf of declarations: modules, and their names there."""
    try:
        importlib.import_module(adapter)
    except (ImportError, ValueError) as error:
        if not is_mistake(error):
            raise
        # A module that imports a declaration from another one has no line for it.
        lines = [(_line_of(module, name), module, name) for module, name in declared]
        line, module, name = next((each for each in lines if each[0]), lines[0])
        place = near(Path(module.__file__ or module.__name__), line)
        raise ConfigError(
            f"{name} ({place}) needs the adapter {adapter}, which cannot be imported: "
            f"{explain(error)}"
        ) from error


def _line_of(module: ModuleType, name: str) -> int | None:
    """Where a module gives a name its value; None where that is nowhere to be seen."""
    try:
        tree = ast.parse(Path(module.__file__ or "").read_bytes())
    except (OSError, SyntaxError):
        return None
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node.lineno
    return None


def _is_absent(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is None
    except ModuleNotFoundError:
        return True


def _held_in(
    module: ModuleType, kind: type[Model[Any]] | type[Learner[Any]]
) -> list[tuple[str, Model[Any] | Learner[Any]]]:
    return [(name, value) for name, value in vars(module).items() if isinstance(value, kind)]
