"""What a causal model of transformers remembers of texts, a row for each, in any order.

Of a layer that attends: keys and values of the tokens, all of them or a window's. Of one that
carries a state (Mamba, linear attention, a convolution): the state, which has no tokens. Rows can
be taken out, and rows of several batches put side by side, whatever the layers are. In device
processes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache

# By name: older versions of the library do not have all of them.
_LAYERS = frozenset(
    {"DynamicLayer", "DynamicSlidingWindowLayer", "LinearAttentionLayer"}
    | {"LinearAttentionAndFullAttentionLayer", "LinearAttentionAndSlidingWindowAttentionLayer"}
)
_KINDS = ("conv_states", "recurrent_states")


class _Layer(NamedTuple):
    """A layer's part.

    Attributes:
        tokens: keys and values, `(rows, heads, kept, width)` each; empty where it keeps none.
        states: `(rows, ...)` each, by the library's name and number.
    """

    tokens: tuple[Tensor, ...]
    states: dict[tuple[str, int], Tensor]


class Memory(NamedTuple):
    """What is remembered of some texts, padded on the left to the longest.

    Attributes:
        length: tokens that were read, padding included; 0 before the first.
        layers: of the model, in order; none before the first token.
    """

    length: int = 0
    layers: tuple[_Layer, ...] = ()

    def select(self, rows: Tensor, dropped: int) -> Memory:
        """Some of the texts.

        Args:
            rows: which, `(rows,)` int64.
            dropped: columns at the left that are padding of all of them, and go.
        """
        if not self.layers:
            return self
        return Memory(
            self.length - dropped,
            tuple(
                _Layer(
                    tuple(self._later(held[rows], dropped) for held in layer.tokens),
                    {name: held[rows] for name, held in layer.states.items()},
                )
                for layer in self.layers
            ),
        )

    def _later(self, held: Tensor, dropped: int) -> Tensor:
        # A window has moved past some of the columns already.
        gone = self.length - held.shape[2]
        return held[:, :, max(0, dropped - gone) :]

    def cache(self, config: Any) -> Any:
        """The library's own form of it, into which it may write: what is held here stays as it is.

        Args:
            config: of the model.
        """
        made: Any = DynamicCache(config=config)
        for layer, held in zip(made.layers, self.layers, strict=False):
            if held.tokens:
                layer.lazy_initialization(*held.tokens)
                layer.keys, layer.values = held.tokens
                if hasattr(layer, "cumulative_length"):
                    layer.cumulative_length = self.length
            for (kind, number), state in held.states.items():
                # The library writes into states, and replaces keys and values.
                getattr(layer, kind)[number] = state.clone()
                getattr(layer, f"is_{kind}_initialized")[number] = True
                layer.device, layer.dtype = state.device, state.dtype
                if kind == "conv_states":
                    layer.conv_kernel_size[number] = state.shape[-1]
                    layer.has_previous_state[number] = True
        return made


def memory_of(cache: Any, length: int) -> Memory:
    """What the library's cache holds when so many tokens were read."""
    return Memory(length, tuple(_layer_of(layer) for layer in cache.layers))


def joined(memories: Sequence[Memory]) -> Memory:
    """The rows of several, one below the other, padded on the left to the longest."""
    layers = []
    for each in zip(*(memory.layers for memory in memories), strict=True):
        tokens = tuple(_stacked(held) for held in zip(*(one.tokens for one in each), strict=True))
        states = {name: torch.cat([one.states[name] for one in each]) for name in each[0].states}
        layers.append(_Layer(tokens, states))
    return Memory(max(memory.length for memory in memories), tuple(layers))


def can_remember(config: Any) -> bool:
    """Whether a model of this configuration has layers of the kinds that are known here alone."""
    layers = DynamicCache(config=config).layers
    return bool(layers) and all(type(layer).__name__ in _LAYERS for layer in layers)


def _layer_of(layer: Any) -> _Layer:
    keeps = getattr(layer, "keys", None) is not None
    states = {
        (kind, number): state
        for kind in _KINDS
        for number, state in getattr(layer, kind, {}).items()
        if state is not None
    }
    return _Layer((layer.keys, layer.values) if keeps else (), states)


def _stacked(held: Sequence[Tensor]) -> Tensor:
    longest = max(one.shape[2] for one in held)
    return torch.cat([pad(one, (0, 0, longest - one.shape[2], 0)) for one in held])
