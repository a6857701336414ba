"""Faust's tables, which come up whole or not at all.

Faust's own manager fills tables from their changelogs without asking what these held before, and
waits for the end of a recovery for as long as it takes. This one compares first
(`aimass_stream/kafka/changelogs.py`), and ends a worker whose recovery stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any, cast

from aiokafka.errors import KafkaError
from faust.tables import TableManager
from faust.types.tuples import TP
from mode import Service

from aimass_stream.config import settings
from aimass_stream.errors import AimassError, StalledError
from aimass_stream.kafka.changelogs import Changelog, Changelogs
from aimass_stream.kafka.progress import Look, ProgressWatch
from aimass_stream.kafka.survey import refused

NOTE_EVERY_S = 5.0
"""How often the owner of a changelog notes how far it reaches, and looks whether it still does."""
LOOK_EVERY_S = 1.0
"""How often a recovery is looked at."""
LAST_NOTE_S = 2.0


class Tables(TableManager):
    """The tables of an app of ours."""

    _in_use: frozenset[TP] = frozenset()
    """The changelogs' partitions of the last assignment; a rebalance that hangs forgets none."""

    @property
    def _changelogs_kept(self) -> Changelogs:
        return cast(Changelogs, cast(Any, self.app).changelogs)

    async def on_start(self) -> None:
        """Compare before Faust creates a changelog that is missing."""
        await self._verify_or_end()
        await super().on_start()

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Compare before tables are filled; agents and bodies run after that.

        Faust assigns tables without the changelogs that it does not find, so what was in use is
        looked at before it is forgotten.
        """
        await self._verify_or_end()
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        self._in_use = frozenset(self.recovery.active_tps)

    async def on_stop(self) -> None:
        """Leave a note of the end, where the broker lets us."""
        with contextlib.suppress(KafkaError, TimeoutError, AimassError):
            async with asyncio.timeout(LAST_NOTE_S):
                await self._note()
        await super().on_stop()

    @Service.task
    async def _keep_notes(self) -> None:
        async for _ in self.itertimer(NOTE_EVERY_S, name="changelogs"):
            try:
                await self._verify()
                await self._note()
            except KafkaError as error:
                self.log.info("changelogs not noted, trying again: %r", error)
            except AimassError as error:
                self._end_worker(error)
                return

    @Service.task
    async def _keep_watch(self) -> None:
        progress = ProgressWatch[str](settings().stall_s)
        looked_s = time.monotonic()
        async for _ in self.itertimer(LOOK_EVERY_S, name="recovery"):
            now_s = time.monotonic()
            step_s, looked_s = now_s - looked_s, now_s
            self._watch_recovery(progress, step_s)

    def _watch_recovery(self, progress: ProgressWatch[str], step_s: float) -> None:
        if not self.recovery.in_recovery:
            progress.look({}, step_s)
            return
        remaining: Mapping[TP, int] = self.recovery.active_remaining()
        look = Look(-sum(remaining.values()), is_behind=True, is_excused=False)
        if progress.look({"tables": look}, step_s):
            waiting = ", ".join(
                f"{tp.topic}/{tp.partition} ({count} to read)"
                for tp, count in sorted(remaining.items())
                if count > 0
            )
            self._end_worker(
                StalledError(
                    f"Tables were not filled: for {settings().stall_s:.0f} s nothing came of "
                    f"{waiting or 'their changelogs'}. Is the broker well? Try: aimass doctor. "
                    "A key or value that the table's types cannot read has this effect too, and "
                    "stands in the log above."
                )
            )

    async def _verify(self) -> None:
        if not self:
            return
        await self._changelogs_kept.verify(
            [
                Changelog(table.name, topic, bool(table.changelog_topic.deleting))
                for topic, table in self._changelogs.items()
            ]
        )

    async def _verify_or_end(self) -> None:
        try:
            await self._verify()
            await self._note()
        except KafkaError as error:
            self._end_worker(refused(error))
            raise
        except AimassError as error:
            self._end_worker(error)
            raise

    async def _note(self) -> None:
        if self._in_use:
            await self._changelogs_kept.note(self._in_use)

    def _end_worker(self, error: BaseException) -> None:
        cast(Any, self.app).end_worker(error)
