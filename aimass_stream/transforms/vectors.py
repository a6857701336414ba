"""Transforms of numbers: out of JSON, joined, filled up, scaled, and selected. Declarations only.

`numbers` and `columns` do them; what is fitted is an estimator of scikit-learn's under the same
name, unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self

from msgspec import Meta

from aimass_stream.errors import ConfigError
from aimass_stream.transforms.chain import Chain, Kind, Transform

_DOES = "aimass_stream.transforms.numbers:"
_FITS = "aimass_stream.transforms.columns:"

_Names = Annotated[tuple[str, ...], Meta(min_length=1)]


class Fields(Transform, frozen=True):
    """Numbers of a JSON object by name: a column each; NaN where one is missing or null.

    Attributes:
        names: of the fields; true and false are 1 and 0.
    """

    takes = Kind.OBJECT
    gives = Kind.VECTOR
    does = _DOES + "fields"

    names: _Names


class Category(Transform, frozen=True):
    """A text of a JSON object as one column for each value: 1 where it is that value, else 0.

    Attributes:
        name: of the field.
        values: what it may be; all columns are 0 for anything else.
    """

    takes = Kind.OBJECT
    gives = Kind.VECTOR
    does = _DOES + "category"

    name: str
    values: _Names


class Numbers(Transform, frozen=True):
    """A list of numbers in a JSON object: a column each.

    Attributes:
        name: of the field.
        count: how many there must be.
    """

    takes = Kind.OBJECT
    gives = Kind.VECTOR
    does = _DOES + "numbers"

    name: str
    count: Annotated[int, Meta(ge=1, le=100_000)]


class Join(Transform, frozen=True):
    """Several features of the same thing, beside each other: `Join.of(Brightness(), Hog())`.

    Attributes:
        chains: each takes the same and gives a vector; none has a step that is fitted.
    """

    gives = Kind.VECTOR
    does = _DOES + "join"

    chains: Annotated[tuple[Chain, ...], Meta(min_length=1)]

    @property
    def takes(self) -> Kind:  # type: ignore[override]  # what its branches take
        """What every branch takes."""
        return self.chains[0].takes

    @classmethod
    def of(cls, *branches: Transform | Chain) -> Self:
        """The columns of each branch, in this order.

        Raises:
            ConfigError: they do not take the same, give no vector, or hold a fitted step.
        """
        chains = [one if isinstance(one, Chain) else Chain(one) for one in branches]
        return cls(tuple(chains))

    def __post_init__(self) -> None:
        if {one.gives for one in self.chains} != {Kind.VECTOR}:
            raise ConfigError("Join: every branch must give a vector.")
        if len({one.takes for one in self.chains}) != 1:
            raise ConfigError("Join: every branch must take the same.")
        if any(one.fitted_steps for one in self.chains):
            raise ConfigError("Join: what is fitted belongs behind it, not into a branch.")


class Columns(Transform, frozen=True):
    """Base of what an estimator of scikit-learn does to vectors once it is fitted.

    Attributes:
        estimator: its class there.
        fixed: arguments that are always so.
        called: what an argument is called there, where that is another name.
    """

    takes = gives = Kind.VECTOR
    does = _FITS + "FittedColumns"
    is_fitted = True

    estimator: ClassVar[str]
    fixed: ClassVar[Mapping[str, Any]] = {}
    called: ClassVar[Mapping[str, str]] = {}

    @property
    def recipe(self) -> dict[str, Any]:
        """Arguments of the estimator."""
        told = {self.called.get(name, name): value for name, value in self.arguments.items()}
        return {**told, **self.fixed}


class Impute(Columns, frozen=True):
    """Fill in what is missing (`SimpleImputer`); a column that was never there becomes 0.

    Attributes:
        strategy: what of the captured range it is filled with.
    """

    estimator = "SimpleImputer"
    fixed = MappingProxyType({"keep_empty_features": True})

    strategy: Literal["mean", "median", "most_frequent"] = "median"


class StandardScale(Columns, frozen=True):
    """Mean 0 and variance 1 over the captured range (`StandardScaler`)."""

    estimator = "StandardScaler"


class MinMaxScale(Columns, frozen=True):
    """From 0 to 1 over the captured range (`MinMaxScaler`).

    Attributes:
        clip: whether what lies outside of the range is brought to its ends.
    """

    estimator = "MinMaxScaler"

    clip: bool = False


class RobustScale(Columns, frozen=True):
    """By median and quartiles, which outliers do not move (`RobustScaler`)."""

    estimator = "RobustScaler"


class Normalize(Columns, frozen=True):
    """Each vector divided by its length (`Normalizer`); zeros stay.

    Attributes:
        norm: which length.
    """

    estimator = "Normalizer"

    norm: Literal["l1", "l2", "max"] = "l2"


class VarianceThreshold(Columns, frozen=True):
    """Columns that vary more than this (`VarianceThreshold`).

    Attributes:
        threshold: variance of a column that is left out, at the most.
    """

    estimator = "VarianceThreshold"

    threshold: Annotated[float, Meta(ge=0)] = 0.0


class ChiSquare(Columns, frozen=True):
    """The columns that tell classes apart best, by chi² (`SelectKBest`); no number is negative.

    Attributes:
        columns: how many are kept.
    """

    estimator = "SelectKBest"
    called = MappingProxyType({"columns": "k"})

    columns: Annotated[int, Meta(ge=1)]


class RecursiveElimination(Columns, frozen=True):
    """The columns that are left when the weakest is taken out again and again (`RFE`).

    Attributes:
        columns: how many are kept.
        by: whose coefficients say which is the weakest: `logistic` for classes, `linear` for
            numbers.
        step: columns taken out at a time.
    """

    estimator = "RFE"
    called = MappingProxyType({"columns": "n_features_to_select", "by": "estimator"})

    columns: Annotated[int, Meta(ge=1)]
    by: Literal["logistic", "linear"] = "logistic"
    step: Annotated[int, Meta(ge=1)] = 1


class PrincipalComponents(Columns, frozen=True):
    """Fewer columns that hold most of the variance (`PCA`).

    Attributes:
        columns: how many.
        whiten: whether each gets variance 1.
    """

    estimator = "PCA"
    called = MappingProxyType({"columns": "n_components"})
    # Other solvers draw at random: a second fit of the same range would give other columns.
    fixed = MappingProxyType({"svd_solver": "full"})

    columns: Annotated[int, Meta(ge=1)]
    whiten: bool = False


class ClipOutliers(Transform, frozen=True):
    """Numbers beyond two quantiles of the captured range are brought to them, column by column.

    Attributes:
        low: the lower quantile, 0 to 1.
        high: the upper one.
    """

    takes = gives = Kind.VECTOR
    does = _FITS + "Clip"
    is_fitted = True

    low: Annotated[float, Meta(ge=0, le=1)] = 0.01
    high: Annotated[float, Meta(ge=0, le=1)] = 0.99

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ConfigError("ClipOutliers: low must be below high.")


class RefuseOutliers(Transform, frozen=True):
    """A record with a number far outside of the captured range is refused (Tukey's fences).

    Far is more than `fence` times the distance of the quartiles beyond either of them, in any
    column. While fitting, such records are left out of what is learnt behind it.

    Attributes:
        fence: in distances of the quartiles; 1.5 is Tukey's outlier, 3 his far out.
    """

    takes = gives = Kind.VECTOR
    does = _FITS + "Fence"
    is_fitted = True

    fence: Annotated[float, Meta(gt=0)] = 3.0
