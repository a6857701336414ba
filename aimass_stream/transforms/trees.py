"""Decision trees of scikit-learn as arrays, and back; what compiled code follows is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NODES = (
    ("left_child", np.int64),
    ("right_child", np.int64),
    ("feature", np.int64),
    ("threshold", np.float64),
    ("impurity", np.float64),
    ("n_node_samples", np.int64),
    ("weighted_n_node_samples", np.float64),
    ("missing_go_to_left", np.uint8),
)


def freeze_tree(tree: Any, arrays: dict[str, NDArray[Any]], name: str) -> dict[str, Any]:
    """A `Tree` as JSON has it; its nodes go into `arrays`, field by field."""
    _, (features, classes, outputs), state = tree.__reduce__()
    for field, kind in _NODES:
        arrays[f"{name}.{field}"] = np.ascontiguousarray(state["nodes"][field], kind)
    arrays[f"{name}.values"] = np.ascontiguousarray(state["values"])
    held = {"name": name, "features": int(features), "outputs": int(outputs)}
    return {**held, "classes": classes.tolist(), "max_depth": int(state["max_depth"])}


def thaw_tree(held: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The `Tree` that `freeze_tree` wrote down.

    Raises:
        ValueError: its nodes do not fit each other.
    """
    from sklearn.tree._tree import NODE_DTYPE, Tree

    fields = {field: arrays[f"{held['name']}.{field}"] for field, _ in _NODES}
    nodes = np.zeros(len(fields["feature"]), NODE_DTYPE)
    for field, values in fields.items():
        nodes[field] = values
    _check_nodes(nodes, int(held["features"]))
    tree = Tree(int(held["features"]), np.array(held["classes"], np.intp), int(held["outputs"]))
    tree.__setstate__(
        {
            "max_depth": int(held["max_depth"]),
            "node_count": len(nodes),
            "nodes": nodes,
            "values": np.ascontiguousarray(arrays[f"{held['name']}.values"], np.float64),
        }
    )
    return tree


def _check_nodes(nodes: NDArray[Any], features: int) -> None:
    """The walk down a tree follows these without looking: it must end, and stay inside."""
    places = np.arange(len(nodes))
    left, right = nodes["left_child"], nodes["right_child"]
    leaf = left == -1
    inside = (left > places) & (right > places) & (left < len(nodes)) & (right < len(nodes))
    known = (nodes["feature"] >= 0) & (nodes["feature"] < features)
    if not len(nodes) or not (leaf | (inside & known)).all():
        raise ValueError("a tree's nodes do not fit each other")
