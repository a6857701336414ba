"""River objects as plain data, and back, without pickle.

An object is taken apart as `copy` would do it (`__reduce_ex__`) into nodes that refer to each
other by number, so that shared parts stay shared and cycles close. Nothing but classes and
functions on an allow-list is looked up or called when it is put together again, so data from
outside can make nothing else run.
"""

from __future__ import annotations

import collections
import copyreg
import functools
import random
from collections.abc import Callable, Iterable, Mapping
from types import MethodType
from typing import Any

import numpy as np

_BASIC: tuple[Any, ...] = (
    collections.Counter,
    collections.OrderedDict,
    collections.defaultdict,
    collections.deque,
    functools.partial,
    random.Random,
    dict,
    float,
    int,
    list,
    tuple,
)
_ATOMS = (bool, float, str, bytes)
_LEAST, _MOST = -(2**63), 2**63 - 1


class CodecError(ValueError):
    """An object, or data, that holds what is not on the allow-list."""


class Codec:
    """Takes apart and puts together objects of known classes.

    Args:
        allowed: classes and functions beyond the standard library's containers and
            `random.Random`.
        unused: attributes, by class, that nothing which is learnt or answered depends on; they
            are left out, and missing from the object that comes back.
    """

    def __init__(
        self, allowed: Iterable[Any], unused: Mapping[type, frozenset[str]] | None = None
    ) -> None:
        known = [*_BASIC, *allowed]
        self._globals = {_name(item): item for item in known}
        self._unused = unused or {}

    def encode(self, item: Any) -> dict[str, Any]:
        """An object as what msgpack holds.

        Raises:
            CodecError: it holds something that is not on the allow-list, or is nested too deeply.
        """
        writer = _Writer(self._globals, self._unused)
        try:
            root = writer.value(item)
        except RecursionError as error:
            raise CodecError(f"{type(item).__qualname__} is nested too deeply") from error
        return {"root": root, "nodes": writer.nodes}

    def decode(self, data: Mapping[str, Any]) -> Any:
        """The object that was encoded.

        Raises:
            CodecError: the data names something that is not on the allow-list, or is damaged.
        """
        try:
            return _Reader(self._globals, data["nodes"]).value(data["root"])
        except CodecError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CodecError(f"damaged data: {error!r}") from error


class _Writer:
    """Values become atoms, or one-element lists that hold the number of a node."""

    def __init__(self, allowed: Mapping[str, Any], unused: Mapping[type, frozenset[str]]) -> None:
        self.nodes: list[Any] = []
        self._allowed = allowed
        self._unused = unused
        self._numbers: dict[int, int] = {}
        # Temporary objects must live as long as their ids are compared.
        self._alive: list[Any] = []

    def value(self, item: Any) -> Any:
        if item is None or type(item) in _ATOMS:
            return item
        if type(item) is int and _LEAST <= item <= _MOST:
            return item
        number = self._numbers.get(id(item))
        if number is None:
            number = len(self.nodes)
            self._numbers[id(item)] = number
            self._alive.append(item)
            self.nodes.append(None)
            self.nodes[number] = self._node(item)
        return [number]

    def _node(self, item: Any) -> list[Any]:
        kind = type(item)
        if kind in {list, tuple, set, frozenset, dict, int}:
            return self._contents(item, kind)
        if kind is np.random.RandomState:
            return ["random", [self.value(part) for part in item.get_state()]]
        if isinstance(item, np.ndarray | np.generic) and item.dtype.kind in "biuf":
            form = "array" if isinstance(item, np.ndarray) else "number"
            return [form, item.dtype.str, list(item.shape), item.tobytes()]
        name = _name(item)
        if callable(item) and self._allowed.get(name) is item:
            return ["global", name]
        if kind is MethodType and self._allowed.get(name) is item.__func__:
            # By the function itself: `getattr`, which a pickle has here, could reach anything.
            return ["method", name, self.value(item.__self__)]
        return self._reduced(item)

    def _contents(self, item: Any, kind: type) -> list[Any]:
        if kind is int:
            return ["int", str(item)]
        if kind is dict:
            return ["dict", [[self.value(key), self.value(part)] for key, part in item.items()]]
        # A set has no order of its own that two runs would share.
        parts = item if kind in {list, tuple} else sorted(item, key=repr)
        return [kind.__name__, [self.value(part) for part in parts]]

    def _reduced(self, item: Any) -> list[Any]:
        reduced = item.__reduce_ex__(4)
        if not isinstance(reduced, tuple):
            raise CodecError(f"{type(item).__qualname__} cannot be taken apart")
        make, args, state, parts, pairs = (*reduced, None, None, None)[:5]
        if make is copyreg.__newobj__:  # type: ignore[attr-defined]  # left out of its stubs
            make, args, way = args[0], args[1:], "new"
        else:
            way = "call"
        if self._allowed.get(_name(make)) is not make:
            raise CodecError(f"{_name(make)} is not on the allow-list")
        unused = self._unused.get(type(item))
        if unused and isinstance(state, dict):
            state = {name: part for name, part in state.items() if name not in unused}
        return [
            way,
            _name(make),
            [self.value(part) for part in args],
            self.value(state),
            [self.value(part) for part in parts or ()],
            [[self.value(key), self.value(part)] for key, part in pairs or ()],
        ]


class _Reader:
    def __init__(self, allowed: Mapping[str, Any], nodes: list[Any]) -> None:
        self._allowed = allowed
        self._nodes = nodes
        self._made: dict[int, Any] = {}
        self._ways: Mapping[str, Callable[..., Any]] = {
            "int": lambda _, text: int(text),
            "list": self._list,
            "dict": self._dict,
            "set": self._set,
            "tuple": lambda _, parts: tuple(map(self.value, parts)),
            "frozenset": lambda _, parts: frozenset(map(self.value, parts)),
            "array": lambda _, *form: _array(*form),
            "number": lambda _, *form: _array(*form)[()],
            "random": self._random,
            "global": lambda _, name: self._global(name),
            "method": lambda _, name, owner: MethodType(self._global(name), self.value(owner)),
            "new": lambda *form: self._object(*form, new=True),
            "call": lambda *form: self._object(*form, new=False),
        }

    def value(self, item: Any) -> Any:
        if not isinstance(item, list):
            return item
        (number,) = item
        if number not in self._made:
            way, *parts = self._nodes[number]
            made = self._ways[way](number, *parts)
            self._made.setdefault(number, made)
        return self._made[number]

    def _list(self, number: int, parts: list[Any]) -> list[Any]:
        made: list[Any] = []
        self._made[number] = made
        made.extend(map(self.value, parts))
        return made

    def _dict(self, number: int, pairs: list[Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        self._made[number] = made
        made.update((self.value(key), self.value(part)) for key, part in pairs)
        return made

    def _set(self, number: int, parts: list[Any]) -> set[Any]:
        made: set[Any] = set()
        self._made[number] = made
        made.update(map(self.value, parts))
        return made

    def _random(self, _: int, parts: list[Any]) -> np.random.RandomState:
        made = np.random.RandomState()
        made.set_state(tuple(map(self.value, parts)))
        return made

    def _global(self, name: str) -> Any:
        found = self._allowed.get(name)
        if found is None:
            raise CodecError(f"{name!r} is not on the allow-list")
        return found

    def _object(self, number: int, *form: Any, new: bool) -> Any:
        name, args, state, parts, pairs = form
        maker, values = self._global(name), [self.value(part) for part in args]
        made = maker.__new__(maker, *values) if new else maker(*values)
        self._made[number] = made
        if state is not None:
            _set_state(made, self.value(state))
        for part in parts:
            made.append(self.value(part))
        for key, part in pairs:
            made[self.value(key)] = self.value(part)
        return made


def _set_state(made: Any, state: Any) -> None:
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    fields, slots = state if isinstance(state, tuple) else (state, None)
    # What a class keeps without slots is its own, beside any property of that name.
    if fields:
        made.__dict__.update(fields)
    for name, part in (slots or {}).items():
        object.__setattr__(made, name, part)


def _array(dtype: str, shape: list[int], raw: bytes) -> Any:
    kind = np.dtype(dtype)
    if kind.kind not in "biuf":
        raise CodecError(f"an array of {dtype}")
    return np.frombuffer(raw, kind).reshape(shape).copy()


def _name(item: Any) -> str:
    return f"{getattr(item, '__module__', '')}.{getattr(item, '__qualname__', '')}"
