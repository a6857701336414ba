"""The declaration of a detector on trajectories; importing it imports no learning library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any, ClassVar, Literal, Self

from aimass_stream.declaration import Declaration
from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require,
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import Surprise

_CORNERS = 3


@dataclass(frozen=True)
class Fence(Declaration):
    """An area, and what raises an alarm there: a polygon, or a circle.

    Attributes:
        name: in reasons.
        corners: latitude and longitude of each, in degrees, three at least: a polygon whose sides
            are straight in degrees and do not cross the date line.
        centre: of a circle instead: latitude and longitude in degrees.
        radius_m: of the circle, metres.
        on: `enter`: to be inside, coming from outside or seen for the first time; `leave`: to be
            outside, coming from inside.

    Raises:
        ConfigError: a value makes no sense.
    """

    name: str
    corners: tuple[tuple[float, float], ...] = ()
    _: KW_ONLY
    centre: tuple[float, float] | None = None
    radius_m: float = 100.0
    on: Literal["enter", "leave"] = "enter"

    def __post_init__(self) -> None:
        """Refuse what is no area."""
        require(self, holds=bool(self.name), otherwise="give it a name")
        one = bool(self.corners) != (self.centre is not None)
        require(self, holds=one, otherwise="a fence has corners, or a centre, and not both")
        enough = self.centre is not None or len(self.corners) >= _CORNERS
        require(self, holds=enough, otherwise="a polygon has three corners at least")
        points = self.corners if self.centre is None else (self.centre,)
        on_earth = all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in points)
        require(self, holds=on_earth, otherwise="a point is latitude and longitude in degrees")
        known = self.on in {"enter", "leave"}
        require(self, holds=known, otherwise='on must be "enter" or "leave"')
        require_above_zero(self, "radius_m")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """The fence with these settings."""
        corners = tuple((lat, lon) for lat, lon in settings["corners"])
        centre = settings["centre"] and (settings["centre"][0], settings["centre"][1])
        return cls(**{**settings, "corners": corners, "centre": centre})


@dataclass(frozen=True)
class TrajectoryDetector(Learner[Surprise]):
    """Says which positions of a user are unusual, and by which part.

    ```python
    depot = Fence("depot", ((52.5, 13.3), (52.6, 13.3), (52.6, 13.4)))
    detector = TrajectoryDetector("trajectories", fences=(depot,))
    ```

    Parts: `speed` and `turn` between two positions; `route`, how rarely the user and all users
    enter this cell of the map; `place`, how little a recurrent net foresaw the place where the
    user stays now; and fences. A part's score is the share of its latest `compared_records` that
    were less unusual; the score of a position is that of its highest part, and 1 where a fence is
    crossed. Other events, and positions that are not later than the user's latest, are answered
    with None; one that is more than a day earlier begins the user's trail anew.

    Attributes:
        fences: areas with rules; these need no warming up.
        radius_m: metres within which positions are one stay, and stays one place.
        stay_s: seconds from which on it is a stay.
        cell_m: metres of a cell's side, 1 at least.
        alarm_share: share of positions that are alarms where nothing changes, about, beside
            fences; the four parts have a quarter of it each.
        warm_records: of a part, before its first alarm.
        rest_records: further positions of a user after an alarm that raise none; crossing a fence
            raises one all the same, unless it is the same fence again.
        compared_records: latest records of a part that a score is a share of.
        users: remembered; the longest silent go first.
        cells: remembered of all users; the longest not entered go first.
        user_cells: likewise of each user.
        places: that the net tells apart; the longest not stayed at go first, and the others are
            one place to it.
        seed: of the net's first weights.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.trajectories.state:TrajectoryState"

    name: str
    _: KW_ONLY
    fences: tuple[Fence, ...] = ()
    radius_m: float = 150.0
    stay_s: float = 600.0
    cell_m: float = 250.0
    alarm_share: float = 0.005
    warm_records: int = 200
    rest_records: int = 20
    compared_records: int = 2_000
    users: int = 5_000
    cells: int = 50_000
    user_cells: int = 200
    places: int = 256
    seed: int = 0
    block_rows: int = 16

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        super().__post_init__()
        require_above_zero(self, "radius_m", "stay_s", "cell_m")
        require(self, holds=self.cell_m >= 1, otherwise="cell_m must be 1 at least")
        share = 0 < self.alarm_share < 1
        require(self, holds=share, otherwise="alarm_share must be above 0 and below 1")
        require_at_least(self, warm_records=1, rest_records=0, compared_records=1, users=1)
        require_at_least(self, cells=1, user_cells=1, places=1, seed=0)

    @property
    def answer_type(self) -> type[Surprise]:
        """How unusual a position is."""
        return Surprise

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return {**settings_of(self), "fences": [asdict(fence) for fence in self.fences]}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """The declaration with these settings, whatever its name."""
        fences = tuple(Fence.of(fence) for fence in settings["fences"])
        return cls("trajectories", **{**settings, "fences": fences})
