"""What a batch costs on its way to a device process and back, with a model that does nothing.

    python -m benchmarks.frames [--rows 32] [--sizes 250,10000,100000] [--seconds 1]

Prints the microseconds of a record, once with the payloads in the frame and once in the arena;
with one batch in flight (a round trip), and with four (what a busy worker sees).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aimass_stream.model import ModelSpec
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import DeviceLink, LinkOptions

ROOT = Path(__file__).parents[1]
SPEC = ModelSpec("echo", "1", "benchmarks.frames:Echo", "")
ROUNDS = 5


class Echo:
    """Answers a payload with its length."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        del spec, device

    def decode(self, payload: bytes | memoryview) -> int:
        """Look at the payload, without reading all of it."""
        return len(payload)

    def predict(self, inputs: Sequence[int]) -> Sequence[Any]:
        """The inputs."""
        return inputs

    def close(self) -> None:
        """Nothing is held."""


async def _run_batches(link: DeviceLink, batch: Sequence[bytes], seconds: float, depth: int) -> int:
    ends_at = time.perf_counter() + seconds

    async def run_one_after_another() -> int:
        batches = 0
        while time.perf_counter() < ends_at:
            await link.predict(SPEC.id, batch)
            batches += 1
        return batches

    return sum(await asyncio.gather(*(run_one_after_another() for _ in range(depth))))


async def _measure_us(
    link: DeviceLink, batch: Sequence[bytes], seconds: float, depth: int
) -> float:
    """Microseconds a record: the best of a few rounds, since other work only adds to them."""
    await _run_batches(link, batch, seconds / 10, depth)
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        batches = await _run_batches(link, batch, seconds / ROUNDS, depth)
        rounds.append((time.perf_counter() - started) * 1e6 / (batches * len(batch)))
    return min(rounds)


async def _measure(arguments: argparse.Namespace) -> None:
    host = DeviceHost(ROOT, options=HostOptions(spare=False))
    await host.start()
    inline = DeviceLink(host.socket_path, LinkOptions(inline_bytes=2**40))
    arena = DeviceLink(host.socket_path, LinkOptions(inline_bytes=-1))
    try:
        for link in (inline, arena):
            await link.connect()
            await link.load(SPEC)
        print("bytes a record | in flight | inline us/record | arena us/record")
        for size in map(int, arguments.sizes.split(",")):
            batch = [os.urandom(size) for _ in range(arguments.rows)]
            for depth in (1, 4):
                costs = [
                    await _measure_us(link, batch, arguments.seconds, depth)
                    for link in (inline, arena)
                ]
                print(f"{size:>14} | {depth:>9} | {costs[0]:>16.2f} | {costs[1]:>15.2f}")
    finally:
        for link in (inline, arena):
            await link.close()
        await host.stop()


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=32, help="records of a batch")
    parser.add_argument("--sizes", default="250,1000,4000,10000,100000", help="bytes of a record")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each figure")
    asyncio.run(_measure(parser.parse_args()))


if __name__ == "__main__":
    main()
