r"""NumpyDL's objectives: the loss is the mean over samples, the gradient that of the sum.

NumpyDL never divided by N in ``backward``, and the learning rates of its programs assume that:
:math:`N` times the derivative of the loss that is reported.
"""

from __future__ import annotations

from typing import Any, ClassVar

from npdl_compat.bases import Objective
from npdl_compat.lookup import getter
from npdl_core import registry
from npdl_core.errors import ConfigError

__all__ = [
    "BinaryCrossEntropy",
    "HellingerDistance",
    "MeanSquaredError",
    "SoftmaxCategoricalCrossEntropy",
    "Summed",
    "get",
]


class Summed(Objective):
    """Any objective of the registry, with the gradient of its sum over samples.

    Parameters
    ----------
    name : str
        Whose.
    **config
        Its arguments.

    Notes
    -----
    A saved model names the objective with ``reduction="sum"``: a program that goes on training with it does
    the same updates.

    Examples
    --------
    >>> import numpy as np
    >>> loss = Summed("mse")
    >>> p, t = np.array([[3.0], [1.0]]), np.array([[1.0], [1.0]])
    >>> loss.forward(p, t), loss.backward(p, t).tolist()
    (1.0, [[2.0], [0.0]])
    """

    def __init__(self, name: str, **config: Any) -> None:
        self.mean = registry.get("objectives", name, **config)
        self.sum = _with_sum(name, self.mean, config)
        self.fuses = self.sum.fuses

    def forward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Any:
        """Return the mean loss of the samples."""
        return self.mean.forward(outputs, targets, mask, sample_weight)

    def backward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Any:
        """Return N times the derivative of :meth:`forward` with respect to ``outputs``."""
        return self.sum.backward(outputs, targets, mask, sample_weight)

    def fused_backward(self, outputs: Any, targets: Any, mask: Any = None, sample_weight: Any = None) -> Any:
        """Return the same with respect to the argument of the softmax below."""
        return self.sum.fused_backward(outputs, targets, mask, sample_weight)

    def to_json(self) -> dict[str, Any]:
        """Return the envelope of the objective whose gradient this is."""
        envelope: dict[str, Any] = self.sum.to_json()
        return envelope


def _with_sum(name: str, mean: Any, config: dict[str, Any]) -> Any:
    """Return the objective again, summed.

    Raises
    ------
    ConfigError
        If it is not a mean over samples, so that there is no N to multiply by.
    """
    if mean.config.get("reduction") != "mean":
        raise ConfigError(f"{mean} is no mean over samples; hand it to npdl_core.Model instead")
    return registry.get("objectives", name, **{**config, "reduction": "sum"})


class _Named(Summed):
    component: ClassVar[str]

    def __init__(self, **config: Any) -> None:
        super().__init__(self.component, **config)


class MeanSquaredError(_Named):
    r""":math:`\frac{1}{2N} \sum_n \sum_j (p - t)^2`, with the gradient :math:`p - t`.

    Examples
    --------
    >>> MeanSquaredError().backward([[3.0, 1.0]], [[1.0, 1.0]]).tolist()
    [[2.0, 0.0]]
    """

    component = "mean_squared_error"

    def __init__(self) -> None:
        super().__init__()


class _Clipped(_Named):
    def __init__(self, epsilon: float = 1e-11) -> None:
        super().__init__(epsilon=epsilon)


class HellingerDistance(_Clipped):
    r""":math:`\frac1N \sum_n \sum_j (\sqrt p - \sqrt t)^2 / \sqrt 2`.

    The gradient is :math:`(\sqrt p - \sqrt t) / \sqrt{2p}`, finite at p = 0.

    Parameters
    ----------
    epsilon : float
        The least p that the gradient divides by.

    Examples
    --------
    >>> round(HellingerDistance().forward([[0.25]], [[1.0]]), 4)
    0.1768
    """

    component = "hellinger_distance"


class BinaryCrossEntropy(_Clipped):
    r""":math:`-\frac1N \sum_n \sum_j t \ln p + (1 - t) \ln(1 - p)`.

    The gradient is :math:`(p - t) / p(1 - p)`.

    Parameters
    ----------
    epsilon : float
        The least p and 1 - p whose logarithm is taken.

    Examples
    --------
    >>> BinaryCrossEntropy().backward([[0.5]], [[1.0]]).tolist()
    [[-2.0]]
    """

    component = "binary_cross_entropy"


class SoftmaxCategoricalCrossEntropy(_Clipped):
    r""":math:`-\frac1N \sum_n \sum_j t \ln p`, with the gradient :math:`-t / p`.

    Behind a softmax the two make :math:`p - t` with respect to its argument, which a model computes at once.
    Targets may be class ids.

    Parameters
    ----------
    epsilon : float
        The least p whose logarithm is taken.

    Examples
    --------
    >>> SoftmaxCategoricalCrossEntropy().fused_backward([[0.75, 0.25]], [[1.0, 0.0]]).tolist()
    [[-0.25, 0.25]]
    """

    component = "softmax_categorical_cross_entropy"


_OWN = (MeanSquaredError, HellingerDistance, BinaryCrossEntropy, SoftmaxCategoricalCrossEntropy)


def _by_name(name: str) -> Objective:
    """Return the objective of a name: NumpyDL's four under all their names, the registry's others summed."""
    component = registry.canonical_name("objectives", registry.resolve("objectives", name))
    for cls in _OWN:
        if cls.component == component:
            return cls()
    return Summed(name)


get = getter("objective", Objective, _by_name)
