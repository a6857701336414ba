"""A model whose files change under a worker answers as before, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.registry.files import digest_of, scan
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import DeviceLink, LinkOptions
from tests.runtime.adapters import Answer
from tests.runtime.helpers import ROOT, decode, kill, until


@pytest.mark.parametrize("harm", ["one bit", "a file more"])
async def test_a_process_that_comes_after_the_damage_refuses_to_load(
    tmp_path: Path, harm: str
) -> None:
    weights = tmp_path / "vocab.txt"
    weights.write_text("a")
    adapter = "tests.runtime.adapters:Obedient"
    spec = ModelSpec("m", "1", adapter, str(tmp_path), digest=digest_of(scan(tmp_path)))
    host = DeviceHost(ROOT, models_package="", options=HostOptions(spare=False))
    await host.start()
    link = DeviceLink(host.socket_path, LinkOptions())
    try:
        await link.connect()
        await link.load(spec)
        if harm == "one bit":
            weights.write_text("b")
        else:
            (tmp_path / "more.json").write_text("{}")
        assert decode(await link.predict(spec.id, [b"as before"])) == [
            Answer(9, b"as befor", b"s before")
        ]
        died = link.pid
        kill(died)
        await until(lambda: link.pid != died, "the link has noticed")
        with pytest.raises(SetupError, match="have changed since the worker chose") as refused:
            await link.predict(spec.id, [b"after"])
        assert refused.value.exit_code == 78
    finally:
        await link.close()
        await host.stop()
