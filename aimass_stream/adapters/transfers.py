"""Carries batches to a device and results back, beside what it computes. In device processes.

On a GPU, batches go through page-locked memory on a stream of their own, so that one is on its
way while the one before is computed, and results are waited for only where they are read. On the
CPU nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


class Fetched:
    """Numbers on their way back from a device.

    Args:
        values: where they will be, on the CPU.
        arrival: passes when they are there; None where they are already.
    """

    def __init__(self, values: torch.Tensor, arrival: torch.cuda.Event | None = None) -> None:
        self._values = values
        self._arrival = arrival

    def wait(self) -> torch.Tensor:
        """The numbers, on the CPU."""
        if self._arrival is not None:
            self._arrival.synchronize()
        return self._values


class Transfers:
    """The ways to one device and back. Sends and fetches come from one thread.

    Args:
        device: a CPU or a CUDA device.

    Attributes:
        overlap: whether what is sent and fetched travels beside what is computed.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.overlap = device.type == "cuda"
        self._sending = torch.cuda.Stream(device) if self.overlap else None  # type: ignore[no-untyped-call]  # the library has no types

    def send(self, array: NDArray[Any]) -> torch.Tensor:
        """An array, on the device by the time that anything computes with it."""
        tensor = torch.from_numpy(array)
        return self._copy(tensor.pin_memory() if self.overlap else tensor)

    def send_rows(self, rows: Sequence[NDArray[Any]]) -> torch.Tensor:
        """Arrays of one shape and dtype, stacked, as `send` sends them.

        Their axes keep their order in memory, in which they are copied without being turned.
        """
        first = rows[0]
        order = sorted(range(first.ndim), key=first.strides.__getitem__, reverse=True)
        shape = (len(rows), *(first.shape[axis] for axis in order))
        dtype = torch.from_numpy(np.empty(0, first.dtype)).dtype
        held = torch.empty(shape, dtype=dtype, pin_memory=self.overlap)
        stacked = held.permute(0, *(1 + order.index(axis) for axis in range(first.ndim)))
        np.stack(rows, out=stacked.numpy())
        return self._copy(stacked)

    def _copy(self, held: torch.Tensor) -> torch.Tensor:
        if self._sending is None:
            return held.to(self._device)
        with torch.cuda.stream(self._sending):
            sent = held.to(self._device, non_blocking=True)
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._sending)
        # Its memory must not be given to the next batch's copy while this one is computed.
        sent.record_stream(computing)
        return sent

    def fetch(self, values: torch.Tensor) -> Fetched:
        """Numbers that the device computes, as float32 on the CPU, when they are waited for."""
        if not self.overlap:
            return Fetched(values.float().cpu())
        fetched = torch.empty(values.shape, dtype=torch.float32, pin_memory=True)
        fetched.copy_(values.float(), non_blocking=True)
        arrival = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # the library has no types
        arrival.record(torch.cuda.current_stream(self._device))
        return Fetched(fetched, arrival)
