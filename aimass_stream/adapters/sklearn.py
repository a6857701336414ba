"""The declaration of an estimator of scikit-learn; importing it does not import scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from aimass_stream.adapters.tasks.declaration import TaskModel
from aimass_stream.adapters.tasks.vectors import SKLEARN_TASKS
from aimass_stream.model import AnswerT

if TYPE_CHECKING:
    from typing import Unpack

    from aimass_stream.adapters.tasks import vectors
    from aimass_stream.records import Cluster, Estimate, Prediction


@dataclass(frozen=True, slots=True, init=False)
class Sklearn(TaskModel[AnswerT], Generic[AnswerT]):
    """A random forest, SVM, nearest neighbours and others, with the chain it was fitted behind.

    ```python
    churn = Sklearn("classification", "models://shop-churn", top=2)
    ```

    The folder is what `aimass_stream.training.fitting.fit` wrote: an estimator on a list, as JSON
    and safetensors, and the chain that makes its columns of an image, a recording, a text or a
    JSON object. `docs/models/data-mining.md` has it in full.

    Attributes:
        task: `classification`, `regression` or `clustering`.
        location: as that of `Transformers`.
        settings: of the task; defaults where nothing was told.

    Raises:
        ConfigError: the task or a setting is not known, or a setting's value cannot be.
    """

    tasks = SKLEARN_TASKS

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Sklearn[Prediction],
            task: Literal["classification"],
            location: str,
            **settings: Unpack[vectors.Classification],
        ) -> None: ...

        @overload
        def __init__(
            self: Sklearn[Estimate],
            task: Literal["regression"],
            location: str,
            **settings: Unpack[vectors.Vectors],
        ) -> None: ...

        @overload
        def __init__(
            self: Sklearn[Cluster],
            task: Literal["clustering"],
            location: str,
            **settings: Unpack[vectors.Vectors],
        ) -> None: ...

        def __init__(self, task: str, location: str, **settings: Any) -> None: ...
