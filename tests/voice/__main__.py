"""`python -m tests.voice`: how long voice turns take, one after the other, with tiny models.

From a recording's arrival on the broker to the outcome of its spoken answer, by the broker's
timestamps. The models are of random weights and cost next to nothing, so this is the engine's
share of a turn: three topics, a graph, a learner and a voice. A listener works on the same
recordings meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from statistics import quantiles

from aimass_stream.kafka.embedded import lease_broker
from aimass_stream.kafka.sender import Sender
from tests.delivery.harness import Harness, running_app
from tests.projects import leave_models_out
from tests.voice import declared
from tests.zoo.sounds import noisy

NAME = "voice-turns"
WARM_TURNS = 5
TURNS = 40
DEADLINE_S = 300.0


async def measure(url: str, home: Path) -> list[int]:
    """Milliseconds of each turn, the first few left out."""
    env = {**os.environ, "AIMASS_BROKER": url, "AIMASS_REPLICATION": "1"}
    env |= {"AIMASS_STATE": str(home / "state"), "TEST_VOICE": str(home), "OMP_NUM_THREADS": "1"}
    names = declared.topics_of(NAME)
    async with running_app(
        "tests.voice.app",
        NAME,
        url,
        env,
        home,
        dict.fromkeys(names, 1),
        declared.watched_of(NAME),
    ) as harness:
        worker = harness.start_worker()
        found = [await turn(harness, url, names[0], number) for number in range(TURNS)]
        await harness.stop(worker)
    return found[WARM_TURNS:]


async def turn(harness: Harness, url: str, topic: str, number: int) -> int:
    """One turn: the next begins when it has ended."""
    heard, spoken = (harness.oracle.accounts[name] for name in ("hear", "speak"))
    async with Sender(url) as sender:
        sent = await sender.send(topic, noisy(0.5, number % 7), key=b"anna")
        place = await sent
    await harness.until(
        lambda: place in heard.arrived_ms and len(spoken.settled_ms) > number, DEADLINE_S
    )
    return max(spoken.settled_ms.values()) - heard.arrived_ms[place]


def main() -> None:
    """Print it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        declared.build(home)
        leave_models_out(home)
        with lease_broker(home / "kafka", say=print) as broker:
            found = asyncio.run(measure(broker.url, home))
    cuts = quantiles(found, n=10)
    print(f"{len(found)} turns: p50 {cuts[4]:.0f} ms, p90 {cuts[8]:.0f} ms")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
