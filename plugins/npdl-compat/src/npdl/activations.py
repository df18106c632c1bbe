"""NumpyDL's activations; others of npdl's are found here by their class names."""

from npdl_compat.bases import Activation
from npdl_compat.lookup import from_registry, getter, rest_of
from npdl_core.activations.base import Activation as _Activation
from npdl_core.activations.linear import Linear
from npdl_core.activations.rectifiers import ReLU, SoftPlus
from npdl_core.activations.sigmoids import Sigmoid, Tanh
from npdl_core.activations.softmax import Softmax
from npdl_core.activations.softsigns import Elliot, SoftSign, SymmetricElliot

__all__ = [
    "Activation",
    "Elliot",
    "Linear",
    "ReLU",
    "Sigmoid",
    "SoftPlus",
    "SoftSign",
    "Softmax",
    "SymmetricElliot",
    "Tanh",
    "get",
]

for _cls in (Elliot, Linear, ReLU, Sigmoid, SoftPlus, SoftSign, Softmax, SymmetricElliot, Tanh):
    Activation.register(_cls)

get = getter("activation", _Activation, from_registry("activations"))
__getattr__ = rest_of("activations")
