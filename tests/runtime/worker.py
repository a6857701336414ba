"""A worker that the tests have supervised. It imports little, so that it starts quickly."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from aimass_stream.runtime.parent import watch_parent


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(mode: str) -> None:
    """Be a worker: `obedient`, `stubborn`, `slow` to drain, `misconfigured`, or a `client`."""
    if mode == "misconfigured":
        sys.stderr.write("the broker's name is wrong\n")
        raise SystemExit(78)
    supervised = watch_parent(budget_s=0.5)
    terminated: list[int] = []
    if mode == "obedient":
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    else:

        def note(number: int, frame: object) -> None:
            terminated.append(number)
            say("told to end")

        signal.signal(signal.SIGTERM, note)
    if mode == "client":
        asyncio.run(ask())
    say("worker", os.getpid(), supervised)
    while mode != "slow" or not terminated:
        time.sleep(0.02)
    time.sleep(0.5)
    say("drained", os.getpid())


async def ask() -> None:
    """Have the supervisor's device answer something."""
    from aimass_stream.runtime.link import DeviceLink
    from tests.runtime.helpers import spec

    link = DeviceLink(os.environ["AIMASS_DEVICE_SOCKET"])
    await link.connect()
    await link.load(spec())
    scored = await link.predict(spec().id, [b"x"])
    say("answered", len(scored.answers), link.pid)
    await link.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
