"""How much memory a model process may take before it is ended."""

from pathlib import Path

import psutil
import pytest

from aimass_stream.config import load_settings
from aimass_stream.runtime import memory_limit
from aimass_stream.runtime.memory_limit import MEMORY_SHARE, memory_limit_bytes


def test_the_setting_decides() -> None:
    assert memory_limit_bytes(load_settings(device_memory_bytes=1 << 30)) == 1 << 30


def test_else_a_share_of_what_the_machine_or_its_container_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    total = psutil.virtual_memory().total
    monkeypatch.setattr(memory_limit, "_CGROUP_LIMITS", ())
    assert memory_limit_bytes(load_settings()) == int(total * MEMORY_SHARE)
    limit = tmp_path / "memory.max"
    limit.write_text(f"{100 << 20}\n")
    monkeypatch.setattr(memory_limit, "_CGROUP_LIMITS", (limit, tmp_path / "none"))
    assert memory_limit_bytes(load_settings()) == int((100 << 20) * MEMORY_SHARE)
    limit.write_text("max\n")
    assert memory_limit_bytes(load_settings()) == int(total * MEMORY_SHARE)
