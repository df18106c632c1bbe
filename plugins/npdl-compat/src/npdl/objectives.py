"""NumpyDL's objectives: mean losses whose gradients add up over samples."""

from npdl_compat.bases import Objective
from npdl_compat.objectives import (
    BinaryCrossEntropy,
    HellingerDistance,
    MeanSquaredError,
    SoftmaxCategoricalCrossEntropy,
    get,
)

__all__ = [
    "BCE",
    "MSE",
    "SCCE",
    "BinaryCrossEntropy",
    "HeD",
    "HellingerDistance",
    "MeanSquaredError",
    "Objective",
    "SoftmaxCategoricalCrossEntropy",
    "get",
]

MSE = MeanSquaredError
HeD = HellingerDistance
BCE = BinaryCrossEntropy
SCCE = SoftmaxCategoricalCrossEntropy
