"""Models of a replay: one of them in a version that somebody chose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from aimass_stream.config import Settings
from aimass_stream.errors import ConfigError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.registry import packages
from aimass_stream.registry.folder import resolve
from aimass_stream.registry.references import SCHEME
from aimass_stream.runtime.models import Models


class PinnedModels(Models):
    """Models of which the one of a name is loaded in a given version; the others as declared.

    A registered model is taken from the registry in that version. Any other, and one that is made
    of others, has the one version that the app declares, which must then be the one asked for.

    Args:
        settings: where models and payloads lie.
        on_error: told when a device process of its own cannot be kept alive.
        wanted: `name@version`.

    Attributes:
        pinned: the model of that name, once it was prepared.

    Raises:
        ConfigError: `wanted` names no version.
    """

    def __init__(
        self, settings: Settings, on_error: Callable[[BaseException], None], wanted: str
    ) -> None:
        super().__init__(settings, on_error)
        self._name, _, self._version = wanted.partition("@")
        if not self._name or not self._version:
            raise ConfigError(f"{wanted!r} names no version of a model; write NAME@VERSION")
        self.pinned: ModelSpec | None = None

    def look_for(self, declared: Iterable[Model[Any]]) -> None:
        """See that the chosen version can be had, as far as declarations say; nothing is loaded.

        Args:
            declared: models that a body may score; those of other names are passed over.

        Raises:
            ConfigError: it cannot, or no model has the name.
            SetupError: its files are not what they were when it was published.
        """
        for model in declared:
            if _name_of(model) in ("", self._name):
                self._resolve(model)
        if self.pinned is None:
            raise ConfigError(
                f"The app declares no model of the name {self._name}, so none can answer. "
                "aimass dlq list shows the models of dead letters."
            )

    def _resolve(self, model: Model[Any]) -> ModelSpec:
        location = model.location
        known = [self._version]
        is_registered = location.startswith(SCHEME) and not model.parts
        if is_registered and _registered_name(location) == self._name:
            # What follows the number stands for settings, and comes from the declaration.
            number = self._version.partition("-")[0]
            spec = resolve(model, self._settings.models_folder, registered_version=number)
            known.append(spec.version if self._version == number else "")
        else:
            spec = super()._resolve(model)
        if spec.name == self._name:
            if spec.version not in known:
                raise ConfigError(
                    f"The app declares {spec.id}, so {self._name}@{self._version} cannot be had "
                    f"here. Change its declaration, or replay with {spec.id}."
                )
            self.pinned = spec
        return spec


def _name_of(model: Model[Any]) -> str:
    """A model's name as far as it is known before files are looked at; empty where it is not."""
    location = model.location
    if model.parts or not location:
        return str(getattr(model, "name", ""))
    if location.startswith(SCHEME):
        return _registered_name(location)
    return "" if location.startswith(packages.SCHEME) else Path(location).name


def _registered_name(location: str) -> str:
    return location.removeprefix(SCHEME).partition("@")[0]
