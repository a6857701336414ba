"""The declaration of a learner that groups embeddings; importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require,
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import TrackedCluster


@dataclass(frozen=True)
class Clusters(Learner[TrackedCluster]):
    """Groups embeddings by likeness, without labels, and follows the groups as they change.

    ```python
    sounds = Clusters("sounds", dimensions=160)
    ```

    Its log holds embeddings (JSON of `records.Embedding`). Every `refit_records` the clusters are
    drawn anew on a sliding window: scikit-learn's HDBSCAN (Campello, Moulavi and Sander 2013) on
    the principal components of the window. A new cluster that holds most of what an old one held
    in the window is that one, and keeps its id; what merged, split, came or went is said by the
    next answer (the transitions of MONIC, Spiliopoulou et al. 2006). Until the first are drawn,
    records belong to none.

    Attributes:
        dimensions: length of an embedding.
        window_records: records that clusters are drawn on, at the most.
        refit_records: records from one drawing to the next.
        least_records: of the window that make a cluster.
        components: principal components that are looked at.
        reach: how far from a centre a record may lie to belong to it, in the cluster's radii; a
            radius holds nine in ten of its records.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.clusters.state:ClustersState"

    name: str
    dimensions: int
    _: KW_ONLY
    window_records: int = 1_000
    refit_records: int = 250
    least_records: int = 15
    components: int = 8
    reach: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, dimensions=1, refit_records=1, least_records=2, components=1)
        require(
            self,
            holds=self.window_records >= 2 * self.least_records,
            otherwise="window_records must hold two clusters of least_records",
        )
        require_above_zero(self, "reach")

    @property
    def answer_type(self) -> type[TrackedCluster]:
        """The cluster a record belongs to."""
        return TrackedCluster

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
