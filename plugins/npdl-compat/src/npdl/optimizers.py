"""NumpyDL's optimizers; others of npdl's are found here by their class names."""

from npdl_compat.bases import Optimizer
from npdl_compat.lookup import rest_of
from npdl_compat.optimizers import get, npdl_clip
from npdl_core.optimizers.sgd import SGD
from npdl_optim import Adadelta, Adagrad, Adam, Adamax, Momentum, NesterovMomentum, RMSprop

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamax",
    "Momentum",
    "NesterovMomentum",
    "Optimizer",
    "RMSprop",
    "get",
    "npdl_clip",
]

for _cls in (Adadelta, Adagrad, Adam, Adamax, RMSprop, SGD):
    Optimizer.register(_cls)

__getattr__ = rest_of("optimizers")
