"""What a batch of a given cost takes: a line learnt from the batches that were answered."""

from __future__ import annotations

from math import inf

_FORGETTING = 0.95
_SCALE_GAIN = 0.2
_OUTLIER = 3.0
_PRIOR = 0.01


class LatencyLine:
    """Learns `latency_ms = slope * cost + intercept`, both never negative.

    Weighted recursive least squares with exponential forgetting (Ljung and Söderström, Theory
    and Practice of Recursive Identification, 1983): a batch counts for half after 14 others. A
    batch far off the line counts for less, as in Huber's estimator (Robust Estimation of a
    Location Parameter, 1964), so that one pause does not bend it; a lasting change raises what
    is believed to be ordinary, and is followed.

    Where costs hardly vary, the slope is unknown: a weak prior then takes all latency to grow
    with cost, so larger batches are not believed to be free before one was seen.
    """

    def __init__(self) -> None:
        self._samples = 0
        self._scale_ms = 0.0
        self._weight = 0.0
        self._cost = 0.0
        self._ms = 0.0
        self._cost_cost = 0.0
        self._cost_ms = 0.0
        self.slope = 0.0
        self.intercept = 0.0

    @property
    def is_known(self) -> bool:
        """Whether a batch was seen; until then every estimate is zero."""
        return self._samples > 0

    def learn(self, cost: float, ms: float) -> None:
        """Take in a batch of this cost (positive) that took `ms` milliseconds.

        The first batch pays for the model's warm-up: it counts until there is a second.
        """
        self._samples += 1
        if self._samples <= 2:
            self._weight = self._cost = self._ms = self._cost_cost = self._cost_ms = 0.0
            self._scale_ms = ms / 4
            weight = 1.0
        else:
            weight = self._weigh(abs(ms - self.latency_ms(cost)))
        self._weight = _FORGETTING * self._weight + weight
        self._cost = _FORGETTING * self._cost + weight * cost
        self._ms = _FORGETTING * self._ms + weight * ms
        self._cost_cost = _FORGETTING * self._cost_cost + weight * cost * cost
        self._cost_ms = _FORGETTING * self._cost_ms + weight * cost * ms
        self._fit()

    def latency_ms(self, cost: float) -> float:
        """What a batch of this cost is expected to take."""
        return self.slope * cost + self.intercept

    def cost_within(self, ms: float) -> float:
        """The largest cost expected to take no longer; 0 where none is, infinite where all are."""
        if ms <= self.intercept:
            return 0.0
        return (ms - self.intercept) / self.slope if self.slope > 0 else inf

    @property
    def fixed_cost(self) -> float:
        """The cost that takes as long as the fixed part of a batch does."""
        if self.slope > 0:
            return self.intercept / self.slope
        return inf if self.intercept > 0 else 0.0

    def _weigh(self, residual_ms: float) -> float:
        ordinary_ms = _OUTLIER * self._scale_ms
        self._scale_ms += _SCALE_GAIN * (min(residual_ms, ordinary_ms) - self._scale_ms)
        # A model that is always on the line would make its first deviation weightless.
        self._scale_ms = max(self._scale_ms, 0.01 * self._ms / self._weight)
        return 1.0 if residual_ms <= ordinary_ms else ordinary_ms / residual_ms

    def _fit(self) -> None:
        cost, ms = self._cost / self._weight, self._ms / self._weight
        variance = max(self._cost_cost / self._weight - cost * cost, 0.0)
        covariance = self._cost_ms / self._weight - cost * ms
        prior = _PRIOR * cost * cost
        proportional = ms / cost
        slope = (covariance + prior * proportional) / (variance + prior)
        self.slope = min(max(slope, 0.0), proportional)
        self.intercept = max(ms - self.slope * cost, 0.0)
