"""What an application keeps: snapshots that are damaged or not written, logs that lost records."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aimass_stream.kafka.groups import read_committed
from aimass_stream.kafka.topics import delete_before
from aimass_stream.verify.application import Need
from aimass_stream.verify.errors import VerifyError
from aimass_stream.verify.fault import Fault, Strike
from aimass_stream.verify.faults.processes import SESSION_S, start_again
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.kept import Kept, damage, find_kept, horizons
from aimass_stream.verify.scene import START_S, Scene
from aimass_stream.verify.window import UNTIL_S, Window

REFUSED_CODE = 78
FALLEN_BACK = b" is used instead of "


class DamagedSnapshot(Strike):
    """All is killed, and the newest snapshot of every state that has two is damaged."""

    name = "the newest snapshot is damaged"
    row = "18"
    promise = "the one before it and the log give the same state; nothing lost, same answers"
    needs = frozenset({Need.LEARNER})
    recovers_within_s = SESSION_S + 20
    restarts = True

    async def strike(self, scene: Scene, window: Window) -> None:
        """Kill all, damage what a new start would begin from, and start again."""
        await window.until(lambda: _damageable(scene), "two snapshots of a state", START_S)
        await window.note_strike(repeats=True)
        await scene.workers.kill_all()
        committed = await read_committed(scene.broker.url, scene.app.id)
        struck = 0
        for kept in find_kept(scene.snapshots):
            usable = kept.up_to(committed.get(kept.place, 0))
            if len(usable) > 1:
                damage(usable[-1], scene.draw)
                struck += 1
        window.measure("snapshots_damaged", struck)
        if not struck:
            await scene.start(scene.workers.count)
            raise VerifyError("no state had two snapshots that the group can come back to")
        told = _Told(scene.workers.log)
        await start_again(scene, window)
        await window.until(
            lambda: told.counts(FALLEN_BACK), "a log line that names both snapshots", UNTIL_S
        )


class FullSnapshots(Strike):
    """The folder of snapshots takes nothing for a while."""

    name = "no room for snapshots"
    row = "14"
    promise = "learning and answers go on, /readyz says why; written again when there is room"
    needs = frozenset({Need.LEARNER})
    recovers_within_s = 20.0
    workers_live = True

    async def strike(self, scene: Scene, window: Window) -> None:
        """Put a file in the folder's place until a learner has missed it, and give it back."""
        began = time.monotonic()
        with _without_folder(scene.snapshots):
            await _until_unready(scene, window, wanted=True)
            window.measure("noticed_s", time.monotonic() - began)
            # Those that come next are learnt and answered without any snapshot.
            seen = window.outcomes()
            await window.until(
                lambda: window.outcomes() > seen + scene.burst // 4, "answers while there is none"
            )
        began = time.monotonic()
        await _until_unready(scene, window, wanted=False)
        window.measure("written_again_s", time.monotonic() - began)


class LostLog(Fault):
    """A learner's log has lost records, and its snapshots are gone, so nobody can know its state.

    Records after the newest snapshot stay, so that the application goes on once that is back.
    """

    name = "a learner's log has lost records"
    row = "19"
    promise = "refused with exit code 78 and the log's name, never silently empty"
    needs = frozenset({Need.LEARNER})
    restarts = True

    async def run(self, scene: Scene) -> Finding:
        """Take both away while it is stopped, see it refused, and bring the snapshots back."""
        async with scene.window() as window:
            async with window.steady_load():
                await window.until(lambda: _losable(scene), "a second snapshot of a log", START_S)
            await window.settle()
            await scene.workers.stop()
            topic, partition = scene.draw.choice(_losable(scene))
            horizon = horizons(find_kept(scene.snapshots))[topic, partition]
            await delete_before(scene.broker.client, topic, partition, horizon)
            window.measure("records_deleted", horizon)
            await window.send_burst(scene.burst)
            await window.acknowledged()
            # Whoever else answers before it is refused may do so again.
            await window.note_strike(repeats=True)
            aside = scene.folder / "aside"
            scene.snapshots.rename(aside)
            try:
                await _see_refused(scene, window, f"A learner of {topic}/{partition} has learnt")
            finally:
                await scene.workers.stop()
                shutil.rmtree(scene.snapshots, ignore_errors=True)
                aside.rename(scene.snapshots)
                await scene.start(scene.workers.count)
            await window.settle()
            return window.find()


async def _see_refused(scene: Scene, window: Window, words: str) -> None:
    told = _Told(scene.workers.log)
    began = time.monotonic()
    scene.workers.start(scene.workers.count)
    try:
        async with asyncio.timeout(START_S):
            ended = await asyncio.shield(scene.workers.child.exited)
    except TimeoutError:
        window.problem(f"it still runs after {START_S:.0f} s, on a log that lost records")
        return
    window.measure("refused_after_s", time.monotonic() - began)
    if ended.code != REFUSED_CODE:
        window.problem(f"it ended with {ended.reason}, not {REFUSED_CODE}")
    if not told.counts(words.encode()):
        window.problem(f"it did not say: {words}")


async def _until_unready(scene: Scene, window: Window, *, wanted: bool) -> None:
    """Follow until `/readyz` says that snapshots are not written, or says it no more.

    Raises:
        VerifyError: it does not come to that.
    """
    deadline = time.monotonic() + START_S
    while any("cannot be written" in why for why in await scene.workers.unready()) is not wanted:
        if time.monotonic() > deadline:
            what = "speaks of" if wanted else "no more speaks of"
            raise VerifyError(f"not within {START_S:.0f} s: /readyz {what} unwritten snapshots")
        await window.follow()


@contextmanager
def _without_folder(folder: Path) -> Iterator[None]:
    """A file lies in a folder's place while the block runs; root may write to any folder."""
    aside = folder.with_name(f"{folder.name}.aside")
    folder.rename(aside)
    folder.write_bytes(b"")
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


def _damageable(scene: Scene) -> list[Kept]:
    return [kept for kept in find_kept(scene.snapshots) if len(kept.files) > 1]


def _losable(scene: Scene) -> list[tuple[str, int]]:
    """Partitions that a state learnt from, whose first records no newest snapshot needs."""
    found = horizons(find_kept(scene.snapshots))
    return sorted(place for place, horizon in found.items() if horizon > 0)


class _Told:
    """What an application says from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._from = log.stat().st_size

    def counts(self, words: bytes) -> int:
        with self._log.open("rb") as file:
            file.seek(self._from)
            return file.read().count(words)
