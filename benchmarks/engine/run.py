"""Runs the engine row set: contestants in turn, each measured from outside by the broker's log.

CPU is what a contestant's processes use while its answers go from 10% to 100% of the records,
so imports and the group join are left out for everybody alike. The broker's CPU is not counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import numpy as np
import orjson

from aimass_stream.kafka.reader import bootstrap_servers
from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians, versions_of
from benchmarks.engine.contestants import CONTESTANTS, FLOOR, RECORDS, Contestant
from benchmarks.engine.workload import PARTITIONS, answer_one, make_record
from benchmarks.place import Place
from benchmarks.processes import ProcessTree, run_tree, worker_env
from benchmarks.topics import Row, drop_topics, fill, make_topic, read_all
from benchmarks.watch import watch

SOURCE = "bench.events"
ANSWERS = "bench.answers."
CHECKED = 200


def run_engine(bench: Bench) -> None:
    """Measure every contestant once a round, and write medians and ratios."""
    present, versions = _present(bench)
    count = bench.scaled(RECORDS)
    fill_source(bench, count)

    def measure_one(name: str) -> Figures:
        return asyncio.run(measure(bench, present[name]))

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows = [_row(bench, one, runs[name]) for name, one in present.items() if runs[name]]
        _add_ratios(rows)
        about = {"records": count, "partitions": PARTITIONS, "floor": FLOOR, "versions": versions}
        bench.write("engine", {"rows": rows, **about})

    interleave(bench, list(present), measure_one, keep)


def fill_source(bench: Bench, count: int) -> None:
    """Produce the records that every contestant is given."""
    asyncio.run(fill(bench.url, SOURCE, PARTITIONS, _rows(count), count))


def _present(bench: Bench) -> tuple[dict[str, Contestant], dict[str, str]]:
    """The contestants that are installed, and the versions of other engines."""
    packages = sorted({one.package for one in CONTESTANTS if one.package})
    found = versions_of(bench.peers, packages)
    for package in packages:
        if found[package] is None:
            print(f"{package} is not installed and left out; `make peers` installs it.", flush=True)
    present = {one.name: one for one in CONTESTANTS if not one.package or found[one.package]}
    return present, {name: version for name, version in found.items() if version}


def _rows(count: int) -> Iterator[Row]:
    draw = np.random.default_rng(3)
    return (make_record(number, draw) for number in range(count))


def _row(bench: Bench, contestant: Contestant, runs: list[Figures]) -> dict[str, Any]:
    return {
        "contestant": contestant.name,
        "guarantee": contestant.guarantee,
        "records": bench.scaled(contestant.records),
        **medians(runs),
        "rounds": len(runs),
        "runs": runs,
    }


def _add_ratios(rows: list[dict[str, Any]]) -> None:
    """CPU and rate of each row as multiples of the floor's, once it was measured."""
    floor = next((row for row in rows if row["contestant"] == FLOOR), None)
    if floor is None:
        return
    for row in rows:
        for ratio, figure in (
            ("cpu_ratio_to_floor", "cpu_us_per_record"),
            ("rate_ratio_to_floor", "records_per_s"),
        ):
            row[ratio] = round(row[figure] / floor[figure], 3)


async def measure(
    bench: Bench,
    contestant: Contestant,
    beside: Callable[[ProcessTree], Awaitable[None]] | None = None,
) -> Figures:
    """CPU and rate of one contestant over the records at hand.

    Args:
        bench: has the broker.
        contestant: who is measured.
        beside: what is done meanwhile with its processes.

    Raises:
        ContestantFailedError: it ended early, or its answers are wrong.
    """
    stamp = time.time_ns()
    state = bench.scratch / str(stamp)
    state.mkdir()
    server = ",".join(bootstrap_servers(bench.url))
    place = Place(server, SOURCE, f"{ANSWERS}{stamp}", f"bench-{stamp}", state)
    await make_topic(bench.url, place.answers, PARTITIONS)
    env = {**place.to_env(), **worker_env(bench.url, state)}
    try:
        async with run_tree(contestant.argv(bench.peers), env, state / "log") as tree:
            looking = asyncio.ensure_future(beside(tree)) if beside else None
            figures = await watch(bench.url, place.answers, tree, bench.scaled(contestant.records))
            if looking is not None:
                await looking
        await _check_answers(bench.url, place.answers)
    finally:
        await drop_topics(bench.url, ANSWERS)
    return figures


async def _check_answers(url: str, topic: str) -> None:
    """See that answers have keys and are right: a figure for other work would be none.

    Raises:
        ContestantFailedError: they have none, or are not.
    """
    draw = np.random.default_rng(3)
    expected = {}
    for number in range(CHECKED):
        key, value = make_record(number, draw)
        expected[number] = (key, orjson.loads(answer_one(value))["label"])
    seen = {}
    for record in await read_all(url, topic):
        answer = orjson.loads(record.bytes)
        if answer["id"] in expected:
            seen[answer["id"]] = (record.key, answer["label"])
    wrong = [number for number, found in seen.items() if found != expected[number]]
    if wrong or not seen:
        raise ContestantFailedError(f"{len(wrong)} of {len(seen)} answers are wrong or lack keys")
