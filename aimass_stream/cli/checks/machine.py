"""Python, the packages, the disk and the device. Nothing heavy is imported to find out."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from aimass_stream.cli.checks.finding import Finding, fail, ok, warn
from aimass_stream.cli.units import size_text
from aimass_stream.errors import ConfigError

DISTRIBUTION = "aimass-stream"
NEEDED_BYTES = 100 * 1000 * 1000
COMFORTABLE_BYTES = 1000 * 1000 * 1000


def check_python() -> Finding:
    """Whether this Python is one the engine is made for."""
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = _requires_python()
    if wanted is not None and version not in wanted:
        return fail(
            "python", f"{version}, and {wanted} is needed", "Make an environment with that Python"
        )
    return ok("python", f"{version} at {sys.executable}")


def check_packages() -> Finding:
    """Whether every package that is needed is there, in a version that fits."""
    try:
        stated = metadata.requires(DISTRIBUTION) or []
        version = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return warn(
            "packages",
            f"{DISTRIBUTION} runs from its source folder, so nothing says which versions fit",
            "pip install --editable . in that folder",
        )
    needed = [r for r in map(Requirement, stated) if r.marker is None or r.marker.evaluate()]
    wrong = list(_wrong_packages(needed))
    if wrong:
        return fail(
            "packages",
            f"{len(wrong)} of {len(needed)} packages do not fit",
            f"In the checkout of {DISTRIBUTION}: pip install --constraint constraints.txt .",
            wrong,
        )
    return ok("packages", f"{DISTRIBUTION} {version}; all {len(needed)} packages it needs fit")


def check_disk(state: Path) -> Finding:
    """Whether the state folder can be written, and has room."""
    place = state.absolute()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return fail(
            "disk",
            f"the state folder {place} cannot be written",
            f"Make {there} writable, or choose another folder: export AIMASS_STATE=DIR",
        )
    free = shutil.disk_usage(there).free
    text = f"{size_text(free)} free for {place}"
    if free >= COMFORTABLE_BYTES:
        return ok("disk", text)
    fix = "Free some space, or choose another folder: export AIMASS_STATE=DIR"
    return (warn if free >= NEEDED_BYTES else fail)("disk", text, fix)


def check_device(devices: Path = Path("/dev")) -> Finding:
    """What models can run on."""
    if find_spec("torch") is None:
        return fail("device", "torch is not installed, so no model runs", "pip install torch")
    text = f"torch {metadata.version('torch')}, "
    if cards := count_cuda(devices):
        return ok("device", f"{text}{cards} CUDA device(s): aimass worker --device cuda:0")
    return ok("device", f"{text}no CUDA device: models run on {os.cpu_count()} CPU core(s)")


def count_cuda(devices: Path = Path("/dev")) -> int:
    """How many CUDA devices there are, as far as it can be told without torch."""
    cards = len(list(devices.glob("nvidia[0-9]*")))
    # What stands for one elsewhere: under Windows, on a Jetson, and AMD's, which torch calls cuda.
    return cards or sum((devices / name).exists() for name in ("dxg", "nvhost-gpu", "kfd"))


def check_device_named(device: str, devices: Path = Path("/dev")) -> None:
    """See that the device is there which a worker is to run its models on.

    Raises:
        ConfigError: it is a CUDA device, and there is none.
    """
    if device.startswith("cuda") and not count_cuda(devices):
        raise ConfigError(
            f"No CUDA device is on this machine, so nothing runs on {device}. Leave out --device: "
            f"models then run on {os.cpu_count()} CPU core(s). Try: aimass doctor"
        )


def _requires_python() -> SpecifierSet | None:
    try:
        return SpecifierSet(metadata.metadata(DISTRIBUTION)["Requires-Python"] or "")
    except (metadata.PackageNotFoundError, KeyError):
        return None


def _wrong_packages(needed: list[Requirement]) -> Iterator[str]:
    for requirement in needed:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{requirement.name} is missing"
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} {version} is not {requirement.specifier}"
