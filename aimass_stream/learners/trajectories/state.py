"""The state of a detector on trajectories: users' trails, what is usual, and who rests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.anomaly.reasons import short
from aimass_stream.learners.anomaly.rest import Rest
from aimass_stream.learners.anomaly.usual import Rarity
from aimass_stream.learners.arrays import under
from aimass_stream.learners.behaviour import Place, follow
from aimass_stream.learners.features import Floats
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.learners.trajectories.cells import Cells, surprise
from aimass_stream.learners.trajectories.declaration import TrajectoryDetector
from aimass_stream.learners.trajectories.fences import crossed, within
from aimass_stream.learners.trajectories.places import Places
from aimass_stream.learners.trajectories.trail import Point, Trail, cell_of, plain, trail_of
from aimass_stream.records import Action, Surprise, read_behaviour

PARTS = ("speed", "turn", "route", "place")
"""Metres a second, degrees, bits and bits."""

_DAY_MS = 86_400_000
_NEW = Trail()


class _Step(NamedTuple):
    """A position, and what it leads to.

    Attributes:
        user: whose.
        trail: behind it.
        raw: of each part, NaN where there is nothing to measure.
        entered: the cell that was entered, if one was.
        before: earlier stays, oldest first.
        arrived: the place of a new stay, if it is one.
    """

    user: str
    trail: Trail
    raw: tuple[float, ...]
    entered: int | None
    before: tuple[Point, ...]
    arrived: Point | None


@dataclass(slots=True)
class _Ahead:
    """What a block's positions lead to."""

    trails: dict[str, Trail] = field(default_factory=dict)
    steps: list[_Step] = field(default_factory=list)
    rest: dict[str, int] = field(default_factory=dict)
    fence_rest: dict[str, int] = field(default_factory=dict)


class TrajectoryState:
    """The `LearnerState` of `TrajectoryDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        it = self._detector = TrajectoryDetector.of(settings)
        self._threshold = 1 - it.alarm_share / len(PARTS)
        self._trails: OrderedDict[str, Trail] = OrderedDict()
        self._own: dict[str, Cells] = {}
        self._cells = Cells(it.cells)
        self._places = Places(it.places, it.radius_m, it.seed)
        self._usual = {part: Rarity(it.compared_records) for part in PARTS}
        self._learnt = dict.fromkeys(PARTS, 0)
        self._rest = Rest(it.rest_records, it.users)
        self._fence_rest = Rest(it.rest_records, it.users * max(len(it.fences), 1))
        self._open = OpenBlock(_Ahead, self._answer)

    def read(self, event: Event) -> Action:
        """A behaviour event.

        Raises:
            RecordError: it is none.
        """
        return read_behaviour(event.value, event.timestamp_ms)

    def score(self, inputs: Sequence[Action]) -> list[Surprise | None]:
        """How unusual each position is; None for what is none, or comes late."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[Action]) -> None:
        """Learn where people went."""
        ahead = self._open.ahead(inputs)
        self._open.close()
        for step in ahead.steps:
            self._learn(step)
        if ahead.steps:
            raw = np.array([step.raw for step in ahead.steps], np.float64)
            for part, column in zip(PARTS, raw.T, strict=True):
                there = column[~np.isnan(column)]
                if len(there):
                    self._usual[part].learn(there)
                    self._learnt[part] += len(there)
        self._rest.remember(ahead.rest)
        self._fence_rest.remember(ahead.fence_rest)
        while len(self._trails) > self._detector.users:
            user, _ = self._trails.popitem(last=False)
            self._own.pop(user, None)

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        places = self._places.snapshot()
        own = [self._own[user].snapshot() for user in self._trails]
        arrays = {f"places.{name}": array for name, array in places.arrays.items()}
        arrays |= {f"usual.{part}": usual.snapshot() for part, usual in self._usual.items()}
        arrays |= {"cells": self._cells.snapshot()}
        arrays |= {"own": np.concatenate([np.empty((0, 2), np.int64), *own])}
        data = {
            "users": [
                [user, len(cells), *plain(trail)]
                for (user, trail), cells in zip(self._trails.items(), own, strict=True)
            ],
            "places": places.data,
            "learnt": dict(self._learnt),
            "rest": self._rest.snapshot(),
            "fence_rest": self._fence_rest.snapshot(),
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it does not fit.
        """
        arrays, data = snapshot
        self._places.restore(Snapshot(under(arrays, "places."), data["places"]))
        self._cells.restore(arrays["cells"])
        self._trails, self._own = OrderedDict(), {}
        first = 0
        for user, cells, *trail in data["users"]:
            self._trails[user] = trail_of(trail)
            self._own[user] = Cells(self._detector.user_cells)
            self._own[user].restore(arrays["own"][first : first + cells])
            first += cells
        for part, usual in self._usual.items():
            usual.restore(arrays[f"usual.{part}"].astype(np.float64))
        self._learnt = dict(data["learnt"])
        self._rest.restore(data["rest"])
        self._fence_rest.restore(data["fence_rest"])
        self._open.close()

    def _answer(self, ahead: _Ahead, inputs: Sequence[Action]) -> list[Surprise | None]:
        return [self._judge(ahead, action) for action in inputs]

    def _judge(self, ahead: _Ahead, action: Action) -> Surprise | None:
        if action.lat is None or action.lon is None:
            return None
        user, here = action.user, Place(action.lat, action.lon, action.time_ms)
        before = ahead.trails.get(user) or self._trails.get(user, _NEW)
        if before.track.last_ms - here.time_ms > _DAY_MS:
            before = _NEW
        if here.time_ms <= before.track.last_ms:
            return None
        step = self._step(before, action, here)
        ahead.trails[user] = step.trail
        ahead.steps.append(step)
        fences = self._detector.fences
        broken = crossed(fences, before.inside, step.trail.inside)
        keys = [f"{i} {user}" for i in range(len(fences))]
        rings = any(self._fence_rest.look(keys, broken, ahead.fence_rest))
        return self._surprise(step, broken, ahead, rings=rings)

    def _step(self, before: Trail, action: Action, here: Place) -> _Step:
        it = self._detector
        (speed, turn, *_), track = follow(before.track, action, here.time_ms)
        moved, arrived = before.to(here, it.radius_m, it.stay_s)
        cell = cell_of(here.lat, here.lon, it.cell_m)
        entered = cell if cell != before.cell else None
        route = place = float("nan")
        if entered is not None:
            route = float(surprise(entered, self._cells_of(action.user), self._cells))
        if arrived is not None:
            place = self._places.surprise(before.stays, arrived)
        trail = moved._replace(track=track, inside=within(it.fences, here.lat, here.lon), cell=cell)
        # In whole degrees, so that those who turn round do not outdo each other.
        raw = (speed, float(np.rint(turn)), route, place)
        return _Step(action.user, trail, raw, entered, before.stays, arrived)

    def _surprise(
        self, step: _Step, broken: Sequence[bool], ahead: _Ahead, *, rings: bool
    ) -> Surprise:
        shares = {
            part: float(self._usual[part].share_below(np.array([raw]))[0])
            for part, raw in zip(PARTS, step.raw, strict=True)
            if not np.isnan(raw)
        }
        unusual = {
            part: share
            for part, share in shares.items()
            if share >= self._threshold and self._learnt[part] >= self._detector.warm_records
        }
        (is_alarm,) = self._rest.look([step.user], [bool(unusual)], ahead.rest)
        crossings = {
            f"fence {fence.name}": f"{fence.on}s {fence.name}"
            for fence, is_broken in zip(self._detector.fences, broken, strict=True)
            if is_broken
        }
        reason = ", ".join(crossings.values()) or "as usual"
        if unusual and not crossings:
            reason = self._reason(max(unusual, key=lambda part: unusual[part]), step)
        ranked = sorted(shares.items(), key=lambda part: -part[1])
        parts = {**dict.fromkeys(crossings, 1.0), **dict(ranked)}
        score = max(parts.values(), default=0.0)
        return Surprise(score, self._threshold, is_alarm or rings, reason, parts)

    def _reason(self, part: str, step: _Step) -> str:
        raw = step.raw[PARTS.index(part)]
        latest = self._usual[part].snapshot()
        if part == "route" and step.entered is not None:
            own, every = self._cells_of(step.user), self._cells
            return (
                f"route through a cell of {self._detector.cell_m:g} m that the user entered "
                f"{own[step.entered]} of {own.total} times, and all users "
                f"{every[step.entered]} of {every.total:,}"
            )
        if part == "place" and step.arrived is not None:
            lat, lon = step.arrived
            return (
                f"place {lat:.4f}, {lon:.4f} foreseen with {2**-raw:.2%}, "
                f"usually with {2 ** -_quantile(latest, 0.5):.0%}"
            )
        unit = "m/s" if part == "speed" else "degrees"
        return f"{part} {short(raw)} {unit}, usually under {short(_quantile(latest, 0.99))}"

    def _cells_of(self, user: str) -> Cells:
        return self._own.get(user) or Cells(self._detector.user_cells)

    def _learn(self, step: _Step) -> None:
        self._trails[step.user] = step.trail
        self._trails.move_to_end(step.user)
        own = self._own.setdefault(step.user, Cells(self._detector.user_cells))
        if step.entered is not None:
            own.enter(step.entered)
            self._cells.enter(step.entered)
        if step.arrived is not None:
            self._places.learn(step.before, step.arrived)


def _quantile(numbers: Floats, share: float) -> float:
    return float(np.quantile(numbers, share)) if len(numbers) else 0.0
