"""What a worker of ours says of itself while it is measured."""

from __future__ import annotations

from collections import Counter

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

ANSWERED = "aimass_records_answered_total"


async def answered_by_models(port: str) -> Counter[str]:
    """Records that each model has answered by now, by its name without the version.

    The broker's count is behind it by what waits for others: answers leave in the order of their
    records, and a batch takes whichever fit together. Who counted from the broker at both ends
    would count work as done in a time before which it was done.

    Args:
        port: of the worker's pages.
    """
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.get("/metrics") as response,
    ):
        text = await response.text()
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == ANSWERED:
                found[sample.labels["model"].partition("@")[0]] += int(sample.value)
    return found
