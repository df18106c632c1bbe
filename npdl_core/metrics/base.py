"""The contract of a metric."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Protocol, runtime_checkable

from npdl_core.component import Component

__all__ = ["Metric", "MetricProtocol"]


@runtime_checkable
class MetricProtocol(Protocol):
    """What a model relies on."""

    def reset(self) -> None:
        """Forget everything."""

    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Take a batch in."""

    def result(self) -> Any:
        """Return the value over all batches since the last reset."""


class Metric(Component):
    """A number over a whole data set, gathered batch by batch.

    :meth:`result` is exact for the data set however it was cut into batches, and respects masks and sample
    weights; with no data at all it is NaN.
    """

    kind: ClassVar[str] = "metrics"

    @abstractmethod
    def reset(self) -> None:
        """Forget everything."""

    @abstractmethod
    def update(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> None:
        """Take in outputs (..., K), targets, mask (...) and sample weights, as an objective does.

        Raises
        ------
        DataError
            If the shapes do not fit; what was gathered before stays.
        """

    @abstractmethod
    def result(self) -> Any:
        """Return the value over all batches since the last reset."""
