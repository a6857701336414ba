"""A worker's place in the consumer group, noted on disk for whoever comes after it.

A worker that is killed keeps its partitions until its session times out, ten seconds in which
nobody reads them. The next worker in the same slot of the same supervisor gives that place up
on the dead one's behalf, so that the group goes on at once. (Static membership would promise
the same, but under it a restarted aiokafka consumer was seen to get no records at all.)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest


class Place(msgspec.Struct, frozen=True):
    """One member of a group, and the process that is it."""

    group: str
    member_id: str
    pid: int


class Membership:
    """The place of the worker in one slot.

    Args:
        path: where it is noted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, group: str, member_id: str) -> None:
        """Note this process's place; call it whenever the group has been joined."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(Place(group, member_id, os.getpid())))
        draft.replace(self._path)

    def forget(self) -> None:
        """The place was given up in good order."""
        self._path.unlink(missing_ok=True)

    async def give_up_predecessor(self, client: Mapping[str, Any]) -> bool:
        """Leave the group for a predecessor that died; whether there was one to leave for.

        Without success the group goes on when the session times out, so nothing is raised.
        """
        try:
            place = msgspec.json.decode(self._path.read_bytes(), type=Place)
        except (OSError, msgspec.MsgspecError):
            return False
        if place.pid == os.getpid() or psutil.pid_exists(place.pid):
            return False
        admin = AIOKafkaAdminClient(**client)
        try:
            await admin.start()
            node = await admin.find_coordinator(place.group)
            request = LeaveGroupRequest(place.group, place.member_id)
            await admin._send_request(request, node)  # noqa: SLF001 - no public call leaves for another
        except KafkaError:
            return False
        finally:
            await admin.close()
        self.forget()
        return True
