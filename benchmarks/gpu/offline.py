"""The floor: the same model over the same inputs, all of them decoded before the clock starts.

    python -m benchmarks.gpu.offline KIND FOLDER COUNT

Inputs lie in page-locked memory, sorted by length where lengths differ, and two batches are in
flight, so that nothing but the GPU is measured. Every size of batch is tried; prints figures of
each as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_HELD_ROWS = 4_000
"""Inputs kept decoded at the most; they are gone through again and again."""
_IN_FLIGHT = 2


def main() -> None:
    """Parse the arguments and print the figures."""
    name, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    os.environ.update(TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
    from aimass_stream.model import ModelSpec, import_adapter
    from benchmarks.gpu.kinds import DTYPE, KINDS, adapter_of

    kind = KINDS[name]
    spec = ModelSpec(kind.model, "1", adapter_of(kind), str(folder), {"dtype": DTYPE})
    predictor: Any = import_adapter(spec.adapter)(spec, "cuda:0")
    held = min(count, _HELD_ROWS)
    with ThreadPoolExecutor() as threads:
        inputs = list(threads.map(predictor.decode, kind.draw(held)))
    figures = {}
    for size in kind.sizes:
        batches = list(_pinned(predictor, inputs, size))
        _run(predictor, batches, held)
        figures[f"batches of {size}"] = _run(predictor, batches, count)
    print(json.dumps(figures))


def _pinned(predictor: Any, inputs: Sequence[Any], size: int) -> Iterator[tuple[int, Any]]:
    """Batches of a size in page-locked memory: their rows and what the model takes."""
    import numpy as np
    import torch

    from aimass_stream.adapters.transfers import Transfers

    host = Transfers(torch.device("cpu"))
    if inputs[0].ndim != 2:
        for first in range(0, len(inputs), size):
            some = inputs[first : first + size]
            yield len(some), torch.from_numpy(np.stack(some)).pin_memory()
        return
    waiting = sorted(inputs, key=len, reverse=True)
    while waiting:
        rows = max(1, size // len(waiting[0]))
        some, waiting = waiting[:rows], waiting[rows:]
        arguments = predictor._inputs.batch(some, host)  # noqa: SLF001 - the same code, ahead of time
        yield len(some), {name: one.pin_memory() for name, one in arguments.items()}


def _run(predictor: Any, batches: Sequence[tuple[int, Any]], count: int) -> dict[str, float]:
    """Answer at least `count` inputs and say how quickly that went."""
    import torch

    in_flight: deque[Any] = deque()
    seen, started = 0, time.perf_counter()
    with torch.inference_mode():
        while seen < count:
            for rows, given in batches:
                in_flight.append(_launch(predictor, given))
                if len(in_flight) > _IN_FLIGHT:
                    predictor._read(in_flight.popleft().wait())  # noqa: SLF001 - as above
                seen += rows
                if seen >= count:
                    break
        while in_flight:
            predictor._read(in_flight.popleft().wait())  # noqa: SLF001 - as above
    return {"records_per_s": round(seen / (time.perf_counter() - started), 1)}


def _launch(predictor: Any, given: Any) -> Any:
    if isinstance(given, dict):
        sent = {name: one.to("cuda:0", non_blocking=True) for name, one in given.items()}
        logits = predictor._model(**sent).logits  # noqa: SLF001 - as above
    else:
        pixels = given.to("cuda:0", non_blocking=True).float()
        pixels = pixels * predictor._scale + predictor._shift  # noqa: SLF001 - as above
        logits = predictor._model(  # noqa: SLF001 - as above
            pixel_values=pixels.to(predictor._model.dtype)  # noqa: SLF001 - as above
        ).logits
    return predictor._transfers.fetch(logits)  # noqa: SLF001 - as above


if __name__ == "__main__":
    main()
