"""Small model folders, written without a model library."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file


def write_model(folder: Path, architecture: str, **config: Any) -> Path:
    """A folder of a configuration and seven weights: four F32, three F16."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {"w": np.arange(4, dtype=np.float32), "b": np.zeros(3, np.float16)},
        folder / "model.safetensors",
    )
    write_json(folder / "config.json", {"architectures": [architecture], **config})
    return folder


def prepare(folder: Path, **settings: Any) -> Path:
    """Lay beside a network what prepares images for it."""
    write_json(folder / "preprocessor_config.json", {"do_resize": False, **settings})
    return folder


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content))
