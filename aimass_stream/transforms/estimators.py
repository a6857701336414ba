"""Estimators of scikit-learn as plain data and arrays, and back, without a pickle.

Only the classes listed here are written or made, each from its arguments and from attributes
that are listed, too; what compiled code reads by index is checked before it is given any. Used
where models are fitted and in device processes.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.transforms.forms import BY_FITTING, FORMS
from aimass_stream.transforms.trees import freeze_tree, thaw_tree

Arrays = dict[str, NDArray[Any]]
"""By name; numbers of any shape."""

_NOT_KEPT = frozenset({"n_jobs", "verbose", "warm_start"})


def class_of(name: str) -> Any:
    """A class of scikit-learn's that is on the list.

    Raises:
        SetupError: it is not.
    """
    form = FORMS.get(name)
    if form is None:
        raise SetupError(f"{name} is not offered. Estimators: {', '.join(sorted(FORMS))}.")
    return getattr(importlib.import_module(f"sklearn.{form.module}"), name)


def freeze(estimator: Any, arrays: Arrays, prefix: str = "") -> dict[str, Any]:
    """A fitted estimator as JSON has it: its class, its arguments, and what it has learnt.

    Args:
        estimator: of a class in `FORMS`.
        arrays: takes what is an array, under names that begin with the prefix.
        prefix: of those names.

    Raises:
        ConfigError: it is of another class, has an argument that JSON has not, or has learnt
            something that cannot be kept.
    """
    name = type(estimator).__name__
    if name not in FORMS or not type(estimator).__module__.startswith("sklearn."):
        raise ConfigError(
            f"A {name} cannot be kept without a pickle. Estimators: {', '.join(sorted(FORMS))}."
        )
    learnt = freeze_learnt(estimator, arrays, prefix)
    return {"class": name, "arguments": _told(estimator), "learnt": learnt}


def thaw(plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The estimator that `freeze` wrote down.

    Raises:
        SetupError: it is of a class that is not offered, or its parts do not fit each other.
    """
    made = class_of(str(plain["class"]))(**plain["arguments"])
    return thaw_learnt(made, plain["learnt"], arrays)


def freeze_learnt(estimator: Any, arrays: Arrays, prefix: str) -> dict[str, Any]:
    """The attributes that stand in the estimator's form, as JSON has them.

    Raises:
        ConfigError: one cannot be kept.
    """
    return {
        name: _freeze(getattr(estimator, name), arrays, f"{prefix}{name}")
        for name in FORMS[type(estimator).__name__].attributes
        if hasattr(estimator, name)
    }


def thaw_learnt(estimator: Any, plain: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """An estimator that was made from its arguments, with what it had learnt.

    Raises:
        SetupError: it was something else, or parts of it do not fit each other.
    """
    name = type(estimator).__name__
    strange = sorted(set(plain) - set(FORMS[name].attributes))
    if strange:
        raise SetupError(f"{', '.join(strange)} of a {name} may not be set.")
    try:
        learnt = {attribute: _thaw(value, arrays) for attribute, value in plain.items()}
        if name in BY_FITTING:
            answers = learnt["classes_"][learnt["_y"]] if "classes_" in learnt else learnt["_y"]
            return estimator.fit(learnt["_fit_X"], answers)
        for attribute, value in learnt.items():
            setattr(estimator, attribute, value)
        FORMS[name].settle(estimator)
    except SetupError:
        raise
    except Exception as error:
        raise SetupError(f"the parts of a {name} do not fit each other: {error}") from error
    return estimator


def _told(estimator: Any) -> dict[str, Any]:
    """The arguments that differ from the defaults, which may be none of JSON's."""
    plain = type(estimator)().get_params(deep=False)
    told = {
        name: value
        for name, value in estimator.get_params(deep=False).items()
        if name not in _NOT_KEPT and not _is_same(value, plain[name])
    }
    for name, value in told.items():
        if not isinstance(value, bool | int | float | str | None):
            raise ConfigError(
                f"{type(estimator).__name__}: {name}={value!r} cannot be kept; give a number, a "
                "text, True, False or None."
            )
    return told


def _is_same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and value == default)


def _freeze(value: Any, arrays: Arrays, name: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple) and all(isinstance(one, int) for one in value):
        return {"tuple": list(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OU":
            return {"texts": [str(one) for one in value]}
        arrays[name] = np.ascontiguousarray(value)
        return {"array": name}
    if type(value).__name__ == "Tree":
        return {"tree": freeze_tree(value, arrays, name)}
    if isinstance(value, list) and all(hasattr(one, "get_params") for one in value):
        return {
            "estimators": [freeze(one, arrays, f"{name}.{row}.") for row, one in enumerate(value)]
        }
    raise ConfigError(f"{name} is a {type(value).__name__}, which cannot be kept")


def _thaw(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    ((form, held),) = value.items()
    if form == "array":
        return arrays[held]
    if form == "texts":
        return np.array(held)
    if form == "tuple":
        return tuple(held)
    if form == "estimators":
        return [thaw(one, arrays) for one in held]
    if form == "tree":
        return thaw_tree(held, arrays)
    raise ValueError(f"{form} is unknown")
