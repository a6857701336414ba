"""What safetensors files hold, read off their headers: no weight is loaded.

A file is the length of its header (8 bytes, little-endian), the header (JSON: for each tensor its
type, its shape and where it lies), and the tensors. `huggingface/safetensors` describes it.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec

from aimass_stream.errors import SetupError

Whole = Annotated[int, msgspec.Meta(ge=0)]

_METADATA = "__metadata__"
_INDEX = "*.safetensors.index.json"


class _Tensor(msgspec.Struct, frozen=True):
    dtype: str
    shape: list[Whole]
    data_offsets: tuple[Whole, Whole]


class _Index(msgspec.Struct, frozen=True):
    weight_map: dict[str, str]


def count_values(folder: Path) -> dict[str, int]:
    """Numbers in the safetensors files below a folder, by type, e.g. `{"F32": 79714}`.

    A tensor that two files beside each other hold, such as a shard and the whole, counts once.

    Raises:
        SetupError: a header cannot be read, a file is shorter or longer than its header says, or
            an index names a file that is not there.
    """
    for path in sorted(folder.rglob(_INDEX)):
        _check_index(path)
    tensors = {
        (path.parent, name): tensor
        for path in sorted(folder.rglob("*.safetensors"))
        for name, tensor in _read_header(path).items()
    }
    found: Counter[str] = Counter()
    for tensor in tensors.values():
        found[tensor.dtype] += math.prod(tensor.shape)
    return dict(sorted(found.items()))


def _read_header(path: Path) -> dict[str, _Tensor]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            raw = msgspec.json.decode(file.read(length), type=dict[str, msgspec.Raw])
        raw.pop(_METADATA, None)
        tensors = {name: msgspec.json.decode(each, type=_Tensor) for name, each in raw.items()}
    except (OSError, msgspec.MsgspecError) as error:
        raise SetupError(
            f"{path} has no header of safetensors: {error}. Get the model from its source again."
        ) from error
    expected = 8 + length + max((each.data_offsets[1] for each in tensors.values()), default=0)
    size = path.stat().st_size
    if size != expected:
        raise SetupError(
            f"{path} has {size:,} bytes where its header says {expected:,}: a copy or a download "
            "ended early. Get the model from its source again."
        )
    return tensors


def _check_index(path: Path) -> None:
    try:
        index = msgspec.json.decode(path.read_bytes(), type=_Index)
    except (OSError, msgspec.MsgspecError) as error:
        raise SetupError(f"{path} is no index of safetensors files: {error}.") from error
    missing = sorted(
        name for name in set(index.weight_map.values()) if not (path.parent / name).is_file()
    )
    if missing:
        raise SetupError(
            f"{path} names files that are not there: {', '.join(missing)}. "
            "Get the model from its source again."
        )
