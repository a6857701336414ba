"""How fast and how evenly a user acts."""

from __future__ import annotations

from math import exp
from typing import NamedTuple

_SECOND_MS = 1_000
_MINUTE_MS = 60_000
_GAPS = 24
_USUAL_ACTIONS = 200
_SHARE = 0.99
_STEP = 0.005


class Rhythm(NamedTuple):
    """What is kept of a user's rhythm.

    Attributes:
        last_ms: event time of the latest action.
        second: actions of about the last second; each fades with its age.
        minute: likewise of the last minute.
        usual: mean of `minute` over the user's actions, older ones fading; it begins at 0, so a
            pace becomes the user's own only in the course of some hundred actions.
        gaps_ms: the latest intervals, oldest first.
    """

    last_ms: int = -1
    second: float = 0.0
    minute: float = 0.0
    usual: float = 0.0
    gaps_ms: tuple[int, ...] = ()

    def after(self, time_ms: int) -> Rhythm:
        """The rhythm behind an action; one that comes late does not turn time back."""
        if self.last_ms < 0:
            return self._replace(last_ms=time_ms, second=1.0, minute=1.0)
        gap_ms = max(time_ms - self.last_ms, 0)
        return self._replace(
            last_ms=max(time_ms, self.last_ms),
            second=self.second * exp(-gap_ms / _SECOND_MS) + 1,
            minute=self.minute * exp(-gap_ms / _MINUTE_MS) + 1,
            gaps_ms=(*self.gaps_ms, gap_ms)[-_GAPS:],
        )

    def learnt(self) -> Rhythm:
        """With its own pace made part of what is usual."""
        return self._replace(usual=self.usual + (self.minute - self.usual) / _USUAL_ACTIONS)

    @property
    def unevenness(self) -> float:
        """How far the latest intervals lie apart, as a share of their median.

        The spread of the middle half, so that pauses between runs do not hide an even run; or the
        latest interval's distance from the median, where that is more, so that who stops being
        even is believed at once. Infinite while there are few intervals, and where most of them
        are nothing at all: that is a burst, or an upload.
        """
        if len(self.gaps_ms) < _GAPS:
            return float("inf")
        gaps = sorted(self.gaps_ms)
        median = gaps[_GAPS // 2]
        if median == 0:
            return float("inf")
        spread = gaps[3 * _GAPS // 4] - gaps[_GAPS // 4]
        return max(spread, abs(self.gaps_ms[-1] - median)) / median

    @property
    def gap_s(self) -> float:
        """Median of the latest intervals in seconds; 0 while there is none."""
        return sorted(self.gaps_ms)[len(self.gaps_ms) // 2] / 1000 if self.gaps_ms else 0.0


def towards_most(most: float, minute: float) -> float:
    """Move the pace that 99 % of actions stay below, by the method of Robbins and Monro (1951).

    Args:
        most: so far; actions a minute.
        minute: of an action.
    """
    return most * (1 + _STEP * (_SHARE if minute >= most else _SHARE - 1))
