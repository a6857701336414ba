"""Objects come back as they were, and nothing off the list is ever called."""

import copy
import functools
import os
import random
from collections import OrderedDict, defaultdict, deque
from typing import Any

import msgspec
import numpy as np
import pytest
from river.anomaly import HalfSpaceTrees
from river.tree.padded import PaddedBranch, PaddedLeaf

from aimass_stream.learners.river_codec import Codec, CodecError

CODEC = Codec([HalfSpaceTrees, PaddedBranch, PaddedLeaf])


def through(item: Any, codec: Codec = CODEC) -> Any:
    return codec.decode(msgspec.msgpack.decode(msgspec.msgpack.encode(codec.encode(item))))


@pytest.mark.parametrize(
    "item",
    [
        None,
        [1, 2.5, "x", b"y", True, float("inf"), 2**80, -(2**70)],
        {"a": (1, (2,)), 3: {4, 5}, (6, 7): frozenset({8})},
        deque([1, 2, 3], maxlen=3),
        OrderedDict([("b", 1), ("a", 2)]),
        defaultdict(float, {"a": 1.0}),
        defaultdict(list),
    ],
)
def test_what_is_put_in_comes_out(item: Any) -> None:
    found = through(item)
    assert found == item
    assert type(found) is type(item)


def test_arrays_and_numbers_keep_their_type() -> None:
    found = through([np.arange(6, dtype="<f4").reshape(2, 3), np.float32(2.5)])
    assert found[0].dtype == np.float32
    assert found[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert type(found[1]) is np.float32


def test_shared_parts_stay_shared_and_cycles_close() -> None:
    part: list[Any] = [1]
    part.append(part)
    one, other = through((part, part))
    assert one is other
    assert one[1] is one


def test_a_random_generator_goes_on_where_it_was() -> None:
    source = random.Random(7)
    source.gauss()
    found = through(source)
    assert [found.random() for _ in range(5)] == [source.random() for _ in range(5)]
    numbers = np.random.RandomState(7)
    numbers.normal(size=3)
    assert through(numbers).normal(size=5).tolist() == numbers.normal(size=5).tolist()


def test_river_trees_go_on_where_they_were() -> None:
    trees = HalfSpaceTrees(n_trees=3, height=3, window_size=20, seed=1)
    draw = random.Random(0)
    rows = [{"a": draw.random(), "b": draw.random()} for _ in range(90)]
    for row in rows[:50]:
        trees.learn_one(row)
    found = through(trees)
    for row in rows[50:]:
        assert found.score_one(row) == trees.score_one(row)
        found.learn_one(row)
        trees.learn_one(row)
    assert CODEC.encode(found) == CODEC.encode(copy.deepcopy(trees))


@pytest.mark.parametrize("item", [os.system, object(), copy, HalfSpaceTrees.learn_one, lambda: 0])
def test_what_is_not_on_the_list_is_not_taken_apart(item: Any) -> None:
    with pytest.raises((CodecError, TypeError)):
        CODEC.encode([item])


@pytest.mark.parametrize(
    "nodes",
    [
        [["call", "posix.system", ["true"], None, [], []]],
        [["global", "os.system"]],
        [["new", "subprocess.Popen", [], None, [], []]],
        [["call", "builtins.eval", ["1"], None, [], []]],
        [["array", "|O", [1], b"12345678"]],
        [["array", "<f4", [9], b"1234"]],
        [["list", [[7]]]],
        [["nonsense"]],
        [None],
    ],
)
def test_data_that_names_anything_else_is_refused(nodes: list[Any]) -> None:
    with pytest.raises(CodecError):
        CODEC.decode({"root": [0], "nodes": nodes})


class Copied:
    """What may be on a list beside what copies it."""


@pytest.mark.parametrize("hook", ["__deepcopy__", "__reduce_ex__", "__reduce__", "__setstate__"])
@pytest.mark.parametrize(
    "reached",
    [
        ["global", "posix.system"],
        ["global", "builtins.eval"],
        ["method", "posix.system", "true"],
        ["call", "functools.partial", ["posix.system", "true"], None, [], []],
    ],
)
def test_a_copy_calls_nothing_that_is_not_on_the_list(hook: str, reached: list[Any]) -> None:
    codec = Codec([copy.deepcopy, Copied])
    # An object whose own way of being copied is what the data says, and a copy of it.
    nodes = [
        ["call", "copy.deepcopy", [[1]], None, [], []],
        ["new", f"{__name__}.Copied", [], [2], [], []],
        ["dict", [[hook, [3]]]],
        reached,
    ]
    with pytest.raises(CodecError):
        codec.decode({"root": [0], "nodes": nodes})


def test_a_copy_may_call_what_is_on_the_list_and_nothing_else_needs_it() -> None:
    made: dict[str, Copied] = defaultdict(functools.partial(copy.deepcopy, Copied()))
    found = through(made, Codec([copy.deepcopy, Copied]))
    assert type(found["new"]) is Copied
    with pytest.raises((CodecError, TypeError)):
        through(made, Codec([Copied]))


def test_what_nothing_depends_on_is_left_out() -> None:
    class Part:
        def __init__(self) -> None:
            self.used, self.unused = 1, object()

    codec = Codec([Part], {Part: frozenset({"unused"})})
    assert vars(through(Part(), codec)) == {"used": 1}


def test_a_method_stays_bound_to_its_object_and_must_be_on_the_list() -> None:
    class Part:
        def __init__(self) -> None:
            self.way = self.add
            self.sum = 0

        def add(self) -> None:
            self.sum += 1

    found = through(Part(), Codec([Part, Part.add]))
    found.way()
    assert found.sum == 1
    with pytest.raises(CodecError, match="not on the allow-list"):
        through(Part(), Codec([Part]))


def test_a_class_of_slots_alone_comes_back() -> None:
    class Part:
        __slots__ = ("held",)
        held: int

    part = Part()
    part.held = 3
    assert through(part, Codec([Part])).held == 3
