"""`python -m aimass_stream.training.defects NORMAL BACKBONE NAME`: what normal images look like.

Fits the memory of `Transformers("visual-anomaly", ...)` on a folder of images of one kind of thing
in order, and publishes it with the network as a model. No image of a defect is needed. One image in
five is held out; the threshold is what none of those but one in a thousand would reach, if their
scores were normally distributed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel

from aimass_stream.adapters.classification import load_model
from aimass_stream.adapters.patches import Memory, PatchNetwork, distances, shrunk, write_memory
from aimass_stream.adapters.transformers_defects import DefectFinder
from aimass_stream.adapters.transformers_images import load_image_processor
from aimass_stream.codecs.images import decode_image
from aimass_stream.config import settings
from aimass_stream.errors import AimassError, ConfigError, RecordError
from aimass_stream.records import Limits
from aimass_stream.registry.files import scan
from aimass_stream.registry.folder import publish
from aimass_stream.training.folders import check_folder

TASK = "visual-anomaly"
"""The task of every model made here."""

_SUFFIXES = (".jpg", ".jpeg", ".png")
_LEAST_IMAGES = 5
_HELD_OUT_EVERY = 5
_SPREADS = 3.1
_BATCH_ROWS = 8
_PROJECTED = 128


def fit_memory(  # noqa: PLR0913 - what is normal, by which network, and where the model goes
    normal: Path,
    backbone: Path,
    models_folder: Path,
    name: str,
    *,
    edge: int = 224,
    layers: Sequence[int] = (),
    share: float = 0.1,
    most_patches: int = 10_000,
    seed: int = 0,
) -> str:
    """Remember the patches of normal images, and publish network and memory.

    Args:
        normal: a folder of JPEG and PNG files, none of them with a defect.
        backbone: the folder of a network for images, as `save_pretrained` wrote it.
        models_folder: the registry.
        name: what the model is published under.
        edge: pixels of both edges that an image is brought to.
        layers: of the network; none for those half and three quarters through.
        share: of all patches that are kept, those that lie farthest apart.
        most_patches: that are kept at the most.
        seed: of the projection by which they are chosen.

    Returns:
        The version.

    Raises:
        ConfigError: there is no such folder, it has fewer than five images, or one cannot
            be read.
        SetupError: the network cannot be loaded or keeps no places.
    """
    scan(backbone)
    check_folder(normal)
    files = sorted(one for one in normal.iterdir() if one.suffix.lower() in _SUFFIXES)
    if len(files) < _LEAST_IMAGES:
        raise ConfigError(f"{normal} holds {len(files)} images; give at least {_LEAST_IMAGES}.")
    model = load_model(backbone, AutoModel, "image network", DefectFinder.unused).eval()
    network = PatchNetwork(model, load_image_processor(backbone), layers)
    images = [shrunk(_decode(file), edge) for file in files]
    held_out = images[::_HELD_OUT_EVERY]
    known = [one for at, one in enumerate(images) if at % _HELD_OUT_EVERY]
    with torch.inference_mode():
        described = _describe(network, known).flatten(0, 2)
        wanted = min(max(1, round(share * len(described))), most_patches)
        memory = described[coreset(described, wanted, seed)]
        scores = distances(_describe(network, held_out), memory).amax(dim=(1, 2))
    threshold = float(scores.mean() + _SPREADS * scores.std(correction=0))
    made = Memory(network.layers, edge, threshold, len(known))
    metrics = {"train_rows": float(len(known)), "held_out_rows": float(len(held_out))}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(backbone, Path(place, "model")))
        write_memory(folder, made, np.ascontiguousarray(memory.numpy()))
        return publish(models_folder, name, folder, task=TASK, metrics=metrics)


def coreset(vectors: torch.Tensor, wanted: int, seed: int) -> torch.Tensor:
    """Places of vectors that cover all others well: each the farthest from those before it.

    The greedy choice of Sener and Savarese, "Active Learning for Convolutional Neural Networks: A
    Core-Set Approach", ICLR 2018, on a random projection as in PatchCore.

    Args:
        vectors: `(vectors, channels)` float32.
        wanted: how many.
        seed: of the projection.

    Returns:
        `(wanted,)` int64.
    """
    if wanted >= len(vectors):
        return torch.arange(len(vectors))
    draw = torch.Generator().manual_seed(seed)
    width = vectors.shape[1]
    if width > _PROJECTED:
        vectors = vectors @ torch.randn(width, _PROJECTED, generator=draw) / _PROJECTED**0.5
    chosen = torch.empty(wanted, dtype=torch.int64)
    apart = (vectors - vectors.mean(dim=0)).square().sum(dim=1)
    for at in range(wanted):
        chosen[at] = apart.argmax()
        from_it = (vectors - vectors[chosen[at]]).square().sum(dim=1)
        apart = from_it if at == 0 else torch.minimum(apart, from_it)
    return chosen


def _describe(network: PatchNetwork, images: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
    """`(images, patches down, patches across, channels)`."""
    batches = [images[at : at + _BATCH_ROWS] for at in range(0, len(images), _BATCH_ROWS)]
    return torch.cat([network(torch.from_numpy(np.stack(batch))) for batch in batches])


def _decode(file: Path) -> NDArray[np.uint8]:
    try:
        return decode_image(file.read_bytes(), Limits())
    except RecordError as error:
        raise ConfigError(f"{file} cannot be learnt from: {error.detail}") from error


def main(arguments: Sequence[str]) -> int:
    """Fit what is named, into the registry of this project."""
    parser = argparse.ArgumentParser(
        prog="python -m aimass_stream.training.defects", description=__doc__.splitlines()[0]
    )
    parser.add_argument("normal", type=Path, help="folder of images without defects")
    parser.add_argument("backbone", type=Path, help="folder of a network for images")
    parser.add_argument("name", help="that the model is published under")
    parser.add_argument("--edge", type=int, default=224, help="pixels that images are brought to")
    parser.add_argument("--share", type=float, default=0.1, help="of patches that are kept")
    chosen = parser.parse_args(arguments)
    try:
        version = fit_memory(
            chosen.normal,
            chosen.backbone,
            settings().models_folder,
            chosen.name,
            edge=chosen.edge,
            share=chosen.share,
        )
    except AimassError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stderr.write(f"models://{chosen.name}@{version} is ready\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
