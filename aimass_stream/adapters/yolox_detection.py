"""YOLOX: a grid of places, a score filter, and non-maximum suppression. In device processes only.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430. Network, letter box, filter and
suppression are those of the package `pixeltable-yolox`, which the extra `yolox` brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from aimass_stream.adapters.extras import require
from aimass_stream.adapters.vision import Seen
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import Reason, RecordError, SetupError

_SETTINGS = frozenset({"act", "depth", "depthwise", "nmsthre", "test_size", "width"})
_STRIDE = 32
_MOST_PIXELS = 4096 * 4096


def configure(classes: int, arguments: dict[str, Any]) -> Any:
    """The package's `YoloxConfig`.

    Args:
        classes: how many it tells apart.
        arguments: of the network (`depth`, `width`, `depthwise`, `act`), and how it is asked:
            `test_size`, height and width in pixels, and `nmsthre`, the overlap from which on the
            weaker of two boxes is dropped.

    Raises:
        SetupError: an argument is not known, or a size is none.
    """
    strange = sorted(arguments.keys() - _SETTINGS)
    if strange:
        raise SetupError(
            f"YOLOX takes no {', '.join(strange)}. Arguments: {', '.join(sorted(_SETTINGS))}."
        )
    size = tuple(arguments.get("test_size", (640, 640)))
    whole = len(size) == 2 and all(isinstance(edge, int) and edge > 0 for edge in size)
    if not whole or any(edge % _STRIDE for edge in size) or size[0] * size[1] > _MOST_PIXELS:
        raise SetupError(f"YOLOX: test_size={size} is no height and width in steps of {_STRIDE}.")
    require("yolox")
    from yolox.config import YoloxConfig

    return YoloxConfig("yolox", num_classes=classes, **{**arguments, "test_size": size})


class GridDetector:
    """A loaded YOLOX. Images of any size go together: each is fitted into one frame.

    Args:
        network: the package's module with its weights, on its device.
        config: what it was built from.
        threshold: the score below which a box is left out, before overlaps are looked for.
    """

    def __init__(self, network: Any, config: Any, threshold: float) -> None:
        from yolox.models import YoloxProcessor

        self._network = network
        self._height, self._width = config.test_size
        self._processor = YoloxProcessor(config)
        self._threshold = threshold

    def key(self, seen: Seen) -> int:
        """The same for all images."""
        del seen
        return 0

    def prepare(self, image: Pixels) -> NDArray[np.uint8]:
        """An image in the frame's top left corner, `(3, height, width)` uint8, the rest grey.

        Raises:
            RecordError: TOO_LARGE; it is so long and thin that nothing of it would be left.
        """
        height, width = image.shape[:2]
        ratio = min(self._height / height, self._width / width)
        if min(height, width) * ratio < 1:
            detail = f"{width} x {height} pixels are too long and thin to be fitted into a frame"
            raise RecordError(Reason.TOO_LARGE, detail)
        (framed,) = self._processor([Image.fromarray(image)]).numpy()
        made: NDArray[np.uint8] = framed.astype(np.uint8)
        return made

    def __call__(self, inputs: Sequence[Seen]) -> list[dict[str, torch.Tensor]]:
        """`boxes` in pixels of the image, `scores` and `labels`, for each image.

        Where the network's numbers are not all finite the one score is none either.
        """
        device = next(self._network.parameters()).device
        stacked = np.stack([seen.pixels for seen in inputs])
        with torch.inference_mode():
            found = self._network(torch.from_numpy(stacked).to(device).float()).float().cpu()
        finite = torch.isfinite(found).flatten(1).all(dim=1).tolist()
        # A copy: the package writes into what it is given, which inference mode forbids.
        answers = self._processor.postprocess(inputs, found.clone(), threshold=self._threshold)
        return [
            _tensors(answer) if good else _tensors(_BROKEN)
            for answer, good in zip(answers, finite, strict=True)
        ]


_BROKEN = {"bboxes": [(0.0, 0.0, 0.0, 0.0)], "scores": [float("nan")], "labels": [0]}


def _tensors(answer: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {
        "boxes": torch.tensor(answer["bboxes"]).reshape(-1, 4),
        "scores": torch.tensor(answer["scores"]),
        "labels": torch.tensor(answer["labels"], dtype=torch.int64),
    }
